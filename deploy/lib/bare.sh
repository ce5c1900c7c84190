# shellcheck shell=bash
# A bare Debian 12 root, to see what is true where nothing of ours is: made by debootstrap, entered by chroot. Sourced, after
# say.sh. Both need root.

# why_no_bare: prints why there can't be one; nothing when there can.
why_no_bare() {
  if ((EUID != 0)); then
    echo "chroot needs root"
  elif ! command -v debootstrap >/dev/null 2>&1; then
    echo "debootstrap is not installed"
  elif ! unshare --mount chroot / true 2>/dev/null; then
    echo "chroot in a mount namespace of its own is not permitted here"
  fi
}

# make_bare DIR: a fresh minimal root at DIR, from the same sources as this machine's apt. One that was made before is kept
# in build/bare-base and copied.
make_bare() {
  local base=$PWD/build/bare-base mirror
  if [[ ! -f $base/.whole ]]; then
    rm -rf "$base"
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | head -n 1)
    with_progress "making a bare Debian 12" build/log/debootstrap.log \
      debootstrap --variant=minbase bookworm "$base" ${mirror:+"$mirror"} || return 1
    # Where packages come from, and how, is this machine's business.
    cp -a /etc/apt/apt.conf.d/. "$base/etc/apt/apt.conf.d/"
    if compgen -G '/etc/apt/sources.list.d/*.sources' >/dev/null; then
      rm -f "$base/etc/apt/sources.list"
      cp -a /etc/apt/sources.list.d/*.sources "$base/etc/apt/sources.list.d/"
    elif [[ -f /etc/apt/sources.list ]]; then
      cp -a /etc/apt/sources.list "$base/etc/apt/"
    fi
    cp -L /etc/resolv.conf "$base/etc/resolv.conf" 2>/dev/null || true
    printf '#!/bin/sh\nexit 101\n' >"$base/usr/sbin/policy-rc.d"  # no service is started in there
    chmod 755 "$base/usr/sbin/policy-rc.d"
    with_progress "reading the bare root's package lists" build/log/bare-update.log chroot "$base" apt-get update -qq || return 1
    touch "$base/.whole"
  fi
  rm -rf "$1"
  cp -a --reflink=auto "$base" "$1"
}

# in_bare DIR COMMAND…: runs it there with a small environment. /proc is there where it may be, for the command alone: its mounts go with
# it, so that deleting DIR deletes DIR.
in_bare() {
  unshare --mount --propagation private bash -c '
    root=$1
    shift
    mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc" 2>/dev/null || true
    exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
  ' in_bare "$@" </dev/null
}
