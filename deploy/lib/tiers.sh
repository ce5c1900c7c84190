# shellcheck shell=bash
# Runs the tiers of tests, remembers what came of each, and says so at the end. Sourced, after say.sh.

tiers=()          # a line a tier
skipped=()        # a line a part that did not run, with its reason
closing_line=''   # CTest's own, of the tests proper
tiers_failed=0
run_under=()      # what to run ctest under; set by the caller

# note_tier TEXT: a line of the closing summary.
note_tier() {
  tiers+=("$1")
  say "$1"
}

# skip_tier TIER REASON
skip_tier() {
  skipped+=("$1: $2")
  say "SKIPPED: $1: $2"
}

# run_tests PRESET CTEST-ARGUMENT…: runs the tests of build/PRESET, those of the label "full" with COUNTERSIGN_FULL=1
# alone. One more at a time than there are cores, since many of them wait for a clock or a child.
run_tests() {
  local preset=$1 log=build/log/$1-ctest.log code=0 began=$SECONDS closing counts line
  shift
  [[ ${COUNTERSIGN_FULL:-} == 1 ]] || set -- -LE '^full$' "$@"
  with_progress "testing $preset" "$log" "${run_under[@]}" \
    ctest --test-dir "build/$preset" -j "$(($(nproc) + 1))" --output-on-failure --no-tests=error --timeout 400 "$@" || code=$?
  closing=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests? failed out of [0-9]+' "$log" | tail -n 1 || true)
  # With two tests at once the part's own words stand in LastTest.log.
  while read -r line; do
    skipped+=("$preset: $line")
  done < <(sed -nE 's/^( *[0-9.]+ s)? *SKIPPED: //p' "build/$preset/Testing/Temporary/LastTest.log" 2>/dev/null | sort -u || true)
  if ((code != 0)); then
    tiers_failed=1
    # The failed tests in full, then their names.
    grep -E '^\s*[0-9]+ - .*\((Failed|Timeout|SEGFAULT|Subprocess aborted|Not Run|.*Exception.*)\)' "$log" >&2 || true
  fi
  counts=$(awk '/ Time Summary/ {seen = 1; next} seen && NF && /proc/ {printf "%s%s %s", (some ? ", " : ""), $1, $5; some = 1} /^Total Test time/ {exit}' "$log" | tr -d '()')
  if [[ $preset == release ]]; then
    closing_line=$closing
    printf '%s\n' "$closing" >build/log/closing-line
  fi
  note_tier "$preset: ${closing:-ctest ended with code $code}, $((SECONDS - began)) s${counts:+ (tests by label: $counts)}"
}

# run_benches: each bench beside its peer, against its targets.
run_benches() {
  local bench code count=0
  for bench in build/release/tests/bench/*/bench_*; do
    [[ -f $bench && -x $bench ]] || continue
    code=0
    count=$((count + 1))
    "$bench" --check || code=$?
    if ((code == 77)); then
      skip_tier "bench $(basename "$bench")" "its peer can't be installed here"
      continue
    fi
    ((code == 0)) || tiers_failed=1
    note_tier "bench $(basename "$bench"): $( ((code == 0)) && echo "targets met" || echo "FAILED, code $code")"
  done
  ((count)) || skip_tier bench "no bench was built"
}

# closing_summary: what ran, what did not and why, and CTest's closing line last. Exits 1 if anything failed.
closing_summary() {
  local line
  echo
  echo "Tiers that ran, in $(elapsed) s:"
  printf '  %s\n' "${tiers[@]}"
  echo "SKIPPED: ${#skipped[@]}"
  for line in "${skipped[@]}"; do
    printf '  %s\n' "$line"
  done
  ((tiers_failed == 0)) || echo "FAILED: build/log/*-ctest.log has the failed tests in full."
  [[ -z $closing_line ]] || echo "$closing_line"
  exit "$tiers_failed"
}
