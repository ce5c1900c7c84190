# shellcheck shell=bash
# The Debian packages that each part needs, and how what is missing gets installed. Sourced, after say.sh.
# "package=program": any program of that name will do, wherever it came from.
# shellcheck disable=SC2034  # the lists are read by the commands

# To build the product. prometheus-cpp's CMake file looks for civetweb and CURL too; Debian's package brings both.
packages_build=(
  ca-certificates g++ cmake ninja-build=ninja pkg-config=pkg-config
  libboost1.81-dev libboost-url1.81-dev libssl-dev libcjose-dev zlib1g-dev libdeflate-dev rapidjson-dev libgit2-dev libre2-dev libyaml-cpp-dev
  libsystemd-dev
  libspdlog-dev libcli11-dev prometheus-cpp-dev
)
# To judge a ledger: git verifies SSH signatures with ssh-keygen. util-linux brings flock, runuser and setarch.
packages_judge=(git openssh-client util-linux procps=ps)
# To build and run the tests. The configuration's tests give code to real interpreters; the independent verifier of the
# ledger's format wants Python's whole standard library.
packages_test=(catch2 perl-base=perl python3 python3-yaml strace=strace curl=curl patch=patch diffutils=diff)
# Without these the tests of the page and those against others' own SDKs and servers are skipped, and say so.
packages_peers=(nodejs=node npm=npm chromium=chromium zsh=zsh fish=fish mandoc=mandoc systemd-journal-remote)
# For --full: the Debian package before lintian and in a bare root, and the container image. buildah runs in a chroot: it needs no
# other runtime.
packages_full=(dpkg-dev=dpkg-shlibdeps file=file lintian=lintian debootstrap=debootstrap buildah=buildah)
# For the presets clang and fuzz.
packages_clang=(clang-14=clang-14 llvm-14 libclang-rt-14-dev)
# missing_packages SPEC…: prints the packages that are not there.
missing_packages() {
  local spec package program installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
  for spec in "$@"; do
    package=${spec%%=*}
    program=${spec#"$package"}
    program=${program#=}
    if [[ -n $program ]]; then
      command -v "$program" >/dev/null 2>&1 && continue
    fi
    grep -qxF -- "$package" <<<"$installed" || printf '%s\n' "$package"
  done
}

# as_root COMMAND…: runs it as root: at once, or through sudo without a question (with one on a terminal). 77: no way.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  elif command -v sudo >/dev/null 2>&1 && [[ -t 0 && -t 2 ]]; then
    sudo -p 'Password of %u, to install packages: ' true && sudo -n "$@"
  else
    return 77
  fi
}

# install_now PACKAGE…: one apt-get install. 77: this account can't. What apt-get says is kept in $packages_log.
packages_log=''
install_now() {
  # Asked once here, where a terminal can answer: what follows runs without one.
  as_root true || return 77
  # Not below build/: as root we would leave folders there that the ordinary user can't write.
  packages_log=$(mktemp -t countersign-packages.XXXXXX)
  # Without a list nothing is found, and an old one names files that are gone. A source that fails need not be ours.
  with_progress "reading the package lists" "$packages_log" as_root apt-get update -qq || true
  with_progress "installing $# packages" "$packages_log" \
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -- "$@" || return 1
  rm -f "$packages_log"
}

# need_packages SPEC…: installs what is missing; ends the command when that can't be done.
need_packages() {
  local missing code=0
  if ! command -v apt-get >/dev/null 2>&1; then
    say "no apt-get here: this is written for Debian 12; going on with what is installed"
    return 0
  fi
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  say "missing packages: ${missing[*]}"
  install_now "${missing[@]}" || code=$?
  if ((code == 77)); then
    fail "this account can't install packages. An administrator must run: apt-get update && apt-get install --no-install-recommends ${missing[*]}"
  fi
  ((code == 0)) || fail "apt-get could not install what is missing; $packages_log says why. By hand: apt-get install --no-install-recommends ${missing[*]}"
  say "installed"
}

# want_packages SPEC…: the same for parts that can be left out: says so and goes on.
want_packages() {
  local missing
  command -v apt-get >/dev/null 2>&1 || return 0
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  say "missing packages, wanted by some tests: ${missing[*]}"
  if install_now "${missing[@]}"; then
    say "installed"
  else
    say "could not install ${missing[*]}: what needs them is skipped and says so"
  fi
}
