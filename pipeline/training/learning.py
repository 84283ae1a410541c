"""How a head learns: from which start, for how long, at which rate, by which loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.training.arithmetic import FusedAdam
from pipeline.training.data import LabelledTokens
from pipeline.training.model import build_head, start_at_shares

AUTO = "auto"
# Chosen on texts that no page reports; docs/quality.md has how.
_EPOCHS = 5
# With fewer texts there are more epochs.
_LEAST_STEPS = 100
# Phrases of which only the combination says something are learnt late: 600 texts of
# them had 68 % after 16 epochs, 92 after 30. What people write is learnt by heart then.
_MORE_STEPS = 600
_MOST_EPOCHS = 30
_MANY_MORE = 2  # times as many: fewer are not worth a comparison
_LAST_SHARE = 0.02  # of the learning rate
_STEPS_PER_EXECUTION = 8
# A class of fewer texts does not weigh more: they say too little of it.
_LEAST_WEIGHED = 20


def fresh_head(
    config: Mapping[str, Any],
    data: LabelledTokens,
    texts: np.ndarray,
    *,
    num_classes: int,
    num_layers: int,
    dim: int,
) -> keras.Model:
    """Returns a head as it is before it learns from some texts.

    Args:
        config: Sections `model` and `train` of the configuration.
        data: Holds the texts.
        texts: Places of the training texts, int64.
        num_classes: Of all labels.
        num_layers: Of the ELMo whose vectors it reads.
        dim: Width of these.
    """
    keras.utils.set_random_seed(config["train"]["seed"])
    head = build_head(
        config["model"],
        num_classes=num_classes,
        num_layers=num_layers,
        dim=dim,
        multi_label=data.is_multi_label,
    )
    if data.is_multi_label:
        start_at_shares(head, label_counts(data, texts, num_classes) / len(texts))
    return head


def label_counts(
    data: LabelledTokens, texts: np.ndarray, num_classes: int
) -> np.ndarray:
    """Returns how many texts each class has, int64 `(classes,)`."""
    labels = data.labels[texts]
    if data.is_multi_label:
        return labels.sum(axis=0, dtype=np.int64)
    return np.bincount(labels, minlength=num_classes)


def weights_of(
    data: LabelledTokens, texts: np.ndarray, num_classes: int, train: Mapping[str, Any]
) -> np.ndarray:
    """Returns what a text of each class weighs in the loss, float32 `(classes,)`.

    Args:
        data: Holds the texts.
        texts: Places of the training texts, int64.
        num_classes: Of all labels.
        train: Section `train` of the configuration.
    """
    # Thresholds do for rare labels what weights do where a text has one label.
    kind = "none" if data.is_multi_label else train["class_weights"]
    return class_weights(label_counts(data, texts, num_classes), kind)


def class_weights(counts: np.ndarray, kind: str) -> np.ndarray:
    """Returns float32 `(classes,)`: all 1, or such that all classes weigh the same.

    A class of fewer than 20 texts weighs less than the others, as if it had 20, or as
    many as a class has on average where that is fewer.
    """
    if kind == "none":
        return np.ones(len(counts), np.float32)
    mean = counts.mean()
    return (mean / np.maximum(counts, min(mean, _LEAST_WEIGHED))).astype("float32")


def with_epochs(train: Mapping[str, Any], texts: int) -> dict[str, Any]:
    """Returns section `train` with the number of epochs in place of `auto`.

    Args:
        train: Section `train` of the configuration.
        texts: Number of training texts.
    """
    return {**train, "epochs": epochs_to_try(train, texts)[0]}


def epochs_to_try(train: Mapping[str, Any], texts: int) -> list[int]:
    """Returns the usual number of epochs, and a larger one that may suit few texts.

    Args:
        train: Section `train` of the configuration; what is not `auto` is the only one.
        texts: Number of training texts.
    """
    if train["epochs"] != AUTO:
        return [train["epochs"]]
    few, more = (
        min(max(math.ceil(steps / steps_of_epoch(train, texts)), _EPOCHS), _MOST_EPOCHS)
        for steps in (_LEAST_STEPS, _MORE_STEPS)
    )
    return [few, more] if more >= _MANY_MORE * few else [few]


def compile_model(
    model: keras.Model,
    train: Mapping[str, Any],
    *,
    texts: int,
    multi_label: bool = False,
    slow: Sequence[Any] = (),
    slow_rate: float | None = None,
) -> None:
    """Compiles a `trained_form`, or the joint model around one.

    The learning rate falls in a line to nearly nothing: the last epoch is then as good
    as the best one, and no eval text is needed to tell which that was.

    Args:
        model: Returns logits `(batch, branches, classes)`.
        train: Section `train` of the configuration, as `with_epochs` returns it.
        texts: Number of training texts.
        multi_label: Whether a text may have several labels: the loss is then the mean
            over them, and so is the accuracy: the share of decisions for or against a
            label, at 0.5, that are right.
        slow: Variables that learn at another rate.
        slow_rate: That rate at the start.
    """
    steps = train["epochs"] * steps_of_epoch(train, texts)
    if train["max_steps"] is not None:
        steps = min(steps, train["max_steps"])
    highest = train["learning_rate"]
    rate = keras.optimizers.schedules.PolynomialDecay(
        highest, steps, _LAST_SHARE * highest
    )
    share = 1.0 if slow_rate is None else slow_rate / highest
    model.compile(
        FusedAdam(rate, slow=slow, slow_share=share),
        MeanOfBranches(multi_label),
        metrics=[BranchesAccuracy(multi_label)],
        # XLA would compile every shape of batch anew.
        jit_compile=False,
        # Steps of a small head are so short that Python's share of each shows.
        steps_per_execution=_STEPS_PER_EXECUTION,
    )


def steps_of_epoch(train: Mapping[str, Any], texts: int) -> int:
    """Returns the batches of an epoch."""
    return max(1, math.ceil(texts / train["batch_size"]))


class MeanOfBranches(keras.losses.Loss):
    """The cross entropy of a text: the mean over the branches, each by itself.

    Args:
        multi_label: Whether a text may have several labels.

    Inputs: labels, int `(batch,)` or, where there may be several, float
        `(batch, classes)`; logits, float32 `(batch, branches, classes)`.
    """

    def __init__(self, multi_label: bool = False) -> None:
        super().__init__(name="cross_entropy")
        self._multi_label = multi_label

    def call(self, labels: Any, logits: Any) -> tf.Tensor:
        """Returns float32 `(batch,)`, in nats."""
        if self._multi_label:
            labels = tf.broadcast_to(labels[:, None], tf.shape(logits))
            losses = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
            return tf.reduce_mean(losses, axis=[1, 2])
        labels = tf.broadcast_to(labels[:, None], tf.shape(logits)[:2])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.cast(labels, tf.int32), logits
        )
        return tf.reduce_mean(losses, axis=1)


class BranchesAccuracy(keras.metrics.MeanMetricWrapper):
    """The accuracy of the mean of the branches' logits.

    Args and inputs: As of `MeanOfBranches`.
    """

    def __init__(self, multi_label: bool = False) -> None:
        super().__init__(self._is_right, name="accuracy")
        self._multi_label = multi_label

    def _is_right(self, labels: Any, logits: Any) -> tf.Tensor:
        logits = tf.reduce_mean(logits, axis=1)
        if self._multi_label:
            is_right = tf.equal(labels > 0.5, logits > 0)
            return tf.reduce_mean(tf.cast(is_right, tf.float32), axis=1)
        chosen = tf.argmax(logits, axis=1, output_type=tf.int32)
        return tf.cast(tf.equal(tf.cast(labels, tf.int32), chosen), tf.float32)
