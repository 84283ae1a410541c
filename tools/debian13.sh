#!/usr/bin/env bash
# The TFX 1.21 stack in a Debian 13 tree, for machines whose C library is older.
#
#   tools/debian13.sh build            make the tree, unless it is there and current
#   tools/debian13.sh run COMMAND...   run COMMAND in it, on a copy of this source tree
#
# Needs root, debootstrap and a network for `build`, which ends with status 3 where the
# machine cannot have a tree (1: it can, but the stack does not install). The tree lies
# outside the source (~/.cache/elmo-tfx/trixie, or ELMO_TFX_DEBIAN13), about 5 GB, so
# that the next clone finds it. In the tree the copy is /build/elmo-tfx and the data
# beside the repository is /build/shared; what COMMAND writes goes away with the copy.
# Several may run at once: every run has a mount namespace of its own, which also
# undoes its mounts.
set -euo pipefail

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TREE=${ELMO_TFX_DEBIAN13:-${XDG_CACHE_HOME:-$HOME/.cache}/elmo-tfx/trixie}
SHARED=${ELMO_TFX_SHARED:-$SOURCE/../shared}
PACKAGES=python3,python3-venv,python3-dev,g++,make,git,ca-certificates
PYTORCH=python3-torch # For the test of BiLM; PyPI's brings gigabytes for GPUs.
VENV=/opt/elmo-tfx/venv
DISK_KIB=$((7 * 1024 * 1024))

say() { echo "debian13: $*" >&2; }
die() { say "$*"; exit 1; }
cannot() { say "$*"; exit 3; }

# What the tree is made from; a change in any of it makes a new tree.
recipe() {
  (cd "$SOURCE" && echo "2 $PACKAGES $PYTORCH" && # 2: for changes of `build`.
    cat requirements/bootstrap.txt requirements/tfx-1.21.txt) |
    sha256sum | cut -d' ' -f1
}

current() { [ "$(cat "$TREE/opt/elmo-tfx/stamp" 2>/dev/null)" = "$(recipe)" ]; }

# Runs a command in the tree $1 with the network's settings of this machine.
in_tree() {
  local tree=$1 copy=$2
  shift 2
  unshare --mount --propagation private bash -c '
    set -euo pipefail
    tree=$1 copy=$2 shared=$3 venv=$4
    shift 4
    mount -t proc proc "$tree/proc"
    mount --rbind /dev "$tree/dev"
    mount -t tmpfs -o mode=1777 tmp "$tree/tmp"
    mount --bind "$copy" "$tree/build/elmo-tfx"
    if [ -d "$shared" ]; then
      mount --bind "$shared" "$tree/build/shared"
      mount -o remount,bind,ro "$tree/build/shared"
      export ELMO_TFX_SHARED=/build/shared
    else
      unset ELMO_TFX_SHARED
    fi
    unset PYTHONPATH PYTHONHOME VIRTUAL_ENV PYENV_VERSION PYENV_ROOT XDG_CACHE_HOME
    export PATH="$venv/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root LANG=C.UTF-8 \
      TMPDIR=/tmp
    exec chroot "$tree" /bin/sh -c "cd /build/elmo-tfx && exec \"\$@\"" sh "$@"
  ' bash "$tree" "$copy" "$SHARED" "$VENV" "$@"
}

# What git knows of, and what it does not ignore: never an environment or outputs.
copy_source() {
  (cd "$SOURCE" && git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done |
    tar --create --null --no-recursion --ignore-failed-read --files-from=-) |
    tar --extract --directory "$1"
}

check_can_run() {
  [ "$(id -u)" = 0 ] || cannot "needs root to enter the tree"
  command -v unshare >/dev/null || cannot "needs unshare (Debian package util-linux)"
}

build() {
  check_can_run
  mkdir -p "$(dirname "$TREE")"
  exec 9>"$TREE.lock"
  flock 9
  if current; then
    say "the tree is there and current: $TREE"
    return
  fi
  command -v debootstrap >/dev/null ||
    cannot "needs debootstrap (Debian package debootstrap)"
  local new="$TREE.new"
  rm -rf --one-file-system "$new"
  [ "$(df --output=avail -k "$(dirname "$TREE")" | tail -n 1)" -gt "$DISK_KIB" ] ||
    cannot "needs 7 GB of disk at $(dirname "$TREE")"
  say "making the tree, which takes a few minutes: $TREE"
  debootstrap --variant=minbase --include="$PACKAGES" trixie "$new" \
    >"$TREE.log" 2>&1 || cannot "debootstrap failed, its last lines:
$(tail -n 5 "$TREE.log")"
  cp -L /etc/resolv.conf "$new/etc/resolv.conf"
  # A proxy with a certificate of its own is known to this machine's bundle only.
  if [ -s /etc/ssl/certs/ca-certificates.crt ]; then
    cp -L /etc/ssl/certs/ca-certificates.crt "$new/etc/ssl/certs/ca-certificates.crt"
  fi
  mkdir -p "$new/build/elmo-tfx" "$new/build/shared" "$new/opt/elmo-tfx"
  local copy
  copy=$(mktemp -d) # Expanded now, as it is gone when the trap runs.
  # shellcheck disable=SC2064
  trap "rm -rf '$copy'" EXIT
  copy_source "$copy"
  in_tree "$new" "$copy" bash -c "
    set -e
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
      --no-install-recommends $PYTORCH
    apt-get clean
    UV_NO_CACHE=1 ELMO_TFX_VENV=$VENV tools/make_env.sh
    python -c 'import tfx, keras, tensorflow_transform, tensorflow_model_analysis'
  " >>"$TREE.log" 2>&1 || die "the installation failed, its last lines:
$(tail -n 5 "$TREE.log")"
  recipe >"$new/opt/elmo-tfx/stamp"
  rm -rf --one-file-system "$TREE"
  mv "$new" "$TREE"
  say "made the tree"
}

run() {
  check_can_run
  [ ! -e "$TREE.lock" ] || { exec 9<"$TREE.lock" && flock --shared 9; }
  [ -e "$TREE/opt/elmo-tfx/stamp" ] || die "no tree at $TREE; make it: $0 build"
  current || say "the tree is older than the lists; renew it: $0 build"
  local copy status=0
  copy=$(mktemp -d) # Expanded now, as it is gone when the trap runs.
  # shellcheck disable=SC2064
  trap "rm -rf '$copy'" EXIT
  copy_source "$copy"
  in_tree "$TREE" "$copy" "$@" || status=$?
  return "$status"
}

case "${1:-}" in
  build) build ;;
  run)
    shift
    [ $# -gt 0 ] || die "run what? usage: $0 run COMMAND..."
    run "$@"
    ;;
  *) sed -n '2,/^set /p' "${BASH_SOURCE[0]}" | sed -n 's/^# \{0,1\}//p' ;;
esac
