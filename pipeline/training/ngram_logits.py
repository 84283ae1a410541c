"""The classifier's second reader: single words and pairs of them, in any order.

Logistic regression on words gets other texts right than a network on ELMo's vectors, of
topics above all. Each learns by itself, as both would soon explain the same texts if
they were trained as one. How much the n-grams count is found afterwards
(`calibration.choose_ngram_weight`), and their logits are added.

Source: Cheng et al. 2016, arXiv:1606.07792 (a wide linear part beside a deep one); Wang
    and Manning 2012, "Baselines and bigrams" (n-grams scaled by log-count ratios).
"""

from __future__ import annotations

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
from pipeline.training.ngrams import NUM_IDS, TextNgrams
from pipeline.training.word_vectors import TextVectors, text_vectors

_LOGGER = logging.getLogger(__name__)
# An n-gram of one text alone would be learned as that text's own label.
_MIN_TEXTS = 2
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
_SMOOTHING = 2.0  # texts that are added to the counts of an n-gram
_LEAST_RATIO = 1e-3  # of an n-gram that says nothing
# Of so many texts the vectors of words count as much as the n-grams; of more, less, as
# the n-grams know better then.
_FEW_TEXTS = 300
_LEAST_SQUARE = 1e-12  # of the length of what is no text


class NgramLogits(keras.layers.Layer):
    """Logistic regression on the n-grams that a text has: their ids -> logits.

    An n-gram counts once in a text, by how much it says of some class
    (`_log_count_ratios`); all of a text together have the length 1. `fit` learns the
    weights, and gradients never change them; a fresh layer gives zeros. N-grams whose
    ids leave the same remainder share a row.

    Args:
        max_rows: Most rows; fewer, a smaller power of two, where all classes would
            have more than two million weights.
        num_classes: Width of the output.
        word_vectors: Whether the regression reads `TextVectors` besides.

    Inputs:  int32 `(batch, n)`, as `ngram_ids` returns it.
    Outputs: float32 `(batch, classes)`; the bias for a text without a known n-gram.
    """

    def __init__(
        self, max_rows: int, num_classes: int, *, word_vectors: bool, **kwargs: Any
    ) -> None:
        super().__init__(dtype="float32", trainable=False, **kwargs)
        bound = max(2, 2 ** int(np.log2(_MAX_WEIGHTS / num_classes)))
        self.rows, self.num_classes = min(max_rows, bound), num_classes
        self.text_vectors = TextVectors(name="text_vectors") if word_vectors else None
        self._dim = self.text_vectors.dim if self.text_vectors else 0

    def build(self, ids_shape: tuple[int | None, ...]) -> None:
        kind = {"initializer": "zeros", "trainable": False}
        shape = (self.rows, self.num_classes)
        self.table = self.add_weight(shape=shape, name="table", **kind)
        self.scales = self.add_weight(shape=(self.rows,), name="scales", **kind)
        self.bias = self.add_weight(shape=(self.num_classes,), name="bias", **kind)
        if self.text_vectors:
            shape = (self._dim, self.num_classes)
            self.kernel = self.add_weight(shape=shape, name="kernel", **kind)
            self.text_vectors.build(ids_shape)

    def call(self, ids: Any) -> Any:
        values, rows = self._values(ids)
        weights = ops.take(self.table, rows, axis=0)  # (batch, n, classes)
        logits = ops.sum(weights * ops.expand_dims(values, -1), axis=1) + self.bias
        if self.text_vectors:
            logits += ops.matmul(self.text_vectors(ids), self.kernel)
        return logits

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
        text = tf.range(batch)[:, None] * NUM_IDS
        _, place, counts = tf.unique_with_counts(
            tf.reshape(text + tf.cast(ids, tf.int64), [-1])
        )
        times = tf.cast(tf.reshape(tf.gather(counts, place), [batch, n]), tf.float32)
        values, rows = self._values(ids, times)
        weights = ops.take(self.table, rows, axis=0)
        shares = tf.einsum("bnc,bc->bn", weights, direction) * values / times
        if self.text_vectors:
            kernel = ops.matmul(direction, ops.transpose(self.kernel))  # (batch, dim)
            shares += self.text_vectors.shares(ids, times, kernel)
        return shares

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
        numbers = ngrams.counts[order] + self._dim
        texts = np.sort(order[np.cumsum(numbers) <= _MOST_NGRAMS])
        ids, starts = ngrams.of_texts(texts)
        distinct, counts = np.unique(ids, return_counts=True)
        # By n-grams and not by rows: two that one text each has do not make one known.
        distinct = distinct[counts >= _MIN_TEXTS]
        known = np.unique(self._row(distinct))
        scales = np.zeros(self.rows, np.float32)
        scales[known] = _log_count_ratios(
            self._presence(ids, starts)[:, known], labels[texts], self.num_classes
        )
        self.scales.assign(scales)
        inputs = self._matrix(ids, starts)[:, known]
        if self.text_vectors:
            count = min(1.0, np.sqrt(_FEW_TEXTS / len(texts)))
            vectors = count * text_vectors(ids, starts)
            inputs = sparse.hstack([inputs, vectors], "csr", np.float32)
        weights, bias = _regression(
            inputs, labels[texts], class_weights, self.num_classes
        )
        table = np.zeros((self.rows, self.num_classes), np.float32)
        table[known] = weights[: len(known)]
        self.table.assign(table)
        self.bias.assign(bias)
        if self.text_vectors:
            self.kernel.assign(count * weights[len(known) :])
        _LOGGER.debug(
            "N-grams: %d are in %d texts or more; they have %.0f %% of the rows",
            len(distinct),
            _MIN_TEXTS,
            100 * len(known) / self.rows,
        )

    def logits(self, ngrams: TextNgrams, texts: np.ndarray) -> np.ndarray:
        """Returns the outputs for some texts, float64 `(texts, classes)`."""
        ids, starts = ngrams.of_texts(texts)
        products = self._matrix(ids, starts) @ ops.convert_to_numpy(self.table)
        if self.text_vectors:
            vectors = text_vectors(ids, starts)
            products += vectors @ ops.convert_to_numpy(self.kernel)
        return products.astype(np.float64) + ops.convert_to_numpy(self.bias)

    def scale(self, factor: float) -> None:
        """Multiplies the outputs by a factor."""
        kernel = [self.kernel] if self.text_vectors else []
        for weight in (self.table, self.bias, *kernel):
            weight.assign(weight * factor)

    def compute_output_shape(
        self, ids_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (ids_shape[0], self.num_classes)

    def _presence(self, ids: np.ndarray, starts: np.ndarray) -> sparse.csr_matrix:
        """Returns how many n-grams of each row texts have, float32 `(texts, rows)`."""
        ones, shape = np.ones(len(ids), np.float32), (len(starts) - 1, self.rows)
        return sparse.csr_matrix((ones, self._row(ids), starts), shape)

    def _matrix(self, ids: np.ndarray, starts: np.ndarray) -> sparse.csr_matrix:
        """Returns the inputs of the regression, float32 `(texts, rows)`."""
        rows = self._row(ids)
        values = ops.convert_to_numpy(self.scales)[rows]
        squares = np.append(0.0, np.cumsum(np.square(values, dtype=np.float64)))
        norms = np.sqrt(np.maximum(np.diff(squares[starts]), _LEAST_SQUARE))
        values = values / np.repeat(norms, np.diff(starts)).astype(np.float32)
        shape = (len(starts) - 1, self.rows)
        matrix = sparse.csr_matrix((values, rows, starts), shape)
        matrix.sum_duplicates()
        return matrix

    def _values(self, ids: Any, times: Any = 1.0) -> tuple[Any, Any]:
        """Returns the inputs of n-grams, each `times` in its text, and their rows."""
        rows = self._row(ids)
        scales = ops.take(self.scales, rows) * ops.cast(ids > 0, "float32")
        squares = ops.sum(ops.square(scales) / times, axis=1, keepdims=True)
        return scales / ops.sqrt(ops.maximum(squares, _LEAST_SQUARE)), rows

    def _row(self, ids: Any) -> Any:
        return ids % self.rows


def _log_count_ratios(
    presence: sparse.csr_matrix, labels: np.ndarray, num_classes: int
) -> np.ndarray:
    """Returns how much n-grams say of some class, float `(width,)`, above 0.

    It is the logarithm of how much more frequent one is in the texts of a class than
    in the others, for the class where that is highest. Two texts of all classes are
    counted besides, divided as the classes are: else what a small class has never had
    would speak for the others. Of labels that a text may have several of, not to have
    one is a class, too.

    Args:
        presence: float `(texts, width)`, how many n-grams of each row texts have.
        labels: Of these texts.
        num_classes: Also those that no text has.

    Source: Wang and Manning 2012, "Baselines and bigrams", section 2.2.
    """
    if labels.ndim == 2:
        of_class = sparse.csr_matrix(labels, dtype=np.float32)
    else:
        texts = len(labels)
        ones, shape = np.ones(texts, np.float32), (texts, num_classes)
        of_class = sparse.csr_matrix((ones, labels, np.arange(texts + 1)), shape)
    counts = (of_class.T @ presence).toarray()
    sizes = np.asarray(of_class.sum(axis=0)).reshape(-1, 1) / len(labels)
    total = np.asarray(presence.sum(axis=0))
    if labels.ndim == 2:
        counts = np.concatenate([counts, total - counts])
        sizes = np.concatenate([sizes, 1 - sizes])
    shares = counts + _SMOOTHING * sizes
    others = total - counts + _SMOOTHING * (1 - sizes)
    is_known = (sizes > 0) & (sizes < 1)
    counts, shares, others = (each[is_known[:, 0]] for each in (counts, shares, others))
    shares /= shares.sum(axis=1, keepdims=True)
    others /= others.sum(axis=1, keepdims=True)
    ratios = np.where(counts > 0, np.log(shares / others), 0.0)
    return np.maximum(ratios.max(axis=0, initial=0.0), _LEAST_RATIO)


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
