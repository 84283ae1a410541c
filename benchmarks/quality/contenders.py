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
from pipeline.training.calibration import (
    PartLogits,
    eval_logits,
    needs_left_out,
    weight_and_temperature,
)
from pipeline.training.data import LabelledTokens, split_batches
from pipeline.training.embedding_store import EmbeddingStore
from pipeline.training.epochs import (
    ActivationInputs,
    ModelInputs,
    TokenInputs,
    outputs_of,
    train_epochs,
)
from pipeline.training.learning import (
    compile_model,
    fresh_head,
    weights_of,
    with_epochs,
)
from pipeline.training.left_out import LeftOut, least_loss
from pipeline.training.model import (
    TokenClassifier,
    build_encoder,
    ngrams_of,
    trained_form,
)
from pipeline.training.ngrams import TextNgrams

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
    """

    signature = (
        tf.TensorSpec((None, None), tf.int32),
        tf.TensorSpec((None, None), tf.bool),
    )

    def __init__(self, data: LabelledTokens, known: np.ndarray) -> None:
        self._data = data
        self._ids = np.where(known, np.cumsum(known) + _UNKNOWN, _UNKNOWN)
        self.size = int(self._ids.max()) + 1

    def read(self, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the ids of `texts`, and which places hold a token."""
        lengths = self._data.lengths[texts]
        ids = np.zeros((len(texts), max(1, int(lengths.max(initial=0)))), np.int32)
        for row, text in enumerate(texts):
            start, end = self._data.starts[text : text + 2]
            ids[row, : end - start] = self._ids[self._data.word_ids[start:end]]
        return ids, np.arange(ids.shape[1]) < lengths[:, None]


@dataclasses.dataclass(frozen=True)
class TrainedHead:
    """A head that was trained on a fold as the Trainer does it.

    Attributes:
        head: Its n-grams count as much as is best; it has no temperature.
        chosen: Class of each test text, int64 `(texts,)`.
        accuracy: Share of the test texts whose class that is.
        evaluate: Logits of the eval texts, shortest first. Those of n-grams are as they
            were learnt; so they are in `test`.
        test: Logits of the test texts, shortest first.
        left_out: Logits of heads like it, on texts that they were not trained on; None:
            the eval texts decide what they decide.
    """

    head: keras.Model
    chosen: np.ndarray
    accuracy: float
    evaluate: PartLogits
    test: PartLogits
    left_out: PartLogits | None


def elmo_head_accuracy(
    data: LabelledTokens,
    fold: Fold,
    store: EmbeddingStore,
    model: Mapping[str, Any],
    train: Mapping[str, Any],
) -> float:
    """Returns the test accuracy of the head on the frozen layers in `store`."""
    return trained_elmo_head(data, fold, store, model, train).accuracy


def trained_elmo_head(
    data: LabelledTokens,
    fold: Fold,
    store: EmbeddingStore,
    model: Mapping[str, Any],
    train: Mapping[str, Any],
) -> TrainedHead:
    """Returns the head, trained on the frozen layers in `store`."""
    left_out = _left_out(data, fold, store, model, train)
    if left_out is not None:
        train = {**train, "epochs": left_out.epochs}
    head = _fresh_head(data, fold, store, model, train)
    inputs = ActivationInputs(store, data)
    _train(trained_form(head), data, fold, inputs, train)
    parts = left_out.parts if left_out else None
    return _with_ngrams(head, data, fold, inputs, train, parts)


def _left_out(
    data: LabelledTokens,
    fold: Fold,
    store: EmbeddingStore,
    model: Mapping[str, Any],
    train: Mapping[str, Any],
) -> LeftOut | None:
    some = dataclasses.replace(data, splits=_splits(fold))
    if not needs_left_out(some):
        return None
    config = {"model": model, "train": train}
    return least_loss(config, some, store, num_classes=int(data.labels.max()) + 1)


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
    inputs = TokenInputs(data)
    _train(
        TokenClassifier(encoder, trained_form(head)),
        data,
        fold,
        inputs,
        train,
        slow=encoder.trainable_variables,
        slow_rate=elmo["learning_rate"],
    )
    classifier = TokenClassifier(encoder, head)
    return _with_ngrams(classifier, data, fold, inputs, train, None).accuracy


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
    """Returns the test accuracy of the head on a Keras Embedding trained with it.

    It has neither n-grams nor the pre-trained branch.
    """
    known = np.zeros(len(data.words), bool)
    for text in fold.train:
        known[data.word_ids[data.starts[text] : data.starts[text + 1]]] = True
    bare = {"pretrained_branch": False, "ngram_rows": 0}
    head = fresh_head(
        {"model": {**model, **bare}, "train": train},
        data,
        fold.train,
        num_classes=int(data.labels.max()) + 1,
        num_layers=1,
        dim=dim,
    )
    inputs = WordInputs(data, known)
    ids = keras.Input((None,), dtype="int32")
    is_token = keras.Input((None,), dtype="bool")
    vectors = keras.layers.Embedding(inputs.size, dim)(ids)
    given = [keras.ops.expand_dims(vectors, axis=1), is_token]
    whole = keras.Model([ids, is_token], trained_form(head)(given))
    _train(whole, data, fold, inputs, train)
    right = 0
    for texts, logits in outputs_of(
        whole, data, inputs, fold.test, batch_size=_TEST_BATCH
    ):
        right += int((logits.mean(axis=1).argmax(axis=1) == data.labels[texts]).sum())
    return right / len(fold.test)


def _train(
    model: keras.Model,
    data: LabelledTokens,
    fold: Fold,
    inputs: ModelInputs,
    train: Mapping[str, Any],
    **slow: Any,
) -> None:
    count = len(fold.train)
    train = with_epochs(train, count)
    compile_model(model, train, texts=count, **slow)
    with tempfile.TemporaryDirectory() as folder:
        train_epochs(
            model,
            dataclasses.replace(data, splits=_splits(fold)),
            inputs,
            class_weights=_class_weights(data, fold, train),
            options=train,
            resume_dir=Path(folder) / "state",
            log_dir=folder,
        )


def _class_weights(
    data: LabelledTokens, fold: Fold, train: Mapping[str, Any]
) -> np.ndarray:
    return weights_of(data, fold.train, int(data.labels.max()) + 1, train)


def _with_ngrams(
    model: keras.Model,
    data: LabelledTokens,
    fold: Fold,
    inputs: ModelInputs,
    train: Mapping[str, Any],
    left_out: PartLogits | None,
) -> TrainedHead:
    """Trains the n-grams of a head, or of the joint model's."""
    head = model.head if isinstance(model, TokenClassifier) else model
    ngrams, layer = TextNgrams(data), ngrams_of(head)
    if layer is not None:
        layer.fit(ngrams, data.labels, fold.train, _class_weights(data, fold, train))
    evaluate, test = (
        eval_logits(
            model,
            dataclasses.replace(data, splits={features.EVAL: texts}),
            inputs,
            ngrams,
            batch_size=_TEST_BATCH,
        )
        for texts in (fold.evaluate, fold.test)
    )
    weight, _ = weight_and_temperature(evaluate, left_out)
    if layer is not None:
        layer.scale(weight)
    chosen = np.empty(len(fold.test), np.int64)
    by_length = np.argsort(data.lengths[fold.test], kind="stable")
    chosen[by_length] = test.with_ngrams(weight).argmax(axis=1)
    accuracy = float((chosen == data.labels[fold.test]).mean())
    return TrainedHead(head, chosen, accuracy, evaluate, test, left_out)
