"""The classifier's second reader: single words and pairs of them, without vectors.

Logistic regression on TF-IDF gets other texts right than a network on ELMo's vectors,
of topics above all. Each learns by itself, as both would soon explain the same texts if
they were trained as one. How much the n-grams count is found afterwards
(`calibration.choose_ngram_weight`), and their logits are added.

Source: Cheng et al. 2016, arXiv:1606.07792 (a wide linear part beside a deep one);
    Weinberger et al. 2009, arXiv:0902.2206 (hashed features).
"""

from __future__ import annotations

import functools
import logging
import warnings
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from components.progress import tell
from pipeline.training.data import LabelledTokens, split_batches

_LOGGER = logging.getLogger(__name__)
_IDS = 2**24
# An n-gram of one text alone would be learned as that text's own label.
_MIN_TEXTS = 2
_HASHING_BATCH = 128  # texts
# The table is exported with the model.
_MAX_WEIGHTS = 2**21
# Of the texts that the regression learns from; of more, some at random. They take
# 400 MB, and at most some GB while it learns.
_MOST_NGRAMS = 2**25
# Inverse of the regularisation's strength. Of topics 30 is a little better, of opinions
# 5; docs/quality.md has on which texts it was chosen.
_STRENGTH = 10.0
_MOST_ITERATIONS, _FEWEST_ITERATIONS = 200, 25
_MOST_WORK = 2e10  # n-grams times classes times iterations: a minute
# By how much a class without a text is below the least bias. The vectors may still
# know it.
_UNSEEN = 3.0
_LEAST_SHARE = 1e-3  # of the texts that have a label that all, or none, seem to have
_LEAST_SQUARE = 1e-12  # of the length of what is no text


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


class NgramLogits(keras.layers.Layer):
    """Logistic regression on TF-IDF of the n-grams of a text: their ids -> logits.

    An n-gram counts once in a text, by how few texts have it; all of a text together
    have the length 1. `fit` learns the weights, and gradients never change them; a
    fresh layer gives zeros. N-grams whose ids leave the same remainder share a row.

    Args:
        max_rows: Most rows; fewer, a smaller power of two, where all classes would
            have more than two million weights.
        num_classes: Width of the output.

    Inputs:  int32 `(batch, n)`, as `ngram_ids` returns it.
    Outputs: float32 `(batch, classes)`; the bias for a text without a known n-gram.
    """

    def __init__(self, max_rows: int, num_classes: int, **kwargs: Any) -> None:
        super().__init__(dtype="float32", trainable=False, **kwargs)
        bound = max(2, 2 ** int(np.log2(_MAX_WEIGHTS / num_classes)))
        self.rows, self.num_classes = min(max_rows, bound), num_classes

    def build(self, ids_shape: tuple[int | None, ...]) -> None:
        kind = {"initializer": "zeros", "trainable": False}
        shape = (self.rows, self.num_classes)
        self.table = self.add_weight(shape=shape, name="table", **kind)
        self.idf = self.add_weight(shape=(self.rows,), name="idf", **kind)  # 0: unknown
        self.bias = self.add_weight(shape=(self.num_classes,), name="bias", **kind)

    def call(self, ids: Any) -> Any:
        values, rows = self._values(ids)
        weights = ops.take(self.table, rows, axis=0)  # (batch, n, classes)
        return ops.sum(weights * ops.expand_dims(values, -1), axis=1) + self.bias

    def shares(self, ids: Any, direction: Any) -> Any:
        """Returns what each n-gram adds to a weighted sum of the logits.

        The shares of a text add up to that sum, but for the bias. An n-gram that stands
        in a text several times has one weight: each place gets an equal share.

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
        times = tf.cast(tf.reshape(tf.gather(counts, place), [batch, n]), tf.float32)
        values, rows = self._values(ids, times)
        weights = ops.take(self.table, rows, axis=0)
        return tf.einsum("bnc,bc->bn", weights, direction) * values / times

    def fit(
        self,
        ngrams: TextNgrams,
        labels: np.ndarray,
        texts: np.ndarray,
        class_weights: np.ndarray,
    ) -> None:
        """Learns from some texts; always the same from the same ones.

        Args:
            ngrams: Of all texts.
            labels: Of all texts, as `LabelledTokens` has them.
            texts: Places of those to learn from, int64, at least one.
            class_weights: float `(classes,)`, what a text of each class weighs; not
                used where a text may have several labels.
        """
        order = np.random.default_rng(0).permutation(texts)
        texts = np.sort(order[np.cumsum(ngrams.counts[order]) <= _MOST_NGRAMS])
        ids, counts = np.unique(ngrams.of_texts(texts)[0], return_counts=True)
        # By n-grams and not by rows: two that one text each has do not make one known.
        ids, counts = ids[counts >= _MIN_TEXTS], counts[counts >= _MIN_TEXTS]
        texts_of_row = np.zeros(self.rows)
        np.maximum.at(texts_of_row, self._row(ids), counts)
        idf = np.log((1 + len(texts)) / (1 + texts_of_row)) + 1
        idf = np.where(texts_of_row, idf, 0).astype(np.float32)
        self.idf.assign(idf)
        known = np.flatnonzero(idf)
        table = np.zeros((self.rows, self.num_classes), np.float32)
        table[known], bias = _regression(
            self._matrix(ngrams, texts)[:, known],
            labels[texts],
            class_weights,
            self.num_classes,
        )
        self.table.assign(table)
        self.bias.assign(bias)
        _LOGGER.debug(
            "N-grams: %d are in %d texts or more; they have %.0f %% of the rows",
            len(ids),
            _MIN_TEXTS,
            100 * len(known) / self.rows,
        )

    def logits(self, ngrams: TextNgrams, texts: np.ndarray) -> np.ndarray:
        """Returns the outputs for some texts, float64 `(texts, classes)`."""
        products = self._matrix(ngrams, texts) @ ops.convert_to_numpy(self.table)
        return products.astype(np.float64) + ops.convert_to_numpy(self.bias)

    def scale(self, factor: float) -> None:
        """Multiplies the outputs by a factor."""
        for weight in (self.table, self.bias):
            weight.assign(weight * factor)

    def compute_output_shape(
        self, ids_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (ids_shape[0], self.num_classes)

    def _matrix(self, ngrams: TextNgrams, texts: np.ndarray) -> sparse.csr_matrix:
        """Returns the TF-IDF of texts, float32 `(texts, rows)`."""
        ids, starts = ngrams.of_texts(texts)
        rows = self._row(ids)
        values = ops.convert_to_numpy(self.idf)[rows]
        squares = np.append(0.0, np.cumsum(np.square(values, dtype=np.float64)))
        norms = np.sqrt(np.maximum(np.diff(squares[starts]), _LEAST_SQUARE))
        values = values / np.repeat(norms, np.diff(starts)).astype(np.float32)
        shape = (len(texts), self.rows)
        matrix = sparse.csr_matrix((values, rows, starts), shape)
        matrix.sum_duplicates()
        return matrix

    def _values(self, ids: Any, times: Any = 1.0) -> tuple[Any, Any]:
        """Returns the TF-IDF of n-grams, each `times` in its text, and their rows."""
        rows = self._row(ids)
        idf = ops.take(self.idf, rows) * ops.cast(ids > 0, "float32")
        squares = ops.sum(ops.square(idf) / times, axis=1, keepdims=True)
        return idf / ops.sqrt(ops.maximum(squares, _LEAST_SQUARE)), rows

    def _row(self, ids: Any) -> Any:
        return ids % self.rows


def _regression(
    inputs: sparse.csr_matrix,
    labels: np.ndarray,
    class_weights: np.ndarray,
    num_classes: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns weights `(width, classes)` and biases `(classes,)`.

    With several labels a text, those of one regression for each label.
    """
    weights = np.zeros((inputs.shape[1], num_classes), np.float32)
    bias = np.full(num_classes, -_UNSEEN, np.float32)
    if labels.ndim == 2:
        for place, own in enumerate(labels.T):
            if own.all() or not own.any() or not inputs.nnz:
                share = np.clip(own.mean(), _LEAST_SHARE, 1 - _LEAST_SHARE)
                bias[place] = np.log(share / (1 - share))
            else:
                model = _fitted(inputs, own, 1)
                weights[:, place], bias[place] = model.coef_[0], model.intercept_[0]
            tell("labels, words and pairs", place + 1, num_classes)
        return weights, bias
    classes = np.unique(labels)
    if len(classes) == 1 or not inputs.nnz:
        bias[classes] = 0.0
        return weights, bias
    model = _fitted(inputs, labels, len(classes), class_weights[labels])
    found, constant = model.coef_, model.intercept_
    if len(classes) == 2:  # the regression has one logit: that of the second
        found, constant = (
            np.concatenate([-found, found]) / 2,
            np.array([-constant[0], constant[0]]) / 2,
        )
    bias[:] = constant.min() - _UNSEEN
    weights[:, classes], bias[classes] = found.T, constant
    return weights, bias


def _fitted(
    inputs: sparse.csr_matrix,
    labels: np.ndarray,
    num_classes: int,
    weights: np.ndarray | None = None,
) -> LogisticRegression:
    fitting = int(_MOST_WORK / (inputs.nnz * num_classes))
    iterations = min(max(fitting, _FEWEST_ITERATIONS), _MOST_ITERATIONS)
    model = LogisticRegression(C=_STRENGTH, max_iter=iterations)
    with warnings.catch_warnings():
        # A model that is nearly fitted is as good.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(inputs, labels, weights)
