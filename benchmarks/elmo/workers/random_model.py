"""Writes a biLM with random weights in the published format.

The job names the `folder` and the `shape`, small or original; the weights are the
model's own initial ones, so that activations are of the usual size.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import h5py
import keras

from benchmarks.elmo.shapes import SHAPES
from benchmarks.elmo.workers import measure
from keras_elmo import BiLM, BiLMOptions
from keras_elmo.checkpoints import tensors

_SEED = 7


def write(folder: Path, shape: str) -> None:
    """Writes options.json and weights.hdf5, uncompressed as the published files."""
    options = SHAPES[shape]
    keras.utils.set_random_seed(_SEED)
    bilm = BiLM(BiLMOptions.from_dict(options))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "options.json").write_text(json.dumps(options), "utf-8")
    with h5py.File(folder / "weights.hdf5", "w") as file:
        for name, value in tensors(bilm):
            file.create_dataset(name, data=value.astype("float32"))


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    write(Path(job["folder"]), job["shape"])
    measure.finish(job, {})
