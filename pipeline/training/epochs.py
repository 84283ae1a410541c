"""The epochs of training: what each one reads, and what is kept after it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from components.progress import tell
from pipeline import features
from pipeline.training.data import (
    LabelledTokens,
    shuffled_batches,
    split_batches,
    untuned,
)
from pipeline.training.state import TrainingState

_LOGGER = logging.getLogger(__name__)
_BATCHES_AHEAD = 2
_EPOCH_LINE = (
    "Epoch %(epoch)d: train loss %(train_loss).4f, accuracy %(train_accuracy).4f; "
    "eval loss %(eval_loss).4f, accuracy %(eval_accuracy).4f; %(seconds).1f s"
)
_SILENT_SECONDS = 10.0  # of an epoch: of a longer one, each batch is told
_PROGRESS_NOTE = "eval loss %(eval_loss).2f, accuracy %(eval_accuracy).2f"


class ModelInputs(Protocol):
    """Where the model's inputs for a batch of texts come from."""

    signature: Any

    def read(self, texts: np.ndarray) -> Any:
        """Returns the inputs of `texts`, in the form of `signature`."""


class Activations(Protocol):
    """Where the activations of texts come from."""

    num_layers: int
    dim: int

    def read(self, texts: np.ndarray) -> np.ndarray:
        """Returns float32 `(batch, layers, time, dim)`, zero at padding."""


class ActivationInputs:
    """Inputs of the part of a head that reads vectors, from stored activations.

    Args:
        activations: Of `data`.
        data: The texts.
    """

    def __init__(self, activations: Activations, data: LabelledTokens) -> None:
        self._activations, self._lengths = activations, data.lengths
        shape = (None, activations.num_layers, None, activations.dim)
        self.signature = (
            tf.TensorSpec(shape, tf.float32),
            tf.TensorSpec((None, None), tf.bool),
        )

    def read(self, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the layers of `texts`, and which places hold a token."""
        layers = self._activations.read(texts)
        return layers, np.arange(layers.shape[2]) < self._lengths[texts, None]


class TokenInputs:
    """Inputs of the joint model: token strings `(batch, time)`."""

    signature = tf.TensorSpec((None, None), tf.string)

    def __init__(self, data: LabelledTokens) -> None:
        self.read = data.tokens


def outputs_of(
    model: Callable[..., Any],
    data: LabelledTokens,
    inputs: ModelInputs,
    texts: np.ndarray,
    *,
    batch_size: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields batches of texts of like length, and what a model makes of each.

    Args:
        model: Called with `training=False`.
        data: The texts.
        inputs: The model's inputs for any texts.
        texts: Places, int64.
        batch_size: Texts that are computed together.
    """

    def compute(given: Any) -> tf.Tensor:
        return model(given, training=False)

    run = tf.function(compute, input_signature=[inputs.signature], autograph=False)
    by_length = texts[np.argsort(data.lengths[texts], kind="stable")]
    for batch in split_batches(by_length, batch_size=batch_size):
        given = tf.nest.map_structure(tf.convert_to_tensor, inputs.read(batch))
        yield batch, run(given).numpy()


def train_epochs(
    model: keras.Model,
    data: LabelledTokens,
    inputs: ModelInputs,
    *,
    class_weights: np.ndarray,
    options: Mapping[str, Any],
    resume_dir: Path,
    log_dir: str,
    seconds_before: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
) -> TrainingState:
    """Trains for all epochs, or until the eval loss stops falling.

    With `patience`, `model` is left at its epoch with the least eval loss, else at its
    last one. Both losses are weighted by class, so that what stops training is what it
    lowers; the accuracies are not. Says how far it has come when the state of an epoch
    is safe.

    Args:
        model: Compiled, with the metric `accuracy`.
        data: The texts; reads the splits `train` and `eval`.
        inputs: The model's inputs for any texts.
        class_weights: float `(classes,)`, weight of an example in both losses; not
            used where a text may have several labels.
        options: Of section `train` of the configuration: `epochs`, `batch_size`,
            `seed`, `patience`, `max_steps` (the last epoch may end before its last
            batch).
        resume_dir: Where the state after each epoch is kept, and looked for.
        log_dir: TensorBoard logs go to `train` and `eval` below it.
        seconds_before: Added to the seconds of the first epoch.
        clock: Seconds since any point; for tests.

    Raises:
        ValueError: The eval loss was never a finite number.
    """
    model.optimizer.build(model.trainable_variables)
    state = TrainingState.load(resume_dir, model)
    if state.epochs_done:
        _LOGGER.info("Training resumes after epoch %d", state.epochs_done)
    batch_size = options["batch_size"]
    train, held_out = data.splits[features.TRAIN], data.splits[features.EVAL]
    by_length = held_out[np.argsort(data.lengths[held_out], kind="stable")]
    eval_batches = split_batches(by_length, batch_size=batch_size)
    eval_set = labelled_batches(
        data, inputs, class_weights, eval_batches, name="the eval texts"
    )
    writers = {
        split: tf.summary.create_file_writer(os.path.join(log_dir, split))
        for split in (features.TRAIN, features.EVAL)
    }
    for entry in state.history:  # of an interrupted run, whose logs are gone
        _write_curves(entry, writers)
    bounds = {name: options[name] for name in ("epochs", "patience", "max_steps")}
    while state.ended_by(**bounds) is None:
        done, started = state.epochs_done, clock()
        steps, logs = fit_epoch(
            model, data, inputs, class_weights, train, options, state, eval_set
        )
        entry = {
            "epoch": done + 1,
            "steps": steps,
            "train_loss": float(logs["loss"][0]),
            "train_accuracy": float(logs["accuracy"][0]),
            "eval_loss": float(logs["val_loss"][0]),
            "eval_accuracy": float(logs["val_accuracy"][0]),
            "seconds": round(clock() - started + (0 if done else seconds_before), 3),
        }
        _LOGGER.info(_EPOCH_LINE, entry)
        _write_curves(entry, writers)
        state.add(entry, model, keep_last=options["patience"] is None)
        state.save(resume_dir, model)
        tell("epochs", state.epochs_done, options["epochs"], _PROGRESS_NOTE % entry)
    if not state.best_epoch:
        raise ValueError(
            "the eval loss must be a finite number. Received: "
            f"{state.history[-1]['eval_loss']}\nhint: lower train.learning_rate"
        )
    state.restore_best(model)
    return state


def fit_epoch(
    model: keras.Model,
    data: LabelledTokens,
    inputs: ModelInputs,
    class_weights: np.ndarray,
    texts: np.ndarray,
    options: Mapping[str, Any],
    state: TrainingState,
    held_out: tf.data.Dataset | None,
) -> tuple[int, dict[str, list[float]]]:
    """Trains for the next epoch; returns its steps, and what Keras says of it.

    Args:
        model: As of `train_epochs`.
        data: Likewise; the splits are not read.
        inputs: Likewise.
        class_weights: Likewise.
        texts: Places of the training texts, int64.
        options: Likewise.
        state: Says which epoch is the next.
        held_out: On which the model is evaluated in the end; None: on nothing.
    """
    batches = shuffled_batches(
        texts,
        data.lengths,
        batch_size=options["batch_size"],
        seed=options["seed"],
        epoch=state.epochs_done,
    )
    if options["max_steps"] is not None:
        batches = batches[: options["max_steps"] - state.steps_done]
    logs = model.fit(
        labelled_batches(
            data, inputs, class_weights, batches, name=f"epoch {state.epochs_done + 1}"
        ),
        validation_data=held_out,
        initial_epoch=state.epochs_done,
        epochs=state.epochs_done + 1,
        verbose=0,
    ).history
    return len(batches), logs


def labelled_batches(
    data: LabelledTokens,
    inputs: ModelInputs,
    class_weights: np.ndarray,
    batches: list[np.ndarray],
    *,
    name: str,
) -> tf.data.Dataset:
    """Returns `(inputs, labels, weights)` for each batch of texts.

    Texts that may have several labels weigh the same. Where reading takes long, it is
    told how many batches of `name` are done.
    """
    labels_spec = tf.TensorSpec((None,), tf.int32)
    if data.is_multi_label:
        labels_spec = tf.TensorSpec((None, len(class_weights)), tf.float32)

    def rows() -> Iterator[Any]:
        started = time.monotonic()
        for number, texts in enumerate(batches):
            if time.monotonic() - started > _SILENT_SECONDS:
                tell(f"batches of {name}", number, len(batches))
            labels = data.labels[texts]
            if data.is_multi_label:
                yield (
                    inputs.read(texts),
                    labels.astype("float32"),
                    np.ones(len(texts), np.float32),
                )
            else:
                yield inputs.read(texts), labels, class_weights[labels]

    dataset = tf.data.Dataset.from_generator(
        rows,
        output_signature=(
            inputs.signature,
            labels_spec,
            tf.TensorSpec((None,), tf.float32),
        ),
    )
    counted = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    return untuned(counted.prefetch(_BATCHES_AHEAD))


def _write_curves(
    entry: Mapping[str, float], writers: Mapping[str, tf.summary.SummaryWriter]
) -> None:
    for split, writer in writers.items():
        with writer.as_default(step=int(entry["epoch"])):
            for name in ("loss", "accuracy"):
                tf.summary.scalar(f"epoch_{name}", entry[f"{split}_{name}"])
        writer.flush()
