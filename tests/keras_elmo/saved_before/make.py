"""Writes model.keras and outputs.npz with the version of keras_elmo in use.

    python -m tests.keras_elmo.saved_before.make

The files here are of an earlier version, which later ones must be able to read: write
them anew only if that is given up.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer
from tests.keras_elmo.tiny import write_model

TOKENS = [["The", "cat", "sat", "."], ["Hello", "you", "", ""]]
ARGUMENTS = {
    "mixes": 2,
    "mix_layer_norm": True,
    "mix_l2": 0.01,
    "dropout": 0.1,
    "max_sequence_length": 3,
    "vocabulary": ["The", "cat"],
    "stateful": True,
    "max_batch_size": 2,
}


def main() -> None:
    folder = Path(__file__).parent
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # the file then names no folder of this machine
        write_model(Path("tiny"))
        elmo = ElmoEmbeddingLayer("tiny", **ARGUMENTS)
    rng = np.random.default_rng(0)
    for mix in elmo.mixes:
        mix.set_weights([rng.normal(size=3), rng.normal(size=1)])
    inputs = keras.Input((None,), dtype="string")
    model = keras.Model(inputs, elmo(inputs), name="before")
    model(tf.constant(TOKENS))  # so that there are states to go on from
    model.save(folder / "model.keras")
    outputs = [x.numpy() for x in model(tf.constant(TOKENS))]
    np.savez_compressed(folder / "outputs.npz", *outputs)


if __name__ == "__main__":
    main()
