from __future__ import annotations

import dataclasses
import gc
import itertools
import resource
import shutil
import time

import keras
import numpy as np
import pytest

from keras_elmo import BiLMOptions
from keras_elmo.pretraining.settings import Settings
from keras_elmo.pretraining.train import Training
from tests.keras_elmo.pretraining.texts import make_corpus
from tests.keras_elmo.tiny import PLAIN, TINY

# One LSTM each way and one convolution: each training's step is a graph of its own.
OPTIONS = BiLMOptions(
    **{**TINY, **PLAIN, "filters": ((2, 8),), "cell_dim": 32, "projection_dim": 16}
)
TWO_LAYERS = dataclasses.replace(OPTIONS, n_layers=2)


def make_settings(**changes):
    options = {
        "steps": 60,
        "rows": 4,
        "unroll": 4,
        "negatives": 8,
        "learning_rate": 0.03,
        "min_count": 1,
        "report_steps": 10,
    }
    return Settings(**{**options, **changes})


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    return make_corpus(tmp_path, monkeypatch)


def weights(training):
    return [keras.ops.convert_to_numpy(v) for v in training.model.variables]


def test_training_lowers_the_held_out_perplexity(corpus, tmp_path):
    settings = make_settings(rows=32, steps=150, learning_rate=0.01)
    training = Training(corpus, OPTIONS, settings, tmp_path)
    before = training.evaluate()
    assert before < training.vocabulary_size  # the words' frequencies are known
    training.run()
    assert training.evaluate() < 0.7 * before
    assert training.tokens == 150 * 32 * 4
    assert [entry["steps"] for entry in training.history] == [0, 150]


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_it_had_not_been(corpus, tmp_path):
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    settings = make_settings(steps=12, unroll=2, checkpoint_minutes=1e-9)
    whole = Training(corpus, TWO_LAYERS, settings, tmp_path / "whole")
    step = whole.model.train_on_batch

    def look_at_step_7(batch):
        if whole.steps == 7:  # all that a training leaves that is killed here
            shutil.copy(whole.checkpoint, tmp_path / "killed")
        return step(batch)

    whole.model.train_on_batch = look_at_step_7
    whole.run()
    resumed = Training(corpus, TWO_LAYERS, settings, tmp_path / "killed")
    assert resumed.steps == 7
    resumed.run()
    assert resumed.steps == 12
    for value, expected in zip(weights(resumed), weights(whole), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-5)


def test_looking_at_the_held_out_text_leaves_no_trace(corpus, tmp_path):
    training = Training(corpus, OPTIONS, make_settings(steps=3, unroll=2), tmp_path)
    training.run()
    before = weights(training)
    first = training.evaluate()
    assert training.evaluate() == first
    assert len(training.history) == 1
    for value, expected in zip(weights(training), before, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_a_gradient_in_pieces_is_bounded_as_a_whole(corpus, tmp_path):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients come in pieces under TensorFlow alone")
    import tensorflow as tf

    training = Training(corpus, OPTIONS, make_settings(clip_norm=1.0), tmp_path)
    optimizer, table = training.model.optimizer, training.model.softmax_weights
    variables = training.model.trainable_variables
    piece = np.zeros((1, table.shape[1]), np.float32)
    piece[0, :2] = 3.0, 4.0
    pieces = tf.IndexedSlices(np.repeat(piece, 2, axis=0), [5, 5], table.shape)
    gradients = [
        pieces if each is table else tf.zeros(each.shape) for each in variables
    ]
    optimizer.apply(gradients, variables)
    (momentum,) = (
        v for v in optimizer.variables if v.path.endswith("weights_momentum")
    )
    found = keras.ops.convert_to_numpy(momentum) / (1 - optimizer.beta_1)
    np.testing.assert_allclose(found[5, :2], [0.6, 0.8], rtol=1e-5)


def test_a_loss_that_is_not_a_number_ends_the_training(corpus, tmp_path):
    training = Training(corpus, OPTIONS, make_settings(), tmp_path)
    training.model.train_on_batch = lambda batch: float("nan")
    with pytest.raises(FloatingPointError, match="lower learning rate"):
        training.run()
    assert not training.checkpoint.exists()


def test_a_checkpoint_of_another_model_is_refused(corpus, tmp_path):
    Training(corpus, OPTIONS, make_settings(), tmp_path).save()
    other = BiLMOptions(**{**TINY, "cell_dim": 9})
    with pytest.raises(ValueError, match="another shape"):
        Training(corpus, other, make_settings(), tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b'"steps"', b'"stepz"'),
        lambda data: data.replace(b'"steps": 0', b'"steps": "'),
        lambda data: data.replace(b"facts.npy", b"farts.npy"),
        lambda data: data.replace(b"'shape': (", b"'shape': '", 1),
        lambda data: b"\x93NUMPY\x01\x00v\x00" + data,
        lambda data: b"junk" + data,
    ],
)
def test_a_damaged_checkpoint_is_refused_in_one_line(corpus, tmp_path, damage):
    training = Training(corpus, OPTIONS, make_settings(), tmp_path)
    training.save()
    path = training.checkpoint
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="hint") as caught:
        Training(corpus, OPTIONS, make_settings(), tmp_path)
    said = (f"Cannot read the checkpoint {path}: ", f"{path} is empty\n")
    assert str(caught.value).startswith(said)
    message, hint = str(caught.value).split("\nhint: ")
    assert "\n" not in message
    assert hint == "delete it, and the training begins anew"


def test_a_checkpoint_without_room_leaves_the_old_one(corpus, tmp_path):
    training = Training(corpus, OPTIONS, make_settings(), tmp_path)
    training.save()
    old = training.checkpoint.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(old) // 2, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            training.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    gc.collect()  # what would complain when it is removed
    assert training.checkpoint.read_bytes() == old


def test_a_training_goes_on_with_its_own_settings_alone(corpus, tmp_path):
    first = Training(corpus, OPTIONS, make_settings(steps=1), tmp_path)
    first.model.train_on_batch = lambda batch: 1.0
    first.run()
    for name, value in {"lowercase_share": 0.5, "seed": 7}.items():
        changed = make_settings(steps=1, **{name: value})
        with pytest.raises(ValueError, match=f"`{name}` must be what the training beg"):
            Training(corpus, OPTIONS, changed, tmp_path)
    longer = Training(corpus, OPTIONS, make_settings(steps=2), tmp_path)
    assert longer.steps == 1


def test_of_few_words_half_are_sampled(corpus, tmp_path):
    training = Training(corpus, OPTIONS, make_settings(negatives=10**4), tmp_path)
    assert training.batches.negatives == training.vocabulary_size // 2 > 1
    assert len(set(training.batches.batch(0)["negatives"].tolist())) > 1


def test_more_rows_than_the_text_can_feed_are_refused(corpus, tmp_path):
    with pytest.raises(ValueError, match="at least `rows"):
        Training(corpus, OPTIONS, make_settings(rows=1000), tmp_path)


def test_the_time_leaves_out_the_first_batch_of_each_start(
    corpus, tmp_path, monkeypatch
):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def start(steps):
        training = Training(corpus, OPTIONS, make_settings(steps=steps), tmp_path)
        durations = itertools.chain([100.0], itertools.repeat(2.0))

        def train_on_batch(batch):
            now[0] += next(durations)
            return 1.0

        training.model.train_on_batch = train_on_batch
        training.run()
        return training.seconds

    assert start(5) == 4 * 2.0
    assert start(8) == 4 * 2.0 + 2 * 2.0


def test_the_speed_is_that_of_the_batches_whose_time_counts(
    corpus, tmp_path, monkeypatch, caplog
):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    settings = make_settings(steps=5, report_steps=1)
    training = Training(corpus, OPTIONS, settings, tmp_path)

    def train_on_batch(batch):
        now[0] += 4.0
        return 1.0

    training.model.train_on_batch = train_on_batch
    with caplog.at_level("INFO", "keras_elmo"):
        training.run()
    lines = [each.message for each in caplog.records if ": loss" in each.message]
    assert lines[0] == "step 1: loss 1.0000, 0.00 M tokens"
    assert [line.split(", ")[2] for line in lines[1:]] == ["4 tokens/s"] * 4


def test_training_in_bfloat16_lowers_the_perplexity(corpus, tmp_path):
    settings = make_settings(
        rows=32,
        learning_rate=0.01,
        dropout=0.0,
        lowercase_share=0.3,
        dtype="mixed_bfloat16",
    )
    training = Training(corpus, OPTIONS, settings, tmp_path)
    assert training.model.dtype_policy.name == "mixed_bfloat16"
    assert training.batches.lowercase_share == 0.3
    before = training.evaluate()
    training.run()
    assert training.evaluate() < 0.9 * before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"minutes": 3.0}, "Exactly one of `steps` and `minutes`"),
        ({"steps": None}, "Exactly one of `steps` and `minutes`"),
        ({"rows": 0}, "`rows` must be finite and above 0. Received: `rows=0`"),
        ({"dropout": 1.0}, "`dropout` must be at least 0 and below 1"),
        ({"dtype": "bfloat16"}, "`dtype` must be one of float32, mixed_bfloat16. "
         "Received: `dtype=bfloat16`"),
        ({"lowercase_share": 1.1}, "`lowercase_share` must be from 0 to 1. "
         "Received: `lowercase_share=1.1`"),
        ({"lowercase_share": -0.1}, "`lowercase_share` must be from 0 to 1"),
        ({"learning_rate": -1.0}, "`learning_rate` must be finite and above 0"),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        make_settings(**change)
