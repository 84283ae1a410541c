"""simple_elmo as a contender, in the way its README advises for repeated calls."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from simple_elmo import ElmoModel
from simple_elmo.elmo import weight_layers

from benchmarks.elmo.workers import measure


def load(job: dict[str, Any]) -> measure.Embed:
    """Makes the model with one session for all calls.

    Without a session of the caller's, each call would extend the graph, open a
    session and initialise all variables anew.
    """
    model = ElmoModel()
    logging.getLogger().setLevel(logging.WARNING)
    folder = Path(job["weights"]).parent  # it takes a folder with options and hdf5
    model.load(str(folder), max_batch_size=job["batch"])
    model.elmo_sentence_input = weight_layers("input", model.sentence_embeddings_op)
    session = tf.compat.v1.Session()
    session.run(tf.compat.v1.global_variables_initializer())

    def embed(sentences: measure.Sentences) -> np.ndarray:
        return model.get_elmo_vectors(
            sentences, warmup=False, layers="average", session=session
        )

    return embed


def facts() -> dict[str, Any]:
    """Returns the versions that a figure depends on."""
    return {"versions": {"simple-elmo": "0.9.2", "tensorflow": tf.__version__}}


if __name__ == "__main__":
    measure.main(load, facts)
