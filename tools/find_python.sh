#!/usr/bin/env bash
# Finds the Python to make the environment with, and the list that fits this machine.
#
# stdout: one line, `LIST PATH`, e.g. `tfx-1.16 /usr/bin/python3.10`; stderr: the choice
# in words, or one line that says what to install (exit status 1).
#
# TFX 1.21 has wheels for glibc 2.39 and newer, and for macOS on Apple's processors,
# where nobody has tried this project yet; TFX 1.16 is the last for older systems, and
# takes Python 3.10. ELMO_TFX_PYTHON names a Python to use instead of
# those looked for: on PATH, among pyenv's and uv's, and in the usual folders.
set -euo pipefail

die() { echo "error: $*" >&2; exit 1; }

# Prints `MAJOR.MINOR` of a Python that can make environments and compile extensions
# (pyfarmhash comes as source only), else the reason why it cannot.
probe() {
  "$1" -c '
import os, sys, sysconfig
version = ".".join(map(str, sys.version_info[:2]))
try:
    import ensurepip, venv
except ImportError:
    sys.exit(print("it lacks venv: install Debian package python%s-venv" % version))
if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
    sys.exit(print("it lacks Python.h: install Debian package python%s-dev" % version))
print(version)
' 2>/dev/null || true
}

# Prints every place where Python $1 may be, best first; they need not exist.
places() {
  local version=$1 name folder
  for name in "python$version" python3 python; do
    type -ap "$name" || true
  done
  for folder in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin; do
    echo "$folder/python$version"
  done | sort -rV
  if command -v uv >/dev/null; then
    uv python find --no-python-downloads --no-project "$version" 2>/dev/null || true
  fi
  folder=${UV_PYTHON_INSTALL_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/uv/python}
  for folder in "$folder"/cpython-"$version".*/bin; do
    echo "$folder/python$version"
  done | sort -rV
  for folder in /usr/local/bin /usr/bin "$HOME"/.local/bin /opt/python*/bin; do
    echo "$folder/python$version"
  done
}

compiler="Debian package g++" system=""
case "$(uname -sm)" in
  "Linux x86_64")
    glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/^glibc //') || true
    case "$glibc" in
      2.*) minor=${glibc#2.} minor=${minor%%.*} ;;
      *) die "TFX needs the GNU C library (glibc) 2.31 or newer; this system has" \
        "another" ;;
    esac
    system="glibc $glibc"
    if [ "$minor" -ge 39 ]; then
      list=tfx-1.21 versions="3.13 3.12 3.11 3.10"
    elif [ "$minor" -ge 31 ]; then
      list=tfx-1.16 versions="3.10"
    else
      die "TFX needs glibc 2.31 or newer. Received: glibc $glibc"
    fi
    ;;
  "Darwin arm64")
    list=tfx-1.21 versions="3.13 3.12 3.11 3.10"
    compiler="Xcode's tools: xcode-select --install"
    system="macOS, which is untested"
    ;;
  *) die "TFX has packages for Linux on x86_64 and macOS on arm64 only; the layer alone" \
    "needs none of them: pip install . Received: $(uname -sm)" ;;
esac
command -v "${CXX:-c++}" >/dev/null || command -v g++ >/dev/null ||
  die "no C++ compiler (pyfarmhash comes as source only): install $compiler"

choose() {
  echo "Python $("$1" -c 'import platform; print(platform.python_version())') at $1," \
    "list requirements/$list.txt ($system)" >&2
  echo "$list $1"
  exit 0
}

if [ -n "${ELMO_TFX_PYTHON:-}" ]; then
  path=$(command -v "$ELMO_TFX_PYTHON") ||
    die "ELMO_TFX_PYTHON must name a Python. Received: $ELMO_TFX_PYTHON"
  found=$(probe "$path")
  case " $versions " in
    *" ${found:-none} "*) choose "$path" ;;
    *) die "ELMO_TFX_PYTHON must be Python ${versions// /, } here." \
      "Received: $path (${found:-it does not run})" ;;
  esac
fi

reason=""
for version in $versions; do
  while IFS= read -r path; do
    [ -x "$path" ] || continue
    found=$(probe "$path")
    if [ "$found" = "$version" ]; then choose "$path"; fi
    case "$found" in
      "it lacks"*"python$version"*) reason="${reason:-; $path is no use: $found}" ;;
    esac
  done < <(places "$version")
done
die "no Python ${versions// / or } found (on PATH, in pyenv, in uv): install one," \
  "e.g. with \`pyenv install ${versions%% *}\` or \`uv python install ${versions%% *}\`" \
  "or name it in ELMO_TFX_PYTHON$reason"
