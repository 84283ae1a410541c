#!/usr/bin/env bash
# Makes .venv from the complete list that fits this machine, unless it is current.
#
# A stamp written last says what the environment was made from. Without it the
# installation was interrupted, with another one the lists have changed: either way
# the environment is made anew. One that this script did not make is left alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=.venv
STAMP=$VENV/elmo-tfx-stamp
BEGUN=$VENV/elmo-tfx-begun

die() { echo "error: $*" >&2; exit 1; }

# What the environment depends on: the lists, the entry points, where it lies.
wanted() {
  echo "$1 $PWD"
  cat requirements/bootstrap.txt "requirements/$1.txt" setup.py | sha256sum
}

current() {
  local list
  [ -f "$STAMP" ] && [ -x "$VENV/bin/elmo-tfx" ] || return 1
  list=$(sed -n '1s/ .*//p' "$STAMP")
  [ -f "requirements/$list.txt" ] && [ "$(cat "$STAMP")" = "$(wanted "$list")" ] &&
    "$VENV/bin/python" -c "" 2>/dev/null
}

# Two calls at once: the second waits, then finds the environment current.
if command -v flock >/dev/null; then
  exec 9<requirements
  flock 9
fi
if current; then exit 0; fi
if [ -e "$VENV" ] && [ ! -e "$STAMP" ] && [ ! -e "$BEGUN" ]; then
  die "$VENV is there, but \`make env\` did not make it: move it away or remove it"
fi

chosen=$(tools/find_python.sh)
list=${chosen%% *} python=${chosen#* }
echo "making $VENV: about 280 packages, which takes a few minutes on the first call"
rm -rf "$VENV"
mkdir "$VENV"
touch "$BEGUN"
"$python" -m venv "$VENV"
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check \
  --require-hashes --requirement requirements/bootstrap.txt

# uv does not read pip's settings; a mirror named for pip serves it as well.
if [ -n "${PIP_INDEX_URL:-}" ]; then
  export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}
fi
export UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-180}
install=("$VENV/bin/uv" pip install --python "$VENV/bin/python" --no-deps
  --no-build-isolation)
[ -t 2 ] || install+=(--quiet) # A terminal shows the progress.
# Without --no-deps TFX's pin of tensorflow-hub (below 0.16) would be enforced, and
# without build isolation nothing is fetched that no hash vouches for.
"${install[@]}" --require-hashes --requirement "requirements/$list.txt"
# In this mode the folder is put on the path, so that new packages are found too.
"${install[@]}" --config-setting editable_mode=compat --editable .
wanted "$list" >"$STAMP.part"
mv "$STAMP.part" "$STAMP"
echo "$VENV is ready"
