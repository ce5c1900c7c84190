# shellcheck shell=bash
# What the commands say: one line a step, with the seconds since the command began. Sourced, never run.

say_began=${EPOCHREALTIME/[.,]/}

# elapsed: seconds since the command began, with tenths ("12.3").
elapsed() {
  local tenths=$(((${EPOCHREALTIME/[.,]/} - say_began) / 100000))
  printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

# say TEXT…: one line of the story.
say() {
  printf '%8s s  %s\n' "$(elapsed)" "$*"
}

# fail TEXT…: says what is wrong and the way out, and ends with 1.
fail() {
  printf '%8s s  FAILED: %s\n' "$(elapsed)" "$*" >&2
  exit 1
}

# with_progress TITLE LOG COMMAND…: runs the command quietly with its output in LOG. Silent when that takes less than
# 3 s; else says how far it is: live on a terminal, elsewhere every 30 s. On failure the end of LOG is shown; the
# command's exit code is returned. A program, or what ends with its subshell: an interruption ends only that one process.
with_progress() {
  local title=$1 log=$2 pid began=$SECONDS said=$SECONDS code=0 mark line=0
  shift 2
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  # A command that is interrupted takes its child along, and waits for it: what is cleaned up next may be in its hands.
  trap 'kill "$pid" 2>/dev/null || true; wait "$pid" || true; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    ((SECONDS - began >= 3)) || continue
    # Ninja prints "[7/120] …", ctest "7/120 Test …"; apt has nothing of the kind.
    mark=$(tail -c 4000 "$log" | tr '\r' '\n' | grep -oE '^(\[[0-9]+/[0-9]+\]|[ ]*[0-9]+/[0-9]+ Test)' | tail -n 1 | tr -cd '0-9/' || true)
    if [[ -t 1 ]]; then
      printf '\r%8s s  %s%s\e[K' "$(elapsed)" "$title" "${mark:+ ($mark)}"
      line=1
    elif ((SECONDS - said >= 30)); then
      say "$title${mark:+ ($mark)}"
      said=$SECONDS
    fi
  done
  wait "$pid" || code=$?
  trap - INT TERM
  ((line == 0)) || printf '\r\e[K'
  if ((code != 0)); then
    printf '%8s s  %s: failed with code %d; the end of %s:\n' "$(elapsed)" "$title" "$code" "$log" >&2
    # With Ninja the first error is what counts, and it stands below "FAILED:".
    if grep -q '^FAILED: ' "$log"; then
      grep -m 1 -A 30 '^FAILED: ' "$log" | cut -c1-400 >&2
    else
      tail -n 40 "$log" >&2
    fi
  fi
  return "$code"
}
