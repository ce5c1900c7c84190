# shellcheck shell=bash
# The story without a person, and the proof: stock git and the product's own verifier judge the ledger, then forged
# copies of it. Sourced, together with say.sh and forge.sh.
# shellcheck disable=SC2034  # `pin` is read by the caller

# Whatever git is set up to do here must not take part.
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0

# play_the_story PROGRAM DIR: runs the scenario and sets `pin`, the fingerprint that an auditor is given.
play_the_story() {
  local log=$2.log
  say "the story, each line with its seconds since the playground began:"
  # 180 s: the story takes 10 s; the slowest machine gets its time, a hanging one an end.
  if ! timeout --kill-after=10 180 "$1" playground --scenario hands-off --port 0 --dir "$2" 2>&1 </dev/null | tee "$log"; then
    tail -n 20 "$2/bot.log" >&2 || true
    fail "the story did not come to its end; $log and $2/bot.log say more"
  fi
  pin=$(grep -oE 'SHA256:[A-Za-z0-9+/]{43}' "$log" | tail -n 1) || fail "the playground named no pin in $log"
}

# check_signatures REPO KEYS: prints how many commits stock git calls good, and returns 1 if any is not.
check_signatures() {
  local commit good=0 bad=0
  for commit in $(git -C "$1" rev-list HEAD); do
    if git -C "$1" -c "gpg.ssh.allowedSignersFile=$2" verify-commit "$commit" >/dev/null 2>&1; then
      good=$((good + 1))
    else
      bad=$((bad + 1))
    fi
  done
  echo "$good good, $bad bad"
  ((good > 0 && bad == 0))
}

# votes_of REPO: who approved, and on which platform, read from the papers themselves.
votes_of() {
  local file list=''
  for file in $(git -C "$1" ls-files 'cases/*/votes/*-approve-*.json'); do
    list+="${list:+, }$(grep -oE '"person": ?"[^"]*"' "$1/$file" | cut -d'"' -f4) on $(grep -oE '"platform": ?"[^"]*"' "$1/$file" | cut -d'"' -f4)"
  done
  echo "$list"
}

# judge_the_ledger PROGRAM LEDGER DIR PIN: an auditor with a clone, stock git and the pin.
judge_the_ledger() {
  local clone=$3/clone keys found count
  git clone -q --no-local --branch main "$2" "$clone"
  say "git clone: $(git -C "$clone" rev-list --count HEAD) entries, $(git -C "$clone" ls-files | wc -l) files"
  # The auditor's file of keys: from the clone, but believed only because its fingerprint is the pin.
  keys=$3/auditor-signers
  cp "$clone/keys/0001-allowed_signers" "$keys"
  found=$(fingerprint_of "$keys")
  [[ $found == "$4" ]] || fail "the clone's key is $found, the pin is $4"
  say "keys/0001-allowed_signers is the pinned key: $found"
  count=$(check_signatures "$clone" "$keys") || fail "git verify-commit: $count"
  say "git verify-commit: $count"
  git -C "$clone" fsck --full --strict --no-progress >"$3/fsck.log" 2>&1 || fail "git fsck objects; $3/fsck.log says why"
  say "git fsck --full --strict: clean"
  say "the votes, as they stand in the clone: $(votes_of "$clone")"
  "$1" ledger verify --ledger "$clone" --key "$4" >"$3/verify.log" 2>&1 || fail "ledger verify objects; $3/verify.log says why"
  say "countersign ledger verify --key PIN: $(grep -c '^ *ok ' "$3/verify.log") rules hold; $(tail -n 1 "$3/verify.log")"
}

# objections LOG: the names of the rules that the verifier found broken.
objections() {
  awk '$1 == "FAIL" { names = names (names == "" ? "" : ", ") $2 } END { print names == "" ? "no rule was named" : names }' "$1"
}

# ledger_objects PROGRAM REPO PIN LOG: the product's verifier must answer no (1), not stumble (3).
ledger_objects() {
  local code=0
  "$1" ledger verify --ledger "$2" --key "$3" >"$4" 2>&1 || code=$?
  ((code == 1)) || fail "ledger verify answered $code to a forged ledger ($2) instead of 1; $4 says more"
  say "    ledger verify objects: $(objections "$4")"
}

# judge_forgeries PROGRAM DIR PIN: forges three copies of DIR/clone; git and the verifier must object to each.
judge_forgeries() {
  local clone=$2/clone keys=$2/auditor-signers forged count voter
  voter=$(voter_of "$clone")

  forged=$2/forged-object
  git clone -q --no-local "$clone" "$forged"
  forge_object "$forged"
  say "forgery 1: $voter's vote reads $forged_voter, changed below git's feet; every commit id is as it was"
  [[ $(git -C "$forged" log --format=%H) == "$(git -C "$clone" log --format=%H)" ]] || fail "the forgery did not come out as meant"
  if git -C "$forged" fsck --full --strict --no-progress >"$forged.fsck.log" 2>&1; then
    fail "git fsck did not notice that an object of $forged was changed"
  fi
  say "    git fsck objects: $(grep -m 1 -E 'mismatch|error' "$forged.fsck.log" | cut -c1-120)"
  ledger_objects "$1" "$forged" "$3" "$forged.verify.log"

  forged=$2/forged-history
  git clone -q --no-local "$clone" "$forged"
  forge_history "$forged"
  git -C "$forged" fsck --full --strict --no-progress >"$forged.fsck.log" 2>&1 || fail "the forgery did not come out as meant: $forged.fsck.log"
  say "forgery 2: the approval and all after it rewritten as $forged_voter's, trailers and digests put right; git fsck is content"
  if count=$(check_signatures "$forged" "$keys"); then
    fail "git verify-commit did not notice the rewritten commits of $forged"
  fi
  say "    git verify-commit objects: $count"
  ledger_objects "$1" "$forged" "$3" "$forged.verify.log"

  forged=$2/forged-key
  git clone -q --no-local "$clone" "$forged"
  ssh-keygen -q -t ed25519 -N '' -C '' -f "$forged.key"
  forge_history "$forged" "$forged.key"
  count=$(check_signatures "$forged" "$forged/keys/0001-allowed_signers") || fail "the forgery did not come out as meant: $count"
  say "forgery 3: the same, all of it signed by the forger's own key, which the copy's keys/ now names: by that file $count"
  if count=$(check_signatures "$forged" "$keys"); then
    fail "git verify-commit did not notice the foreign key of $forged"
  fi
  say "    git verify-commit with the pinned key objects: $count"
  ledger_objects "$1" "$forged" "$3" "$forged.verify.log"
}
