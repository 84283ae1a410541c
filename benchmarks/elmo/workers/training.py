"""What a fit step costs, relative to the forward pass of the same model.

The job says whether the biLM is `trainable`; the mix and the classifier always are.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.elmo.contenders import TRAINING_BATCHES
from benchmarks.elmo.workers import measure
from benchmarks.elmo.workers.keras_elmo import pad
from keras_elmo import ElmoEmbeddingLayer


def classifier(job: dict[str, Any]) -> keras.Model:
    """Makes the compiled model: embeddings, mean over the tokens, one unit."""
    source = (job["options"], job["weights"])
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="string"),
            ElmoEmbeddingLayer(source, trainable=job["trainable"]),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(1),
        ]
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile("adam", loss)
    return model


def main() -> None:
    """Measures both in turn and writes the best seconds of each."""
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    sentences = json.loads(Path(job["sentences"]).read_text("utf-8"))
    cut = measure.batches(sentences, job["batch"])[:TRAINING_BATCHES]
    inputs = [tf.constant(pad(batch)) for batch in cut]
    labels = [np.arange(len(batch)) % 2 for batch in cut]
    model = classifier(job)

    def forward() -> None:
        for tokens in inputs:
            model.predict_on_batch(tokens)

    def step() -> None:
        for tokens, label in zip(inputs, labels, strict=True):
            model.train_on_batch(tokens, label)

    seconds = best_seconds((forward, step), repeats=job["repeats"])
    names = ("forward_seconds", "step_seconds")
    measure.finish(job, dict(zip(names, seconds, strict=True)))


def best_seconds(
    actions: tuple[Callable[[], None], ...], *, repeats: int
) -> list[float]:
    """Returns each action's best time after a warm-up; they take turns."""
    best = [float("inf")] * len(actions)
    for round_ in range(1 + repeats):
        for i, action in enumerate(actions):
            start = time.perf_counter()
            action()
            if round_:
                best[i] = min(best[i], time.perf_counter() - start)
    return best


if __name__ == "__main__":
    main()
