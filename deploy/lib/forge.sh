# shellcheck shell=bash
# Three forgeries of a ledger, each on a copy, each of which a glance at `git log` would not notice. Sourced.
# All of them turn the vote that approved into one by alice, who never pressed anything.
forged_voter=alice

# approval_of REPO: the commit of the newest approval.
approval_of() {
  git -C "$1" log -n 1 --format=%H --grep='^Countersign-Kind: request.approved$'
}

# voter_of REPO: who gave the vote that approved.
voter_of() {
  git -C "$1" log -n 1 --format=%an "$(approval_of "$1")"
}

# vote_of REPO COMMIT: the path of the vote that this commit carries.
vote_of() {
  git -C "$1" diff-tree --no-commit-id --name-only -r "$2" | grep '/votes/'
}

# forge_object REPO: changes the bytes of the vote below git's feet. Every commit id and signature stays as it was.
forge_object() {
  local repo=$1 commit vote voter old new pack
  commit=$(approval_of "$repo")
  voter=$(voter_of "$repo")
  vote=$(vote_of "$repo" "$commit")
  old=$(git -C "$repo" rev-parse "$commit:$vote")
  mkdir "$repo/.git/packed"
  mv "$repo"/.git/objects/pack/* "$repo/.git/packed/"
  for pack in "$repo"/.git/packed/*.pack; do
    git -C "$repo" unpack-objects -q <"$pack"
  done
  rm -rf "$repo/.git/packed"
  new=$(git -C "$repo" cat-file blob "$old" | sed "s/\"$voter\"/\"$forged_voter\"/g" | git -C "$repo" hash-object -w --stdin)
  mv -f "$repo/.git/objects/${new:0:2}/${new:2}" "$repo/.git/objects/${old:0:2}/${old:2}"
}

# edited_tree REPO TREE SED-SCRIPT PATH…: prints the tree with these files, where they are there, edited.
edited_tree() {
  local repo=$1 tree=$2 script=$3 path blob
  local -x GIT_INDEX_FILE=$repo/.git/forged-index
  git -C "$repo" read-tree "$tree"
  for path in "${@:4}"; do
    git -C "$repo" cat-file -e "$tree:$path" 2>/dev/null || continue
    blob=$(git -C "$repo" cat-file blob "$tree:$path" | sed "$script" | git -C "$repo" hash-object -w --stdin)
    git -C "$repo" update-index --cacheinfo "100644,$blob,$path"
  done
  git -C "$repo" write-tree
}

# digest_of REPO PARENT-TREE TREE: the value of Countersign-Digest over the files that TREE adds, as ledger/FORMAT.md says.
digest_of() {
  local repo=$1 path
  git -C "$repo" diff-tree -r --name-only "$2" "$3" | while read -r path; do
    printf '%s\0%s\n' "$path" "$(git -C "$repo" cat-file blob "$3:$path" | sha256sum | cut -d' ' -f1)"
  done | LC_ALL=C sort | sha256sum | cut -d' ' -f1
}

# forge_history REPO [KEY]: rewrites the approval and every commit after it, with authors, texts, trailers and digests put
# right. Without KEY the old signatures stay in place. With it the whole ledger is signed anew by that key, and the
# ledger's own files name it.
forge_history() {
  local repo=$1 key=${2:-} approval vote voter commit tree parent='' parent_tree body swap='' named=()
  approval=$(approval_of "$repo")
  vote=$(vote_of "$repo" "$approval")
  voter=$(voter_of "$repo")
  local range=(HEAD)
  if [[ -n $key ]]; then
    swap=$(key_swap "$repo" "$key")
    mapfile -t named < <(files_that_name_the_key "$repo")
    parent_tree=$(git -C "$repo" hash-object -t tree /dev/null)
  else
    parent=$(git -C "$repo" rev-parse "$approval^")
    parent_tree=$(git -C "$repo" rev-parse "$parent^{tree}")
    range=("$parent..HEAD")
  fi
  for commit in $(git -C "$repo" rev-list --reverse "${range[@]}"); do
    tree=$(edited_tree "$repo" "$commit^{tree}" "s/\"$voter\"/\"$forged_voter\"/g" "$vote" "$(dirname "$(dirname "$vote")")/decision.json")
    [[ -z $key ]] || tree=$(edited_tree "$repo" "$tree" "$swap" "${named[@]}")
    body=$(git -C "$repo" cat-file commit "$commit" | sed -e "1,/^author /{s/^tree .*/tree $tree/;s/^parent .*/parent $parent/}" \
      -e "s/^Countersign-Digest: .*/Countersign-Digest: sha256:$(digest_of "$repo" "$parent_tree" "$tree")/")
    if [[ $commit == "$approval" ]]; then
      body=$(sed -e "s/^author $voter <$voter@/author $forged_voter <$forged_voter@/" -e "s/ by $voter\$/ by $forged_voter/" \
        -e "s/^Countersign-Actor: $voter\$/Countersign-Actor: $forged_voter/" <<<"$body")
    fi
    [[ -z $key ]] || body=$(sign_body "$body" "$key")
    parent=$(git -C "$repo" hash-object -t commit -w --stdin <<<"$body")
    parent_tree=$tree
  done
  git -C "$repo" update-ref refs/heads/main "$parent"
  git -C "$repo" reset -q --hard "$parent"
}

# key_of FILE: the public key in a file of allowed signers or of a key, as base64.
key_of() {
  grep -oE -m 1 'AAAA[A-Za-z0-9+/=]+' "$1"
}

# fingerprint_of FILE: the same as SHA256:….
fingerprint_of() {
  printf 'ssh-ed25519 %s\n' "$(key_of "$1")" | ssh-keygen -lf - | cut -d' ' -f2
}

# files_that_name_the_key REPO: the files at the head that hold the ledger's key or its fingerprint.
files_that_name_the_key() {
  git -C "$1" grep -lF -e "$(key_of "$1/keys/0001-allowed_signers")" -e "$(fingerprint_of "$1/keys/0001-allowed_signers")" HEAD | cut -d: -f2-
}

# key_swap REPO KEY: a sed script that puts KEY where the ledger's key is named.
key_swap() {
  printf 's|%s|%s|;s|%s|%s|' "$(key_of "$1/keys/0001-allowed_signers")" "$(key_of "$2.pub")" \
    "$(fingerprint_of "$1/keys/0001-allowed_signers")" "$(fingerprint_of "$2.pub")"
}

# sign_body TEXT KEY: the commit's text with a signature by KEY in place of the one that it had.
sign_body() {
  local bare signature
  bare=$(awk '/^gpgsig /{skip=1; next} skip && /^ /{next} {skip=0; print}' <<<"$1")
  signature=$(ssh-keygen -Y sign -q -n git -f "$2" <<<"$bare")
  # The header stands after the committer; each of its lines but the first begins with a space.
  awk -v signature="$signature" '
    !done && /^$/ { n = split(signature, line, "\n"); print "gpgsig " line[1]; for (i = 2; i <= n; i++) print " " line[i]; done = 1 }
    { print }' <<<"$bare"
}
