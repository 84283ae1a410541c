"""The classifiers: logistic regression, and the pipeline's own head.

Logistic regression runs on words and word pairs or on mean embeddings. The head, which
is trained as the Trainer does, runs on frozen embeddings or on one that learns with it.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.quality.texts import Fold, Texts
from pipeline import features
from pipeline.training.data import LabelledTokens, split_batches
from pipeline.training.embedding_store import EmbeddingStore
from pipeline.training.epochs import ActivationInputs, ModelInputs, train_epochs
from pipeline.training.learning import compile_model, with_epochs
from pipeline.training.model import (
    adapt_ngrams,
    build_head,
    end_training,
    head_inputs,
    head_signature,
    trained_form,
)

_TF_IDF_C = 5.0
_MEAN_CS = (0.001, 0.003, 0.01)  # the one that is best on the eval texts counts
_AT_ONCE = 256
_CLASSES = 2
_UNKNOWN = 1  # id of words that the training texts lack; 0 is padding
_TEST_BATCH = 128


def tf_idf_accuracy(texts: Texts, fold: Fold) -> float:
    """Returns the test accuracy of TF-IDF of words and pairs; eval texts are learnt."""
    learnt = np.concatenate([fold.train, fold.evaluate])
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    features = vectorizer.fit_transform([texts.texts[i] for i in learnt])
    model = LogisticRegression(C=_TF_IDF_C, max_iter=1000)
    model.fit(features, texts.labels[learnt])
    unseen = vectorizer.transform([texts.texts[i] for i in fold.test])
    return float(model.score(unseen, texts.labels[fold.test]))


def mean_accuracy(means: np.ndarray, texts: Texts, fold: Fold) -> float:
    """Returns the test accuracy on mean embeddings, `(texts, width)`.

    The eval texts choose the strength of the regularisation, and are learnt then.
    """

    def fit(c: float, learnt: np.ndarray) -> Pipeline:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=1000))
        return model.fit(means[learnt], texts.labels[learnt])

    def score(model: Pipeline, places: np.ndarray) -> float:
        return float(model.score(means[places], texts.labels[places]))

    best = max(_MEAN_CS, key=lambda c: score(fit(c, fold.train), fold.evaluate))
    return score(fit(best, np.concatenate([fold.train, fold.evaluate])), fold.test)


def mean_embeddings(store: EmbeddingStore, lengths: np.ndarray) -> np.ndarray:
    """Returns the mean of each layer over the tokens, side by side.

    Args:
        store: Of some texts.
        lengths: Tokens of each of these texts, int `(texts,)`.

    Returns:
        float32 `(texts, layers * dim)`, zeros for a text without tokens.
    """
    parts = []
    for texts in split_batches(np.arange(len(lengths)), batch_size=_AT_ONCE):
        sums = store.read(texts).sum(axis=2)  # zero at padding
        tokens = np.maximum(lengths[texts], 1)[:, None, None]
        parts.append((sums / tokens).reshape(len(sums), -1))
    return np.concatenate(parts)


class WordInputs:
    """Inputs of a head on a trained embedding: word ids where others have layers.

    Args:
        data: The texts.
        known: bool `(words,)`, which words have a vector of their own.
        head: Which reads what the embedding gives.
    """

    def __init__(
        self, data: LabelledTokens, known: np.ndarray, head: keras.Model
    ) -> None:
        self._data, self._head = data, head
        self.signature = head_signature(tf.TensorSpec((None, None), tf.int32), head)
        self._ids = np.where(known, np.cumsum(known) + _UNKNOWN, _UNKNOWN)
        self.size = int(self._ids.max()) + 1

    def read(self, texts: np.ndarray) -> tuple[Any, ...]:
        """Returns the inputs of `texts`."""
        tokens = self._data.tokens(texts)
        ids = np.zeros(tokens.shape, np.int32)
        for row, text in enumerate(texts):
            start, end = self._data.starts[text : text + 2]
            ids[row, : end - start] = self._ids[self._data.word_ids[start:end]]
        return head_inputs(ids, tokens, self._head)


def elmo_head_accuracy(
    data: LabelledTokens,
    fold: Fold,
    store: EmbeddingStore,
    model: Mapping[str, Any],
    train: Mapping[str, Any],
) -> float:
    """Returns the test accuracy of the head on the frozen layers in `store`."""
    head, inputs = trained_elmo_head(data, fold, store, model, train)
    return _accuracy(head, data, fold, inputs)


def trained_elmo_head(
    data: LabelledTokens,
    fold: Fold,
    store: EmbeddingStore,
    model: Mapping[str, Any],
    train: Mapping[str, Any],
) -> tuple[keras.Model, ModelInputs]:
    """Returns the head, trained on the frozen layers in `store`, and its inputs."""
    keras.utils.set_random_seed(train["seed"])
    head = build_head(
        model, num_classes=_CLASSES, num_layers=store.num_layers, dim=store.dim
    )
    adapt_ngrams(head, data, fold.train)
    inputs = ActivationInputs(store, data, head)
    trained = trained_form(head)
    _train(trained, data, fold, inputs, train)
    end_training(trained, head)
    return head, inputs


def embedding_head_accuracy(
    data: LabelledTokens,
    fold: Fold,
    dim: int,
    model: Mapping[str, Any],
    train: Mapping[str, Any],
) -> float:
    """Returns the test accuracy of the head on a Keras Embedding trained with it."""
    known = np.zeros(len(data.words), bool)
    for text in fold.train:
        known[data.word_ids[data.starts[text] : data.starts[text + 1]]] = True
    keras.utils.set_random_seed(train["seed"])
    head = build_head(model, num_classes=_CLASSES, num_layers=1, dim=dim)
    adapt_ngrams(head, data, fold.train)
    inputs = WordInputs(data, known, head)
    ids = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(inputs.size, dim)(ids)
    layers = keras.ops.expand_dims(vectors, axis=1)
    others = [keras.Input(each.shape[1:], dtype=each.dtype) for each in head.inputs[1:]]
    whole = keras.Model([ids, *others], trained_form(head)([layers, *others]))
    _train(whole, data, fold, inputs, train)
    return _accuracy(whole, data, fold, inputs)


def _train(
    model: keras.Model,
    data: LabelledTokens,
    fold: Fold,
    inputs: ModelInputs,
    train: Mapping[str, Any],
) -> None:
    splits = {features.TRAIN: fold.train, features.EVAL: fold.evaluate}
    train = with_epochs(train, len(fold.train))
    compile_model(model, train, texts=len(fold.train))
    with tempfile.TemporaryDirectory() as folder:
        train_epochs(
            model,
            dataclasses.replace(data, splits=splits),
            inputs,
            class_weights=np.ones(_CLASSES, np.float32),
            options=train,
            resume_dir=Path(folder) / "state",
            log_dir=folder,
        )


def _accuracy(
    model: keras.Model, data: LabelledTokens, fold: Fold, inputs: ModelInputs
) -> float:
    right = 0
    test = fold.test[np.argsort(data.lengths[fold.test], kind="stable")]
    for texts in split_batches(test, batch_size=_TEST_BATCH):
        chances = model.predict_on_batch(inputs.read(texts))
        right += int((chances.argmax(axis=-1) == data.labels[texts]).sum())
    return right / len(test)
