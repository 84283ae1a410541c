"""keras_elmo as a contender."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.elmo.workers import measure
from benchmarks.elmo.workers.peak import device
from keras_elmo import ElmoEmbeddingLayer


def load(job: dict[str, Any]) -> measure.Embed:
    """Makes the layer, in one graph for all lengths and batch sizes."""
    # The peers start from zeros; the default, warm states, costs the same per batch.
    zeros = job["measure"] == "agreement"
    layer = ElmoEmbeddingLayer(
        (job["options"], job["weights"]),
        dtype=job["dtype"],
        initial_state="zeros" if zeros else "warm",
    )
    run = tf.function(layer, input_signature=[tf.TensorSpec([None, None], tf.string)])

    def embed(sentences: measure.Sentences) -> np.ndarray:
        return run(tf.constant(pad(sentences))).numpy()

    return embed


def pad(sentences: measure.Sentences) -> list[list[str]]:
    """Returns token lists of one length, filled up with empty strings."""
    longest = max(map(len, sentences))
    return [sentence + [""] * (longest - len(sentence)) for sentence in sentences]


def facts() -> dict[str, Any]:
    """Returns the versions that a figure depends on, and the device."""
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__}
    return {"versions": versions, "device": device()}


if __name__ == "__main__":
    measure.main(load, facts)
