# shellcheck shell=bash
# Configure and build, one at a time. Sourced, after say.sh, with the working directory at the top of the sources.

# configured PRESET VARIABLE VALUE: whether the build folder of that preset was made with that value.
configured() {
  grep -qs "^$2:[A-Z]*=$3\$" "build/$1/CMakeCache.txt" && [[ -f build/$1/build.ninja ]]
}

# build PRESET TESTS TARGET…: brings the targets up to date in build/PRESET. TESTS: ON, or OFF for "not needed": then a
# folder that has them keeps them, since turning them off would throw their objects away.
build() {
  local preset=$1 tests=$2 log=build/log/$1
  shift 2
  mkdir -p build/log || fail "the folder build can't be written by $(id -un): give the sources to that account, or clone them as it"
  # Two commands at once must not build in one folder.
  exec {build_lock}>"build/log/$preset.lock"
  flock "$build_lock"
  if ! configured "$preset" COUNTERSIGN_TESTS ON && ! configured "$preset" COUNTERSIGN_TESTS "$tests"; then
    with_progress "configuring the preset $preset" "$log-configure.log" cmake --preset "$preset" -DCOUNTERSIGN_TESTS="$tests" || exit 1
    say "configured: preset $preset in build/$preset"
  fi
  local began=$SECONDS
  with_progress "building $preset" "$log-build.log" cmake --build "build/$preset" --target "$@" || exit 1
  exec {build_lock}>&-
  if grep -q 'ninja: no work to do' "$log-build.log"; then
    say "up to date: $preset"
  else
    say "built: $preset in $((SECONDS - began)) s"
  fi
}

# drop_to_user SCRIPT ARGUMENT…: when sudo made us root, everything but installing is done by the person who asked.
drop_to_user() {
  if ((EUID == 0)) && [[ -n ${SUDO_USER:-} && ${SUDO_USER:-} != root ]]; then
    exec runuser -u "$SUDO_USER" -- "$@"
  fi
}
