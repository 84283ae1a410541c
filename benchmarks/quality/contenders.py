"""The classifiers: logistic regression, and the pipeline's own head.

Logistic regression runs on words and word pairs, on MiniLM's vectors or on means. The
head, which is trained as the Trainer does, runs on frozen embeddings, on ELMo that is
fine-tuned, or on an embedding that learns with it.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import StandardScaler

from benchmarks import environments, processes
from benchmarks.classifiers.contenders import CONTENDERS
from benchmarks.classifiers.workers import linear
from benchmarks.quality.texts import Fold, Texts
from benchmarks.session import KEPT
from keras_elmo import ElmoEmbeddingLayer
from pipeline import features
from pipeline.training.calibration import needs_left_out
from pipeline.training.data import LabelledTokens, split_batches
from pipeline.training.embedding_store import EmbeddingStore
from pipeline.training.epochs import (
    ActivationInputs,
    ModelInputs,
    TokenInputs,
    train_epochs,
)
from pipeline.training.learning import (
    compile_model,
    epochs_to_try,
    fresh_head,
    weights_of,
    with_epochs,
)
from pipeline.training.left_out import least_loss
from pipeline.training.model import (
    TokenClassifier,
    build_encoder,
    end_training,
    head_inputs,
    head_signature,
    trained_form,
)

# Strengths of the regularisation; the one that is best on the eval texts counts.
_TF_IDF_CS = (1.0, 5.0, 30.0)
_MINILM_CS = (0.3, 1.0, 3.0, 10.0, 30.0)
_MEAN_CS = (0.001, 0.003, 0.01)
_AT_ONCE = 256
_UNKNOWN = 1  # id of words that the training texts lack; 0 is padding
_TEST_BATCH = 128


def tf_idf_accuracy(texts: Texts, fold: Fold) -> float:
    """Returns the test accuracy of TF-IDF of words and pairs.

    The eval texts choose the strength of the regularisation, and are learnt then.
    """
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    learnt = np.concatenate([fold.train, fold.evaluate])
    vectorizer.fit([texts.texts[i] for i in learnt])
    return _regression_accuracy(
        lambda places: vectorizer.transform([texts.texts[i] for i in places]),
        texts,
        fold,
        _TF_IDF_CS,
    )


def minilm_accuracy(vectors: np.ndarray, texts: Texts, fold: Fold) -> float:
    """Returns the test accuracy on MiniLM's vectors; as `tf_idf_accuracy`."""
    return _regression_accuracy(vectors.__getitem__, texts, fold, _MINILM_CS)


def mean_accuracy(means: np.ndarray, texts: Texts, fold: Fold) -> float:
    """Returns the test accuracy on mean embeddings, `(texts, width)`; likewise."""
    scaler = StandardScaler().fit(means[fold.train])
    return _regression_accuracy(
        lambda places: scaler.transform(means[places]), texts, fold, _MEAN_CS
    )


def _regression_accuracy(
    features_of: Callable[[np.ndarray], Any],
    texts: Texts,
    fold: Fold,
    strengths: Sequence[float],
) -> float:
    train, evaluate = (
        (features_of(places), texts.labels[places])
        for places in (fold.train, fold.evaluate)
    )
    _, best = linear.fit_best(strengths, train, evaluate)
    learnt = np.concatenate([fold.train, fold.evaluate])
    model = linear.fit(best, features_of(learnt), texts.labels[learnt])
    return float(model.score(features_of(fold.test), texts.labels[fold.test]))


def minilm_vectors(texts: Texts) -> np.ndarray:
    """Returns MiniLM's vectors of all texts, float32 `(texts, 384)`.

    Raises:
        NotMeasured: Its environment cannot be made.
    """
    python = environments.interpreter("minilm", CONTENDERS["minilm"].python or "")
    with tempfile.TemporaryDirectory(prefix="run-", dir=KEPT) as name:
        given, found = Path(name) / "texts.json", Path(name) / "vectors.npy"
        given.write_text(json.dumps(texts.texts), "utf-8")
        module = "benchmarks.quality.minilm_vectors"
        processes.run([python, "-m", module, given, found], scratch=Path(name))
        return np.load(found, allow_pickle=False)


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
    train = _with_fitting_epochs(data, fold, store, model, train)
    head = _fresh_head(data, fold, store, model, train)
    inputs = ActivationInputs(store, data, head)
    trained = trained_form(head)
    _train(trained, data, fold, inputs, train)
    end_training(trained, head)
    return head, inputs


def _with_fitting_epochs(
    data: LabelledTokens,
    fold: Fold,
    store: EmbeddingStore,
    model: Mapping[str, Any],
    train: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Returns section `train` with the number of epochs that the Trainer takes."""
    some = dataclasses.replace(data, splits=_splits(fold))
    if not needs_left_out(some) or len(epochs_to_try(train, len(fold.train))) == 1:
        return train
    config = {"model": model, "train": train}
    classes = int(data.labels.max()) + 1
    found = least_loss(config, some, store, num_classes=classes)
    return {**train, "epochs": found.epochs}


def _splits(fold: Fold) -> dict[str, np.ndarray]:
    return {features.TRAIN: fold.train, features.EVAL: fold.evaluate}


def fine_tuned_accuracy(
    data: LabelledTokens,
    fold: Fold,
    elmo: Mapping[str, Any],
    model: Mapping[str, Any],
    train: Mapping[str, Any],
) -> float:
    """Returns the test accuracy where ELMo itself learns along with the head."""
    encoder = build_encoder({**elmo, "trainable": True})
    head = _fresh_head(data, fold, encoder, model, train)
    trained = trained_form(head)
    _train(
        TokenClassifier(encoder, trained),
        data,
        fold,
        TokenInputs(data),
        train,
        slow=encoder.trainable_variables,
        slow_rate=elmo["learning_rate"],
    )
    end_training(trained, head)
    return _accuracy(TokenClassifier(encoder, head), data, fold, TokenInputs(data))


def _fresh_head(
    data: LabelledTokens,
    fold: Fold,
    elmo: EmbeddingStore | ElmoEmbeddingLayer,
    model: Mapping[str, Any],
    train: Mapping[str, Any],
) -> keras.Model:
    return fresh_head(
        {"model": model, "train": train},
        data,
        fold.train,
        num_classes=int(data.labels.max()) + 1,
        num_layers=elmo.num_layers,
        dim=elmo.dim,
    )


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
    head = fresh_head(
        {"model": {**model, "pretrained_branch": False}, "train": train},
        data,
        fold.train,
        num_classes=int(data.labels.max()) + 1,
        num_layers=1,
        dim=dim,
    )
    inputs = WordInputs(data, known, head)
    ids = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(inputs.size, dim)(ids)
    layers = keras.ops.expand_dims(vectors, axis=1)
    others = [keras.Input(each.shape[1:], dtype=each.dtype) for each in head.inputs[1:]]
    trained = trained_form(head)
    whole = keras.Model([ids, *others], trained([layers, *others]))
    _train(whole, data, fold, inputs, train)
    end_training(trained, head)
    whole = keras.Model([ids, *others], head([layers, *others]))
    return _accuracy(whole, data, fold, inputs)


def _train(
    model: keras.Model,
    data: LabelledTokens,
    fold: Fold,
    inputs: ModelInputs,
    train: Mapping[str, Any],
    **slow: Any,
) -> None:
    count = len(fold.train)
    classes = int(data.labels.max()) + 1
    train = with_epochs(train, count)
    compile_model(model, train, texts=count, **slow)
    with tempfile.TemporaryDirectory() as folder:
        train_epochs(
            model,
            dataclasses.replace(data, splits=_splits(fold)),
            inputs,
            class_weights=weights_of(data, fold.train, classes, train),
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
