"""The classifier's second reader: single words and pairs of them, without vectors.

What a linear model of words and pairs gets right and what a network on ELMo's vectors
gets right are not the same texts. Both are trained as one, their logits added.

Source: Cheng et al. 2016, arXiv:1606.07792 (a wide linear part beside a deep one);
    Weinberger et al. 2009, arXiv:0902.2206 (hashed features).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from pipeline.training_data import LabelledTokens, split_batches

# Adam moves each weight by about the learning rate in a step, which fits the dense
# layers. A linear model of words needs weights of 1 to 10 and sees a word seldom.
_SCALE = 3.0
# An n-gram of one text alone would be learned as that text's own label.
_LEAST_TEXTS = 2
# Texts are counted by numbers out of so many, the buckets being too few to tell the
# n-grams of one text from those of two.
_COUNTED = 2**24
_COUNTING_BATCH = 1024  # texts


def hash_ngrams(tokens: Any, buckets: int) -> tf.Tensor:
    """Gives the distinct words and pairs of neighbours of each text, as numbers.

    Lower and upper case are one. The numbers depend on the text alone: they are the
    same in every process, on every machine and in every batch.

    Args:
        tokens: string `(batch, time)`, padded at the end with "".
        buckets: The numbers are below it, at least 2; some words share one.

    Returns:
        int32 `(batch, 2 * time - 1)`; 0, anywhere in a row, is padding.
    """
    return _buckets(_numbers(tokens), buckets)


def _numbers(tokens: Any) -> tf.Tensor:
    """Gives int32 `(batch, 2 * time - 1)` from 1: each once in a row, padding 0."""
    words = tf.strings.lower(tokens, encoding="utf-8")
    pairs = tf.strings.join([words[:, :-1], words[:, 1:]], separator=" ")
    there = tf.concat([tokens != "", tokens[:, 1:] != ""], axis=1)
    ngrams = tf.concat([words, pairs], axis=1)
    numbers = tf.strings.to_hash_bucket_fast(ngrams, _COUNTED - 1) + 1
    numbers = tf.sort(tf.where(there, tf.cast(numbers, tf.int32), 0), axis=1)
    first = tf.not_equal(numbers[:, 1:], numbers[:, :-1])
    first = tf.pad(first, [[0, 0], [1, 0]], constant_values=True)
    return tf.where(first, numbers, 0)


def _buckets(numbers: Any, buckets: int) -> tf.Tensor:
    """Gives the row in the table of each of `_numbers`; 0 for padding."""
    return tf.where(numbers > 0, numbers % (buckets - 1) + 1, 0)


class NgramLogits(keras.layers.Layer):
    """A linear model of the n-grams that a text has: int `(batch, n)` -> logits.

    The weights of the known ones are added up and divided by the root of their number,
    so that long texts do not speak louder. `learn_from` says which are known; a fresh
    layer knows none.

    Args:
        buckets: As `hash_ngrams` had it.
        num_classes: Width of the output.

    Inputs:  int32 `(batch, n)`, what `hash_ngrams` gave.
    Outputs: float32 `(batch, classes)`; zeros for a text without a known one.
    """

    def __init__(self, buckets: int, num_classes: int, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.buckets, self.num_classes = buckets, num_classes

    def build(self, ngrams_shape: tuple[int | None, ...]) -> None:
        self.table = self.add_weight(
            shape=(self.buckets, self.num_classes), initializer="zeros", name="table"
        )
        self.known = self.add_weight(  # float, 1 for known ones: a weight like others
            shape=(self.buckets,), initializer="zeros", trainable=False, name="known"
        )

    def learn_from(self, data: LabelledTokens, texts: np.ndarray) -> None:
        """Makes the n-grams known that at least two of `texts` have.

        Args:
            data: Tokenised texts.
            texts: Places of those to learn from, int64.
        """
        counts = np.zeros(_COUNTED, np.int32)
        for batch in split_batches(texts, batch_size=_COUNTING_BATCH):
            numbers = _numbers(tf.constant(data.tokens(batch), tf.string)).numpy()
            np.add.at(counts, numbers, 1)
        frequent = np.flatnonzero(counts >= _LEAST_TEXTS)
        known = ops.convert_to_numpy(self.known).copy()  # of an earlier training, too
        known[_buckets(frequent, self.buckets).numpy()] = 1
        self.known.assign(known)

    def call(self, ngrams: Any) -> Any:
        known = ops.take(self.known, ngrams) * ops.cast(ngrams > 0, "float32")
        known = ops.expand_dims(known, -1)  # (batch, n, 1)
        total = ops.sum(ops.take(self.table, ngrams, axis=0) * known, axis=1)
        count = ops.maximum(ops.sum(known, axis=1), 1.0)
        return _SCALE * total / ops.sqrt(count)

    def compute_output_shape(
        self, ngrams_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (ngrams_shape[0], self.num_classes)
