#!/usr/bin/env bash
# Writes the complete lists with hashes, requirements/*.txt, from requirements/*.in.
#
# A version that still fits stays as it is; `tools/lock.sh --upgrade` takes the newest.
# No address of an index gets into the lists: whoever installs uses their own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../requirements"

uv=../.venv/bin/uv
[ -x "$uv" ] || uv=$(command -v uv) ||
  { echo "error: no uv: run \`make env\` first, or install uv" >&2; exit 1; }

compile() {
  echo "requirements/$1.txt"
  "$uv" pip compile --quiet --no-config --generate-hashes --no-emit-index-url \
    --no-emit-find-links --custom-compile-command "make lock" \
    --output-file "$1.txt" "$1.in" "${@:2}"
}

compile bootstrap "${@}" --universal --python-version 3.10
compile tfx-1.16 "${@}" --override overrides.txt \
  --python-version 3.10 --python-platform x86_64-manylinux_2_31
# One list for Python 3.10 to 3.13; where their versions differ, a marker says which.
compile tfx-1.21 "${@}" --override overrides.txt --universal --python-version 3.10
# The image's lists, in these versions, without what only notebooks and the like need.
for image in image image-worker; do
  compile "$image" "${@}" --override image-overrides.txt \
    --python-version 3.13 --python-platform x86_64-manylinux_2_39
done
# The peers of `make bench-elmo`, each with the Python that it was written for.
compile peers/simple_elmo "${@}" \
  --python-version 3.10 --python-platform x86_64-manylinux_2_31
compile peers/allennlp "${@}" \
  --python-version 3.9 --python-platform x86_64-manylinux_2_31
# The peers of `make bench`.
compile peers/minilm "${@}" --override peers/minilm-overrides.txt \
  --python-version 3.10 --python-platform x86_64-manylinux_2_31
compile peers/fasttext "${@}" \
  --python-version 3.10 --python-platform x86_64-manylinux_2_31
# BiLM without TensorFlow, for its test.
compile backends/jax "${@}" --universal --python-version 3.10
# What the manifests are checked with.
compile manifests/kubernetes "${@}" --universal --python-version 3.10
