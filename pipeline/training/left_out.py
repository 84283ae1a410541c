"""How good heads with some options are on texts that they were not trained on.

The texts are cut into folds; for each a head is trained on the others, as the Trainer
does it. It is judged on the fold, or tells how sure such heads may be.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from components.progress import tell
from pipeline.features import EVAL, TRAIN
from pipeline.training.calibration import (
    PartLogits,
    eval_logits,
    is_right,
    log_loss,
    weight_and_temperature,
)
from pipeline.training.data import LabelledTokens, split_batches
from pipeline.training.embedding_store import EmbeddingStore
from pipeline.training.epochs import ActivationInputs, fit_epoch, labelled_batches
from pipeline.training.label_doubts import cut_folds
from pipeline.training.learning import (
    compile_model,
    epochs_to_try,
    fresh_head,
    steps_of_epoch,
    weights_of,
    with_epochs,
)
from pipeline.training.model import ngrams_of, trained_form
from pipeline.training.ngrams import TextNgrams
from pipeline.training.state import TrainingState
from pipeline.training.tuned_options import with_options

_LOGGER = logging.getLogger(__name__)

FOLDS = 3
_LEAST_JUDGED = 128  # texts that are computed together


class NoLoss(ValueError):
    """A head with these options has no loss that is a finite number."""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What heads made of texts that they were not trained on.

    Attributes:
        losses: float64 `(texts,)`, log loss in nats; where a text may have several
            labels, the mean over them.
        right: float64 `(texts,)`: 1 where the answer was right, else 0; where a text
            may have several labels, the share of right decisions.
    """

    losses: np.ndarray
    right: np.ndarray


def together(parts: Sequence[Judgement]) -> Judgement:
    """Returns what was made of the texts of several folds."""
    return Judgement(
        np.concatenate([part.losses for part in parts]),
        np.concatenate([part.right for part in parts]),
    )


def mean_and_error(differences: np.ndarray) -> tuple[float, float]:
    """Returns the mean of some numbers, and its standard error."""
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return float(differences.mean()), float(error)


def folds_of(data: LabelledTokens, texts: np.ndarray, seed: int) -> np.ndarray:
    """Returns the fold of each of some texts, int64 `(texts,)`, from 0.

    Equal texts share a fold. With another seed the folds are others.

    Args:
        data: The texts.
        texts: Places, int64.
        seed: Not below 0.
    """
    digests = [seeded(key, seed) for key in data.keys()[texts].tolist()]
    labels = data.labels[texts]
    if data.is_multi_label:
        labels = labels.argmax(axis=1)
    return cut_folds(digests, labels, FOLDS)


def seeded(key: bytes, seed: int) -> bytes:
    """Returns a digest of a text's key that is another one for each seed."""
    return hashlib.blake2b(key, digest_size=16, salt=seed.to_bytes(8, "big")).digest()


def judge(
    config: Mapping[str, Any],
    data: LabelledTokens,
    store: EmbeddingStore,
    *,
    texts: np.ndarray,
    folds: np.ndarray,
    num_classes: int,
    seed: int,
) -> Iterator[Judgement]:
    """Trains a head for each fold on the others, and yields what it makes of the fold.

    With `train.patience` the texts of the split `eval` among those others are the ones
    that stop the training.

    Args:
        config: Sections `model` and `train`.
        data: The texts, with the splits `train` and `eval`.
        store: Their activations.
        texts: Places of those that are used, int64.
        folds: Of these, as `folds_of` returns them.
        num_classes: Of all labels.
        seed: Of all that a head draws.

    Yields:
        For each fold, of its texts in an order that is the same for the same `texts`
        and `folds`.

    Raises:
        NoLoss: A head does not learn.
        ValueError: All texts are equal.
    """
    if len(np.unique(folds)) < 2:
        raise ValueError(
            "a search needs texts of train and eval that differ. Received: one\n"
            "hint: train without train.tune"
        )
    heads = _Heads(config, data, store, TextNgrams(data), num_classes, seed)
    for fold in range(FOLDS):
        others, own = texts[folds != fold], texts[folds == fold]
        if len(own):
            yield _judged(heads.logits(others, own))


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """What heads made of the texts of train and eval that they were not trained on.

    Attributes:
        epochs: For how many they were trained.
        parts: Their logits.
    """

    epochs: int
    parts: PartLogits


def least_loss(
    config: Mapping[str, Any],
    data: LabelledTokens,
    store: EmbeddingStore,
    *,
    num_classes: int,
) -> LeftOut:
    """Trains a head for each fold of train and eval on the others.

    It does so with each number of epochs of `epochs_to_try`, and returns what came of
    the one with the least loss. A text of which the class is in no other fold is left
    out: no head knows of it.

    Args:
        config: Sections `model` and `train`.
        data: The texts, with the splits `train` and `eval`.
        store: Their activations.
        num_classes: Of all labels.

    Raises:
        NoLoss: A head does not learn, or no class has two texts that differ.
    """
    texts = np.sort(np.concatenate([data.splits[TRAIN], data.splits[EVAL]]))
    seed = config["train"]["seed"]
    folds = folds_of(data, texts, seed)
    ngrams = TextNgrams(data)
    numbers = epochs_to_try(config["train"], len(data.splits[TRAIN]))
    found: list[tuple[float, LeftOut]] = []
    for place, epochs in enumerate(numbers):
        tried = with_options(config, {"train.epochs": epochs})
        heads = _Heads(tried, data, store, ngrams, num_classes, seed)
        parts = []
        for fold in range(FOLDS):
            others, own = texts[folds != fold], texts[folds == fold]
            if not data.is_multi_label:
                own = own[np.isin(data.labels[own], data.labels[others])]
            if len(others) and len(own):
                parts.append(heads.logits(others, own))
            done = place * FOLDS + fold + 1
            tell("heads of left-out texts", done, len(numbers) * FOLDS)
        if not parts:
            raise NoLoss
        of_all = _joined(parts)
        loss = float(_judged(of_all).losses.mean())
        _LOGGER.info("%d epochs: loss %.4f on texts left out", epochs, loss)
        found.append((loss, LeftOut(epochs, of_all)))
    return min(found, key=lambda each: each[0])[1]


class _Heads:
    """Heads with the same options, each trained on other texts.

    Keras takes longer to compile a head than few texts take to learn. So those that
    make the same number of steps are one, which begins anew each time.

    Args:
        config: Sections `model` and `train`.
        data: The texts; with `train.patience` those of the split `eval` stop a head.
        store: Their activations.
        ngrams: Those of the texts.
        num_classes: Of all labels.
        seed: Of all that a head draws.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        data: LabelledTokens,
        store: EmbeddingStore,
        ngrams: TextNgrams,
        num_classes: int,
        seed: int,
    ) -> None:
        self._config, self._data, self._store = config, data, store
        self._ngrams, self._num_classes, self._seed = ngrams, num_classes, seed
        self._compiled: dict[int, tuple[keras.Model, keras.Model]] = {}

    def logits(self, others: np.ndarray, own: np.ndarray) -> PartLogits:
        """Returns those of some texts, by a head that has learnt from others.

        Raises:
            NoLoss: The head does not learn.
        """
        config, data = self._config, self._data
        stopping = np.zeros(0, np.int64)
        if config["train"]["patience"] is not None:
            is_eval = np.isin(others, data.splits[EVAL])
            if 0 < is_eval.sum() < len(others):
                others, stopping = others[~is_eval], others[is_eval]
        train = with_epochs({**config["train"], "seed": self._seed}, len(others))
        head, trained = self._fresh(others, train)
        weights = weights_of(data, others, self._num_classes, train)
        inputs = ActivationInputs(self._store, data)
        _fit(trained, data, inputs, others, stopping, weights, train)
        layer = ngrams_of(head)
        if layer is not None:
            layer.fit(self._ngrams, data.labels, others, weights)
        parts = eval_logits(
            head,
            dataclasses.replace(data, splits={EVAL: own}),
            inputs,
            self._ngrams,
            batch_size=max(train["batch_size"], _LEAST_JUDGED),
        )
        if not np.isfinite(parts.vectors).all():
            raise NoLoss
        return parts

    def _fresh(
        self, texts: np.ndarray, train: Mapping[str, Any]
    ) -> tuple[keras.Model, keras.Model]:
        """Returns a head that has learnt nothing, and its compiled `trained_form`."""
        head = fresh_head(
            {**self._config, "train": train},
            self._data,
            texts,
            num_classes=self._num_classes,
            num_layers=self._store.num_layers,
            dim=self._store.dim,
        )
        steps = train["epochs"] * steps_of_epoch(train, len(texts))
        if steps in self._compiled:
            known, trained = self._compiled[steps]
            for old, new in zip(known.variables, head.variables, strict=True):
                old.assign(new)
            for variable in trained.optimizer.variables:
                variable.assign(ops.zeros_like(variable))
            return known, trained
        trained = trained_form(head)
        compile_model(
            trained, train, texts=len(texts), multi_label=self._data.is_multi_label
        )
        self._compiled[steps] = head, trained
        return head, trained


def _joined(parts: Sequence[PartLogits]) -> PartLogits:
    ngrams = [each.ngrams for each in parts if each.ngrams is not None]
    return PartLogits(
        np.concatenate([each.vectors for each in parts]),
        np.concatenate(ngrams) if ngrams else None,
        np.concatenate([each.labels for each in parts]),
    )


def _fit(
    trained: keras.Model,
    data: LabelledTokens,
    inputs: ActivationInputs,
    others: np.ndarray,
    stopping: np.ndarray,
    weights: np.ndarray,
    train: Mapping[str, Any],
) -> None:
    """Trains as `train_epochs` does, but looks at a loss only where it stops."""
    bounds = {name: train[name] for name in ("epochs", "patience", "max_steps")}
    if not len(stopping):
        bounds["patience"] = None
    held_out = None
    if len(stopping):
        by_length = stopping[np.argsort(data.lengths[stopping], kind="stable")]
        batches = split_batches(by_length, batch_size=train["batch_size"])
        held_out = labelled_batches(
            data, inputs, weights, batches, name="the texts left out"
        )
    state = TrainingState()
    while state.ended_by(**bounds) is None:
        steps, logs = fit_epoch(
            trained, data, inputs, weights, others, train, state, held_out
        )
        loss = logs["loss" if held_out is None else "val_loss"][0]
        entry = {"steps": steps, "eval_loss": float(loss)}
        state.add(entry, trained, keep_last=held_out is None)
    if not state.best_epoch:
        raise NoLoss
    state.restore_best(trained)


def _judged(parts: PartLogits) -> Judgement:
    """Returns how good a head is with the weight and the temperature that suit best."""
    weight, temperature = weight_and_temperature(parts, None)
    logits = parts.with_ngrams(weight)
    labels = parts.labels
    return Judgement(log_loss(logits / temperature, labels), is_right(logits, labels))
