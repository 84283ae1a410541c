#!/usr/bin/env bash
# Makes .venv (or ELMO_TFX_VENV) from the complete list that fits this machine, unless
# it is current.
#
# A stamp written last says what the environment was made from. Without it the
# installation was interrupted, with another one the lists have changed: either way
# the environment is made anew. One that this script did not make is left alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=${ELMO_TFX_VENV:-.venv} # Another place is for trees where .venv is of no use.
STAMP=$VENV/elmo-tfx-stamp
COMMAND_STAMP=$VENV/elmo-tfx-command-stamp
BEGUN=$VENV/elmo-tfx-begun

die() { echo "error: $*" >&2; exit 1; }

# macOS has the one or the other, by its age.
sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}

# What the environment was made from: list, folder, contents of the lists.
wanted() {
  echo "$1 $PWD" && cat requirements/bootstrap.txt "requirements/$1.txt" | sha256
}

packages_current() {
  local list
  [ -f "$STAMP" ] || return 1
  list=$(sed -n '1s/ .*//p' "$STAMP")
  [ -f "requirements/$list.txt" ] && [ "$(cat "$STAMP")" = "$(wanted "$list")" ] &&
    "$VENV/bin/python" -c "" 2>/dev/null
}

install() {
  local quiet=(--quiet)
  [ ! -t 2 ] || quiet=() # A terminal shows the progress.
  # Without --no-deps TFX's pin of tensorflow-hub (below 0.16) would be enforced, and
  # without build isolation nothing is fetched that no hash vouches for.
  "$VENV/bin/uv" pip install ${quiet[@]+"${quiet[@]}"} --python "$VENV/bin/python" --no-deps \
    --no-build-isolation "$@"
}

# uv does not read pip's settings; a mirror named for pip serves it as well.
if [ -n "${PIP_INDEX_URL:-}" ]; then
  export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}
fi
export UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-180}

make_packages() {
  local chosen list python
  rmdir "$VENV" 2>/dev/null || true # Empty, from a call that died at once.
  if [ -e "$VENV" ] && [ ! -e "$STAMP" ] && [ ! -e "$BEGUN" ]; then
    die "$VENV is there, but \`make env\` did not make it: move it away or remove it"
  fi
  chosen=$(tools/find_python.sh)
  list=${chosen%% *} python=${chosen#* }
  echo "making $VENV: about 280 packages, a few minutes on the first call"
  # Renamed first: a half-removed environment without its marks would look foreign.
  rm -rf "$VENV-stale"
  [ ! -e "$VENV" ] || mv "$VENV" "$VENV-stale"
  rm -rf "$VENV-stale"
  mkdir "$VENV"
  touch "$BEGUN"
  "$python" -m venv "$VENV"
  "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check \
    --require-hashes --requirement requirements/bootstrap.txt
  install --require-hashes --requirement "requirements/$list.txt"
  wanted "$list" >"$STAMP.part"
  mv "$STAMP.part" "$STAMP"
}

make_command() {
  install --editable .
  sha256 <setup.py >"$COMMAND_STAMP.part"
  mv "$COMMAND_STAMP.part" "$COMMAND_STAMP"
}

# Two calls at once: the second waits, then finds the environment current.
if command -v flock >/dev/null; then
  exec 9<requirements
  flock 9
fi
packages_current || make_packages
[ "$(cat "$COMMAND_STAMP" 2>/dev/null)" = "$(sha256 <setup.py)" ] || make_command
