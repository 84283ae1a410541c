"""Training epochs: where they stop, what they keep, how they go on."""

from __future__ import annotations

import contextlib
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.progress import listening
from pipeline.training.data import LabelledTokens
from pipeline.training.epochs import train_epochs
from tests.pipeline.tiny_training import TRAIN

COUNT, DIM = 40, 3
RANDOM = np.random.default_rng(1)
VECTORS = RANDOM.normal(size=(COUNT, DIM)).astype("float32")
DATA = LabelledTokens(
    words=np.array([b"", b"x"], object),
    word_ids=np.ones(COUNT, np.int32),
    starts=np.arange(COUNT + 1),
    labels=(VECTORS[:, 0] > 0).astype("int32"),
    splits={"train": np.arange(30), "eval": np.arange(30, COUNT)},
)


class Vectors:
    """Inputs of a model that reads one vector a text."""

    signature = tf.TensorSpec((None, DIM), tf.float32)

    def read(self, texts):
        return VECTORS[texts]


class Interrupted(Exception):
    pass


@functools.cache
def compiled_model():
    """Returns a model, and the values of a fresh one: compiling it takes a second."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((DIM,)),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.optimizer.build(model.trainable_variables)
    return model, values(model), [v.numpy() for v in model.optimizer.variables]


def values(model):
    return [variable.numpy() for variable in model.variables]


def make_model(learning_rate=0.05):
    """Returns the one model as if it were fresh."""
    model, fresh, fresh_optimizer = compiled_model()
    variables = (*model.variables, *model.optimizer.variables)
    for variable, value in zip(variables, (*fresh, *fresh_optimizer), strict=True):
        variable.assign(value)
    model.optimizer.learning_rate.assign(learning_rate)
    return model


def train(model, folder, *, weights=(1, 1), logs="logs", inputs=None, **changes):
    return train_epochs(
        model,
        DATA,
        inputs or Vectors(),
        class_weights=np.array(weights, "float32"),
        options={**TRAIN, "epochs": 4, **changes},
        resume_dir=folder / "resume",
        log_dir=str(folder / logs),
        seconds_before=1000,
    )


def without_seconds(state):
    return [{**entry, "seconds": None} for entry in state.history]


@contextlib.contextmanager
def interrupted_after(epochs):
    """Ends what it wraps once so many epochs are done."""

    def interrupt(what, done, total, note):
        if done == epochs:
            raise Interrupted

    with pytest.raises(Interrupted), listening(interrupt):
        yield


@pytest.mark.parametrize("max_steps", [None, 10])
def test_an_interrupted_training_ends_as_if_it_had_not_been(tmp_path, max_steps):
    whole = make_model()
    expected = train(whole, tmp_path / "whole", max_steps=max_steps)
    expected_values = values(whole)
    with interrupted_after(2):
        train(make_model(), tmp_path / "cut", max_steps=max_steps)
    progress = []
    resumed = make_model()
    with listening(lambda *told: progress.append(told)):
        state = train(resumed, tmp_path / "cut", max_steps=max_steps)
    assert [told[:3] for told in progress] == [
        ("epochs", epoch, 4) for epoch in range(3, state.epochs_done + 1)
    ]
    assert state.resumed_after == 2
    assert without_seconds(state) == without_seconds(expected)
    for value, expected_value in zip(values(resumed), expected_values, strict=True):
        np.testing.assert_array_equal(value, expected_value)


def test_it_tells_after_each_epoch_how_good_the_model_is_on_the_eval_split(tmp_path):
    progress = []
    with listening(lambda *told: progress.append(told)):
        history = train(make_model(), tmp_path, epochs=2).history
    notes = [
        f"eval loss {entry['eval_loss']:.2f}, accuracy {entry['eval_accuracy']:.2f}"
        for entry in history
    ]
    assert progress == [("epochs", 1, 2, notes[0]), ("epochs", 2, 2, notes[1])]


def test_each_epoch_reads_in_an_order_of_its_own(tmp_path):
    epochs = [[]]

    class Recorded(Vectors):
        def read(self, texts):
            if texts.max() < 30:  # of the training split
                epochs[-1].extend(texts.tolist())
            return super().read(texts)

    with listening(lambda *told: epochs.append([])):
        train(make_model(), tmp_path, inputs=Recorded(), epochs=2)
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(30))
    assert epochs[0] != epochs[1]


def test_the_seed_decides_the_result(tmp_path):
    first, again = (train(make_model(), tmp_path / name) for name in "ab")
    other = train(make_model(), tmp_path / "c", seed=2)
    assert without_seconds(first) == without_seconds(again)
    assert without_seconds(first) != without_seconds(other)


def test_it_stops_early_and_keeps_the_best_weights(tmp_path):
    model = make_model(learning_rate=3.0)  # soon too far
    state = train(model, tmp_path, epochs=20, patience=2)
    losses = [entry["eval_loss"] for entry in state.history]
    assert state.epochs_done < 20
    assert state.best_epoch == int(np.argmin(losses)) + 1 == state.epochs_done - 2
    held_out = DATA.splits["eval"]
    loss, _ = model.evaluate(VECTORS[held_out], DATA.labels[held_out], verbose=0)
    assert loss == pytest.approx(min(losses), rel=1e-5)


def test_it_ends_after_the_steps_of_the_bound_with_a_shorter_epoch(tmp_path):
    read = []

    class Recorded(Vectors):
        def read(self, texts):
            if texts.max() < 30:  # of the training split
                read.append(len(texts))
            return super().read(texts)

    state = train(make_model(), tmp_path, inputs=Recorded(), max_steps=10)
    assert [entry["steps"] for entry in state.history] == [4, 4, 2]
    assert len(read) == state.steps_done == 10
    assert np.isfinite(state.history[-1]["eval_loss"])


@pytest.mark.parametrize(("bound", "steps"), [(3, [3]), (8, [4, 4]), (100, [4] * 4)])
def test_no_epoch_is_empty_and_no_step_is_too_many(tmp_path, bound, steps):
    state = train(make_model(), tmp_path, max_steps=bound)
    assert [entry["steps"] for entry in state.history] == steps


def test_the_epoch_that_the_bound_cut_can_be_the_best(tmp_path):
    model = make_model(learning_rate=0.01)
    state = train(model, tmp_path, max_steps=6)
    assert state.best_epoch == 2 and state.history[1]["steps"] == 2
    held_out = DATA.splits["eval"]
    loss, _ = model.evaluate(VECTORS[held_out], DATA.labels[held_out], verbose=0)
    assert loss == pytest.approx(state.history[1]["eval_loss"], rel=1e-5)


def test_class_weights_move_both_losses_but_no_accuracy(tmp_path):
    even = train(make_model(0.0001), tmp_path / "a", epochs=1).history[0]
    weighed = train(make_model(0.0001), tmp_path / "b", weights=(9, 1), epochs=1)
    for name in ("train_loss", "eval_loss"):
        assert weighed.history[0][name] != pytest.approx(even[name], rel=0.05)
    assert weighed.history[0]["eval_accuracy"] == even["eval_accuracy"]


def test_the_first_epoch_counts_what_came_before_it(tmp_path):
    history = train(make_model(), tmp_path, epochs=2).history
    assert history[0]["seconds"] > 1000 > history[1]["seconds"]


def curve_points(folder):
    (file,) = folder.iterdir()
    return [
        (value.tag, event.step)
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    ]


POINTS = [
    (f"epoch_{name}", step) for step in (1, 2, 3, 4) for name in ("loss", "accuracy")
]


def test_tensorboard_finds_both_curves(tmp_path):
    train(make_model(), tmp_path)
    for split in ("train", "eval"):
        assert curve_points(tmp_path / "logs" / split) == POINTS


def test_the_curves_of_a_resumed_training_are_whole(tmp_path):
    train(make_model(), tmp_path, epochs=2)
    train(make_model(), tmp_path, logs="new_logs")
    assert curve_points(tmp_path / "new_logs" / "train") == POINTS


def test_a_loss_that_is_never_a_number_is_refused_with_a_hint(tmp_path):
    with pytest.raises(ValueError, match="nan\nhint: lower train.learning_rate"):
        train(make_model(), tmp_path, weights=(np.nan, np.nan), epochs=2)
