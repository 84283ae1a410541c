from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_elmo import BiLMOptions
from keras_elmo.pretraining.settings import Settings
from keras_elmo.pretraining.train import Training
from tests.keras_elmo.pretraining.texts import make_corpus
from tests.keras_elmo.tiny import TINY

OPTIONS = BiLMOptions(**{**TINY, "cell_dim": 32, "projection_dim": 16})


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


def test_a_killed_training_goes_on_as_if_it_had_not_been(corpus, tmp_path):
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    settings = make_settings(steps=12, unroll=2, checkpoint_minutes=1e-9)
    whole = Training(corpus, OPTIONS, settings, tmp_path / "whole")
    whole.run()

    killed = Training(corpus, OPTIONS, settings, tmp_path / "killed")
    step = killed.model.train_on_batch

    def die_at_step_7(batch):
        if killed.steps == 7:
            raise KeyboardInterrupt
        return step(batch)

    killed.model.train_on_batch = die_at_step_7
    with pytest.raises(KeyboardInterrupt):
        killed.run()
    resumed = Training(corpus, OPTIONS, settings, tmp_path / "killed")
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


def test_a_loss_that_is_no_number_ends_the_training(corpus, tmp_path):
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


def test_more_rows_than_the_text_can_feed_are_refused(corpus, tmp_path):
    with pytest.raises(ValueError, match="at least `rows"):
        Training(corpus, OPTIONS, make_settings(rows=1000), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"minutes": 3.0}, "Exactly one of `steps` and `minutes`"),
        ({"steps": None}, "Exactly one of `steps` and `minutes`"),
        ({"rows": 0}, "`rows` must be above 0. Received: `rows=0`"),
        ({"dropout": 1.0}, "`dropout` must be at least 0 and below 1"),
        ({"learning_rate": -1.0}, "`learning_rate` must be above 0"),
    ],
)
def test_settings_out_of_range_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        make_settings(**change)
