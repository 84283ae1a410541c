"""A SavedModel with the signature of a pushed classifier, made in a second."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

CLASSES = ("bad", "good")
MAX_WORDS = 5


class _Toy(tf.Module):
    """Says `good` where the word stands; fails on `boom`; reads five words.

    Args:
        says_unsure: Whether it says that it is unsure of texts with `hm`.
    """

    def __init__(self, says_unsure):
        super().__init__()
        self._says_unsure = says_unsure

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "texts")])
    def predict(self, texts):
        failing = tf.strings.regex_full_match(texts, ".*boom.*")
        with tf.control_dependencies([tf.debugging.assert_equal(failing, False)]):
            is_good = tf.strings.regex_full_match(texts, ".*good.*")
        good = tf.where(is_good, 0.75, 0.25)
        classes = tf.constant(CLASSES)
        words = tf.strings.split(texts).row_lengths()
        unsure = {}
        if self._says_unsure:
            unsure["unsure"] = tf.strings.regex_full_match(texts, ".*hm.*")
        return {
            **unsure,
            "label": tf.gather(classes, tf.cast(is_good, tf.int32)),
            "probabilities": tf.stack([1 - good, good], axis=1),
            "classes": tf.tile(classes[None], [tf.shape(texts)[0], 1]),
            "is_cut": words > MAX_WORDS,
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "texts")])
    def explain(self, texts):
        tokens = tf.strings.split(texts)[:, :MAX_WORDS].to_tensor()
        place = tf.cast(tf.range(tf.shape(tokens)[1]), tf.float32)
        weights = tf.where(tokens == "good", 1.5, -0.3 + place / 10)
        weights = tf.where(tokens == "", 0.0, weights)
        return {**self.predict(texts), "tokens": tokens, "weights": weights}


def write_toy(
    folder: Path, *, says_unsure: bool = False, explains: bool = True
) -> Path:
    """Writes it as a SavedModel; earlier versions had none that explains."""
    toy = _Toy(says_unsure)
    signatures = {"predict_text": toy.predict}
    if explains:
        signatures["explain_text"] = toy.explain
    tf.saved_model.save(toy, str(folder), signatures=signatures)
    return folder
