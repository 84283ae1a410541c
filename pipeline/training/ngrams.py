"""The words of a text and the pairs of them, as hashes.

Source: Weinberger et al. 2009, arXiv:0902.2206 (hashed features).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.training.data import LabelledTokens, split_batches

NUM_IDS = 2**24
"""Ids of n-grams are below it."""

_HASHING_BATCH = 128  # texts


@tf.function(input_signature=[tf.TensorSpec((None, None), tf.string)], autograph=False)
def ngram_ids(tokens: Any) -> tf.Tensor:
    """Returns the distinct words and pairs of neighbours of each text, as hashes.

    Lower and upper case are one. An id depends on the n-gram alone: it is the same in
    every process, on every machine and in every batch.

    Args:
        tokens: string `(batch, time)`, padded at the end with "".

    Returns:
        int32 `(batch, 2 * time - 1)`, from 1 and below 2**24; each once in a row; 0,
        anywhere in a row, is padding.
    """
    ids = tf.sort(ids_in_order(tokens), axis=1)
    first = tf.not_equal(ids[:, 1:], ids[:, :-1])
    first = tf.pad(first, [[0, 0], [1, 0]], constant_values=True)
    return tf.where(first, ids, 0)


def ids_in_order(tokens: Any) -> tf.Tensor:
    """Returns the ids of `ngram_ids` where they stand, as often as they do.

    Args:
        tokens: string `(batch, time)`, padded at the end with "".

    Returns:
        int32 `(batch, 2 * time - 1)`: the words, then the pairs, each at the place of
        its first word; 0 is padding.
    """
    words = tf.strings.lower(tokens, encoding="utf-8")
    pairs = tf.strings.join([words[:, :-1], words[:, 1:]], separator=" ")
    is_real = tf.concat([tokens != "", tokens[:, 1:] != ""], axis=1)
    return tf.where(is_real, hashed(tf.concat([words, pairs], axis=1)), 0)


def hashed(ngrams: Any) -> tf.Tensor:
    """Returns the ids of n-grams in lower case, int32 of their shape, above 0."""
    return tf.cast(tf.strings.to_hash_bucket_fast(ngrams, NUM_IDS - 1) + 1, tf.int32)


class TextNgrams:
    """The distinct n-grams of texts, found once, when they are first asked for.

    They take 4 bytes each.

    Args:
        data: The texts.
    """

    def __init__(self, data: LabelledTokens) -> None:
        self._data = data

    @property
    def counts(self) -> np.ndarray:
        """How many each text has, int64 `(texts,)`."""
        return self._found[1]

    @functools.cached_property
    def _found(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All ids; how many each text has, and where they begin."""
        data = self._data
        counts = np.zeros(len(data.lengths), np.int64)
        starts = np.zeros_like(counts)
        parts, found = [np.zeros(0, np.int32)], 0
        by_length = np.argsort(data.lengths, kind="stable")
        for texts in split_batches(by_length, batch_size=_HASHING_BATCH):
            ids = ngram_ids(data.tokens(texts)).numpy()
            counts[texts] = of_each = (ids > 0).sum(axis=1)
            starts[texts] = found + np.cumsum(of_each) - of_each
            parts.append(ids[ids > 0])
            found += len(parts[-1])
        return np.concatenate(parts), counts, starts

    def of_texts(self, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the ids of `ngram_ids` without padding, text after text.

        Args:
            texts: Places, int64.

        Returns:
            int32 `(n,)`; and int64 `(texts + 1,)`, where each text begins among them.
        """
        ids, counts, starts = self._found
        counts = counts[texts]
        ends = np.cumsum(counts)
        steps = np.repeat(starts[texts] - (ends - counts), counts)
        return ids[steps + np.arange(len(steps))], np.append(0, ends)
