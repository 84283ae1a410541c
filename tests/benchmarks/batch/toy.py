"""The toy classifier with `serving_default` besides: what TFX's BulkInferrer asks."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from pipeline import features
from tests.pipeline.batch.toy_classifier import write_toy


def write_toy_with_examples(folder: Path, scratch: Path) -> Path:
    """Writes it as version 3 of a folder of versions."""
    module = tf.Module()
    module.toy = tf.saved_model.load(str(write_toy(scratch)))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(examples):
        spec = {features.TEXT: tf.io.FixedLenFeature([], tf.string)}
        texts = tf.io.parse_example(examples, spec)[features.TEXT]
        return {"probabilities": module.toy.predict(texts)["probabilities"]}

    tf.saved_model.save(
        module,
        str(folder / "3"),
        signatures={"predict_text": module.toy.predict, "serving_default": serve},
    )
    return folder
