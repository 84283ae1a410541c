"""MiniLM's sentence vectors of texts; runs in MiniLM's own environment.

Example:
  python -m benchmarks.quality.minilm_vectors texts.json vectors.npy
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.classifiers.workers import minilm
from benchmarks.classifiers.workers.measure import Labelled


def main() -> None:
    """Reads a list of texts, and writes float32 `(texts, 384)`."""
    texts = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    with tempfile.TemporaryDirectory() as name:
        minilm.prepare(Path(name))
        vectors = minilm.sentence_vectors(Path(name), Labelled(texts, []))
    np.save(sys.argv[2], vectors)


if __name__ == "__main__":
    main()
