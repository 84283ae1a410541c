"""Which words decided: how much each token speaks for the predicted class.

The classifier adds up two logits. That of the n-grams is a sum over n-grams and vectors
of words, so their shares are exact. That of ELMo's vectors is divided by integrated
gradients: the gradients with respect to the token vectors, averaged on the straight way
from zeros to the vectors, times the vectors. docs/explain.md has how well it does
beside other methods.

Source: Sundararajan et al. 2017, arXiv:1703.01365, equation 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline import features
from pipeline.training.data import LabelledTokens, split_batches
from pipeline.training.model import head_inputs, ngrams_of, vector_logits
from pipeline.training.ngrams import ids_in_order

STEPS = 8  # the weights then add up to the logit's change with an error of 1 %
_MAX_TEXTS = 2000
_MAX_TOKENS = 100_000  # seconds do not grow with the data
_BATCH = 64  # texts
_LEAST_TEXTS = 3  # in fewer a word may be there by chance
_TEXTS_OF_ZERO = 5  # counted beside those of a word: of few texts, it must be stronger
_MAX_WORDS = 30  # of a class
_MAX_LABELS = 3  # of a text


class Explainer:
    """Gives the tokens of texts their weights, with a head that stays as it is.

    A weight is what a token adds to the logit of the class, less the mean of all
    logits; where a text may have several labels, to the logit of the label. What does
    not depend on the text, a bias, is in none of them.

    Args:
        head: What `build_head` returned.
        multi_label: Whether a text may have several labels.
    """

    def __init__(self, head: keras.Model, *, multi_label: bool) -> None:
        self._head, self._multi_label = head, multi_label
        self.mix = head.get_layer("scalar_mix")
        self.vector_logits = keras.Model(
            [self.mix.output, head.inputs[1]], vector_logits(head)
        )

    def explain(self, layers: Any, tokens: Any, classes: Any) -> tf.Tensor:
        """Returns the weights of tokens for a class of their text.

        Args:
            layers: float `(batch, layers, time, dim)`, zero at padding.
            tokens: string `(batch, time)`, padded at the end with "".
            classes: int `(batch,)`.

        Returns:
            float32 `(batch, time)` in nats, 0 at padding.
        """
        direction = self.direction(classes)
        vectors = self.mix(tf.cast(layers, tf.float32))
        weights = self.vector_weights(vectors, tokens, direction)
        return weights + self.ngram_weights(tokens, direction)

    def direction(self, classes: Any) -> tf.Tensor:
        """Returns by what the logits are multiplied, float32 `(batch, classes)`."""
        count = self._head.output.shape[-1]
        direction = tf.one_hot(classes, count)
        return direction if self._multi_label else direction - 1 / count

    def ngram_weights(self, tokens: Any, direction: tf.Tensor) -> tf.Tensor:
        """Returns the weights of words, and half those of pairs for each of the two.

        Zeros, if the head reads no n-grams.
        """
        layer = ngrams_of(self._head)
        if layer is None:
            return tf.zeros(tf.shape(tokens))
        shares = layer.shares(ids_in_order(tokens), direction)
        time = tf.shape(tokens)[1]
        words, halves = shares[:, :time], shares[:, time:] / 2
        return (
            words + tf.pad(halves, [[0, 0], [0, 1]]) + tf.pad(halves, [[0, 0], [1, 0]])
        )

    def vector_weights(
        self, vectors: tf.Tensor, tokens: Any, direction: tf.Tensor
    ) -> tf.Tensor:
        """Returns the weights of `(batch, time, dim)` mixed vectors."""
        is_token = tf.not_equal(tokens, "")

        def add_gradient(step: tf.Tensor, total: tf.Tensor) -> tuple[Any, Any]:
            # The middle of each step: with ends, as many steps would be less exact.
            part = (tf.cast(step, tf.float32) + 0.5) / STEPS * vectors
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(part)
                logits = self.vector_logits([part, is_token], training=False)
                value = tf.reduce_sum(logits * direction)
            return step + 1, total + tape.gradient(value, part)

        _, total = tf.while_loop(
            lambda step, _: step < STEPS,
            add_gradient,
            (tf.constant(0), tf.zeros_like(vectors)),
        )
        weights = tf.reduce_sum(total * vectors, axis=-1) / STEPS
        return tf.where(is_token, weights, 0.0)


def strongest_words(
    head: keras.Model,
    data: LabelledTokens,
    layers_of: Callable[[np.ndarray], Any],
    classes: Sequence[str],
    *,
    max_texts: int = _MAX_TEXTS,
) -> dict[str, list[dict[str, Any]]]:
    """Returns the words that speak most for each class, over texts of the eval split.

    Upper and lower case are one. What counts for a class are the texts that get it:
    where a text may have several, those in which it is the most probable one, or has
    0.5 and is among the first three.

    Args:
        head: Trained.
        data: The texts; reads the split `eval`, of a large one some at random, the same
            ones each time.
        layers_of: Places of texts -> float `(batch, layers, time, dim)`, zero at
            padding.
        classes: Names, in the order of the probabilities.
        max_texts: Most texts that are read.

    Returns:
        Class -> at most 30 of {`word`, `weight`, `texts`}: words of at least 3 texts;
        the mean weight over them in nats, above 0; their number. The first one has the
        largest weight, had each word five more texts with a weight of 0.
    """
    texts = np.random.default_rng(0).permutation(data.splits[features.EVAL])
    texts = texts[:max_texts]
    texts = texts[np.cumsum(data.lengths[texts]) <= _MAX_TOKENS]
    texts = texts[np.argsort(data.lengths[texts], kind="stable")]
    texts, chosen, weights = _explained(head, data, layers_of, texts)
    lower = [word.decode("utf-8", "replace").lower() for word in data.words.tolist()]
    names, lower_ids = np.unique(np.array(lower, object), return_inverse=True)
    words = [data.word_ids[data.starts[t] : data.starts[t + 1]] for t in texts]
    ids = lower_ids[np.concatenate([*words, np.zeros(0, np.int32)])]
    rows = np.repeat(np.arange(len(texts)), data.lengths[texts])
    # A word that stands in a text several times has the sum of its weights there.
    pairs, place = np.unique(rows * len(names) + ids, return_inverse=True)
    of_pair = np.bincount(place, weights, len(pairs))
    rows, ids = np.divmod(pairs, len(names))
    strongest: dict[str, list[dict[str, Any]]] = {}
    for number, name in enumerate(classes):
        is_own = chosen[rows] == number
        counts = np.bincount(ids[is_own], minlength=len(names))
        sums = np.bincount(ids[is_own], of_pair[is_own], len(names))
        means = np.where(counts >= _LEAST_TEXTS, sums / np.maximum(counts, 1), 0)
        strength = means * counts / (counts + _TEXTS_OF_ZERO)
        best = np.argsort(-strength, kind="stable")[:_MAX_WORDS]
        strongest[name] = [
            {
                "word": names[word],
                "weight": round(float(means[word]), 4),
                "texts": int(counts[word]),
            }
            for word in best
            if means[word] > 0
        ]
    return strongest


def _explained(
    head: keras.Model,
    data: LabelledTokens,
    layers_of: Callable[[np.ndarray], Any],
    texts: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns texts, the classes they get, and the weights of all their tokens for it.

    A text stands there once for each class that it gets.
    """
    explainer = Explainer(head, multi_label=data.is_multi_label)
    ranks = min(_MAX_LABELS, head.output.shape[-1]) if data.is_multi_label else 1
    spec = (
        tf.TensorSpec(head.inputs[0].shape, tf.float32),
        tf.TensorSpec((None, None), tf.string),
    )

    def explain(layers: tf.Tensor, tokens: tf.Tensor) -> list[tuple[Any, Any, Any]]:
        inputs = head_inputs(layers, tokens, head)
        chances, classes = tf.math.top_k(head(list(inputs), training=False), ranks)
        found = []
        for rank in range(ranks):
            gets = (chances[:, rank] >= 0.5) | (rank == 0)
            weights = explainer.explain(layers, tokens, classes[:, rank])
            is_token = gets[:, None] & (tokens != "")
            found.append((gets, classes[:, rank][gets], weights[is_token]))
        return found

    run = tf.function(explain, input_signature=spec, autograph=False)
    results = [(texts[:0], np.zeros(0, np.int32), np.zeros(0, np.float32))]
    for batch in split_batches(texts, batch_size=_BATCH):
        tokens = tf.constant(data.tokens(batch), tf.string)
        for gets, classes, weights in run(
            tf.cast(layers_of(batch), tf.float32), tokens
        ):
            results.append((batch[gets.numpy()], classes.numpy(), weights.numpy()))
    found, chosen, weights = map(np.concatenate, zip(*results, strict=True))
    return found, chosen, weights
