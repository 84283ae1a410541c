"""The classifier's second reader: single words and pairs of them, without vectors.

A linear model of words and pairs gets other texts right than a network on ELMo's
vectors. Both are trained as one: their logits are added.

Source: Cheng et al. 2016, arXiv:1606.07792 (a wide linear part beside a deep one);
    Weinberger et al. 2009, arXiv:0902.2206 (hashed features).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from pipeline.training.data import LabelledTokens, split_batches

_LOGGER = logging.getLogger(__name__)
# Adam moves each weight by about the learning rate in a step, which fits the dense
# layers. A linear model of words needs weights of 1 to 10 and sees a word seldom.
_SCALE = 3.0
_IDS = 2**24
# An n-gram of one text alone would be learned as that text's own label.
_MIN_TEXTS = 2
_COUNTING_BATCH = 128  # texts
# Adam moves every weight of the table in every step: with many classes that would
# take longer than all the rest.
_MAX_WEIGHTS = 2**21


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
    ngrams = tf.concat([words, pairs], axis=1)
    ids = tf.strings.to_hash_bucket_fast(ngrams, _IDS - 1) + 1
    return tf.where(is_real, tf.cast(ids, tf.int32), 0)


def _ids_by_length(
    data: LabelledTokens, texts: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields batches of texts of like length, and the `ngram_ids` of each."""
    by_length = texts[np.argsort(data.lengths[texts], kind="stable")]
    for batch in split_batches(by_length, batch_size=_COUNTING_BATCH):
        yield batch, ngram_ids(data.tokens(batch)).numpy()


class TextNgrams:
    """The distinct n-grams of texts, found once: 4 bytes each.

    Args:
        data: The texts.
    """

    def __init__(self, data: LabelledTokens) -> None:
        self._counts = np.zeros(len(data.lengths), np.int64)
        self._starts = np.zeros_like(self._counts)
        parts, found = [np.zeros(0, np.int32)], 0
        for batch, ids in _ids_by_length(data, np.arange(len(data.lengths))):
            counts = (ids > 0).sum(axis=1)
            self._counts[batch] = counts
            self._starts[batch] = found + np.cumsum(counts) - counts
            parts.append(ids[ids > 0])
            found += len(parts[-1])
        self._ids = np.concatenate(parts)

    def read(self, texts: np.ndarray) -> np.ndarray:
        """Returns what `ngram_ids` finds in texts, int32 `(batch, n)`, 0 at the end.

        At least one column wide.
        """
        counts, starts = self._counts[texts], self._starts[texts]
        ids = np.zeros((len(texts), max(1, int(counts.max(initial=0)))), np.int32)
        for row, (start, count) in enumerate(zip(starts, counts, strict=True)):
            ids[row, :count] = self._ids[start : start + count]
        return ids


class NgramLogits(keras.layers.Layer):
    """A linear model of the n-grams that a text has: their ids -> logits.

    The weights of the known ones are added up and divided by the root of their number,
    so that long texts do not count more. `adapt` says which are known; a fresh layer
    knows none. N-grams whose ids leave the same remainder share a row of weights.

    Args:
        max_rows: Most rows; fewer, a smaller power of two, where all classes would
            have more than two million weights.
        num_classes: Width of the output.

    Inputs:  int32 `(batch, n)`, as `ngram_ids` returns it.
    Outputs: float32 `(batch, classes)`; zeros for a text without a known n-gram.
    """

    def __init__(self, max_rows: int, num_classes: int, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        bound = max(2, 2 ** int(np.log2(_MAX_WEIGHTS / num_classes)))
        self.rows, self.num_classes = min(max_rows, bound), num_classes

    def build(self, ids_shape: tuple[int | None, ...]) -> None:
        self.table = self.add_weight(
            shape=(self.rows, self.num_classes), initializer="zeros", name="table"
        )
        self.known = self.add_weight(  # float, 1 for known ones: a weight like others
            shape=(self.rows,), initializer="zeros", trainable=False, name="known"
        )

    def adapt(self, data: LabelledTokens, texts: np.ndarray) -> None:
        """Makes the n-grams known that at least two of `texts` have.

        Args:
            data: Tokenised texts.
            texts: Places of the texts to learn from, int64.
        """
        counts = np.zeros(_IDS, np.int32)
        for _, ids in _ids_by_length(data, texts):
            np.add.at(counts, ids, 1)
        counts[0] = 0  # padding
        frequent = np.flatnonzero(counts >= _MIN_TEXTS)
        known = ops.convert_to_numpy(self.known).copy()  # of an earlier training too
        known[ops.convert_to_numpy(self._row(frequent))] = 1
        self.known.assign(known)
        _LOGGER.info(
            "N-grams: %d of %d are in %d texts or more; %.0f %% of the rows are known",
            len(frequent),
            np.count_nonzero(counts),
            _MIN_TEXTS,
            100 * known.mean(),
        )

    def call(self, ids: Any) -> Any:
        rows = self._row(ids)
        known = ops.take(self.known, rows) * ops.cast(ids > 0, "float32")
        return _sums(ops.take(self.table, rows, axis=0), known)

    def places(self) -> np.ndarray:
        """Returns int32 `(rows,)`: 1, 2, ... for the rows of known n-grams, else 0."""
        is_known = ops.convert_to_numpy(self.known) > 0
        return np.where(is_known, np.cumsum(is_known), 0).astype(np.int32)

    def shares(self, ids: Any, direction: Any) -> Any:
        """Returns what each n-gram adds to a weighted sum of the logits.

        The shares of a text add up to that sum. An n-gram that stands in a text several
        times has one weight: each place gets an equal share.

        Args:
            ids: int32 `(batch, n)`, as `ids_in_order` returns them.
            direction: float32 `(batch, classes)`: by what each logit is multiplied.

        Returns:
            float32 `(batch, n)`, in nats.
        """
        batch, n = tf.unstack(tf.shape(ids, tf.int64))
        text = tf.range(batch)[:, None] * _IDS
        _, place, counts = tf.unique_with_counts(
            tf.reshape(text + tf.cast(ids, tf.int64), [-1])
        )
        times = tf.reshape(tf.gather(counts, place), [batch, n])
        rows = self._row(ids)
        known = ops.take(self.known, rows) * ops.cast(ids > 0, "float32")
        known = known / tf.cast(times, tf.float32)  # each n-gram of a text: 1 in all
        count = ops.maximum(ops.sum(known, axis=1, keepdims=True), 1.0)
        weights = ops.take(self.table, rows, axis=0)  # (batch, n, classes)
        values = tf.einsum("bnc,bc->bn", weights, direction)
        return _SCALE * values * known / ops.sqrt(count)

    def compute_output_shape(
        self, ids_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (ids_shape[0], self.num_classes)

    def _row(self, ids: Any) -> Any:
        return ops.where(ids > 0, ids % (self.rows - 1) + 1, 0)


class KnownNgramLogits(keras.layers.Layer):
    """The same logits from a table of the known n-grams alone, to be trained.

    Adam moves every weight in every step, and most rows of a `NgramLogits` are not
    known: it would spend more time on them than on anything else.

    Args:
        whole: An adapted layer, whose weights these start with.

    Inputs and outputs: As of `whole`.
    """

    def __init__(self, whole: NgramLogits) -> None:
        super().__init__(dtype="float32", name=whole.name)
        # Not the layer itself: its weights would be trained, too.
        self._row_of, self._classes = whole._row, whole.num_classes
        self._places = whole.places()
        table = ops.convert_to_numpy(whole.table)[self._places > 0]
        self.table = self.add_weight(
            shape=(len(table) + 1, self._classes), initializer="zeros", name="table"
        )
        self.table.assign(np.concatenate([np.zeros_like(table[:1]), table]))
        self.built = True

    def call(self, ids: Any) -> Any:
        places = ops.take(self._places, self._row_of(ids))
        known = ops.cast(places > 0, "float32")
        return _sums(ops.take(self.table, places, axis=0), known)

    def give_to(self, whole: NgramLogits) -> None:
        """Sets the weights of the whole layer to what these have become."""
        table = ops.convert_to_numpy(whole.table).copy()
        table[self._places > 0] = ops.convert_to_numpy(self.table)[1:]
        whole.table.assign(table)

    def compute_output_shape(
        self, ids_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (ids_shape[0], self._classes)


def _sums(weights: Any, known: Any) -> Any:
    """Returns the logits of n-grams.

    Args:
        weights: float32 `(batch, n, classes)`.
        known: float32 `(batch, n)`, 1 at known n-grams, else 0.
    """
    known = ops.expand_dims(known, -1)  # (batch, n, 1)
    count = ops.maximum(ops.sum(known, axis=1), 1.0)
    return _SCALE * ops.sum(weights * known, axis=1) / ops.sqrt(count)
