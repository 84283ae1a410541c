"""The ways to give words their weights that are measured beside each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from pipeline.training.data import LabelledTokens
from pipeline.training.explaining import Explainer
from pipeline.training.model import TokenClassifier

CHOSEN = "integrated gradients"
# Object `(batch, time)` tokens padded with b"" -> float `(batch, time)`, or
# `(batch, classes)`.
Weigh = Callable[[np.ndarray], np.ndarray]
_VectorWeights = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
_TOKENS = [tf.TensorSpec((None, None), tf.string)]
_BATCH = 128  # texts


def predictor(classifier: TokenClassifier) -> Weigh:
    """Returns the function from tokens to probabilities, in batches of like length."""
    run = tf.function(
        lambda tokens: classifier(tokens, training=False),
        input_signature=_TOKENS,
        autograph=False,
    )

    def predict(tokens: np.ndarray) -> np.ndarray:
        lengths = (tokens != b"").sum(axis=1)
        order = np.argsort(lengths, kind="stable")
        parts = []
        for at in range(0, len(order), _BATCH):
            rows = order[at : at + _BATCH]
            some = tokens[rows, : max(1, lengths[rows].max())]
            parts.append(run(tf.constant(some, tf.string)).numpy())
        return np.concatenate(parts)[np.argsort(order)]

    return predict


def classes_of(predict: Weigh) -> Weigh:
    """Returns the function from tokens to the most probable classes, `(batch,)`."""
    return lambda tokens: predict(tokens).argmax(axis=1)


def methods(classifier: TokenClassifier) -> dict[str, Weigh]:
    """Returns the methods that look into the head, by name."""
    explainer = Explainer(classifier.head, multi_label=False)

    def with_ngrams(vector_weights: _VectorWeights) -> Weigh:
        def weigh(tokens: tf.Tensor) -> tf.Tensor:
            layers = classifier.encode(tokens, training=False)
            probabilities = classifier.classify(layers, tokens, training=False)
            direction = explainer.direction(tf.argmax(probabilities, axis=1))
            weights = vector_weights(explainer.mix(layers), tokens, direction)
            return weights + explainer.ngram_weights(tokens, direction)

        run = tf.function(weigh, input_signature=_TOKENS, autograph=False)
        return lambda tokens: run(tf.constant(tokens, tf.string)).numpy()

    def value(
        vectors: tf.Tensor, is_token: tf.Tensor, direction: tf.Tensor
    ) -> tf.Tensor:
        logits = explainer.vector_logits([vectors, is_token], training=False)
        return tf.reduce_sum(logits * direction, axis=1)  # (batch,)

    def gradient(vectors: Any, tokens: Any, direction: Any) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            total = tf.reduce_sum(value(vectors, tokens != "", direction))
        return tf.reduce_sum(tape.gradient(total, vectors) * vectors, axis=-1)

    def occlusion(vectors: Any, tokens: Any, direction: Any) -> tf.Tensor:
        is_token = tokens != ""
        whole, time = value(vectors, is_token, direction), tf.shape(tokens)[1]

        def fall(place: tf.Tensor) -> tf.Tensor:
            others = is_token & (tf.range(time) != place)
            return whole - value(vectors, others, direction)

        falls = tf.map_fn(fall, tf.range(time), fn_output_signature=tf.float32)
        return tf.transpose(falls)

    def none(vectors: Any, tokens: Any, direction: Any) -> tf.Tensor:
        return tf.zeros(tf.shape(tokens))

    return {
        CHOSEN: with_ngrams(explainer.vector_weights),
        "gradient times vector": with_ngrams(gradient),
        "leaving each vector out": with_ngrams(occlusion),
        "the n-grams alone": with_ngrams(none),
    }


def leave_one_out(predict: Weigh) -> Weigh:
    """Returns the method that classifies each text anew without each of its tokens."""

    def weigh(tokens: np.ndarray) -> np.ndarray:
        weights = np.zeros(tokens.shape, np.float32)
        for row, text in enumerate(tokens):
            length = int((text != b"").sum())
            texts = [text, *(without(text, place) for place in range(length))]
            logits = np.log(np.clip(predict(np.stack(texts)), 1e-9, 1))
            logits -= logits.mean(axis=1, keepdims=True)
            own = logits[:, logits[0].argmax()]
            weights[row, :length] = own[0] - own[1:]
        return weights

    return weigh


def without(text: np.ndarray, places: Any) -> np.ndarray:
    """Returns the tokens `(time,)` without some, padded to the same width."""
    kept = np.delete(text, places)
    return np.append(kept, np.full(len(text) - len(kept), b"", object))


def by_random() -> Weigh:
    """Returns the method that draws the weights; always the same ones."""
    return lambda tokens: np.random.default_rng(len(tokens)).random(tokens.shape)


def baseline(data: LabelledTokens, train: np.ndarray, classes: Weigh) -> Weigh:
    """Returns the method of TF-IDF of words and pairs with logistic regression.

    Its settings are those of a run's baseline, its words the tokens of the pipeline, so
    that each weight has its place in a text. Half that of a pair goes to each word.

    Args:
        data: Of two classes.
        train: Places of the texts to learn from.
        classes: Tokens -> the classes to name words for.
    """
    vectorizer = TfidfVectorizer(analyzer=_terms, min_df=2, sublinear_tf=True)
    vectors = vectorizer.fit_transform(data.tokens(train))
    model = LogisticRegression(C=5, max_iter=1000).fit(vectors, data.labels[train])
    names = vectorizer.vocabulary_

    def weigh(tokens: np.ndarray) -> np.ndarray:
        weights = np.zeros(tokens.shape)
        signs = 2 * classes(tokens) - 1  # the coefficients are for the second class
        values = vectorizer.transform(tokens).toarray() * model.coef_
        for row, text in enumerate(tokens):
            terms = _terms(text)
            length = (len(terms) + 1) // 2
            for place, term in enumerate(terms):
                if term not in names:
                    continue
                share = signs[row] * values[row, names[term]] / terms.count(term)
                if place < length:
                    weights[row, place] += share
                else:
                    first = place - length
                    weights[row, first : first + 2] += share / 2
        return weights

    return weigh


def _terms(tokens: np.ndarray) -> list[str]:
    """Returns the words of a padded text, then its pairs, in lower case."""
    words = [token.decode().lower() for token in tokens if token]
    return words + [" ".join(pair) for pair in zip(words, words[1:], strict=False)]
