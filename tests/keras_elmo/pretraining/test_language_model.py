from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_elmo import BiLM, BiLMOptions
from keras_elmo.bilm import wrap_sentences
from keras_elmo.characters import spell_tokens
from keras_elmo.checkpoints import load_hdf5, save_hdf5
from keras_elmo.pretraining.batches import (
    Batcher,
    log_expected_counts,
    sample_log_uniform,
)
from keras_elmo.pretraining.language_model import LanguageModel
from tests.keras_elmo.pretraining.texts import make_corpus
from tests.keras_elmo.tiny import TINY

OPTIONS = BiLMOptions(**TINY)
ROWS, UNROLL = 3, 4
ROUNDS = 10  # of drawn words: enough for the losses to differ clearly


def make_model(vocabulary_size, *, dropout=0.0, dtype="float32"):
    keras.utils.set_random_seed(5)
    model = LanguageModel(
        OPTIONS,
        word_counts=np.ones(vocabulary_size),
        rows=ROWS,
        dropout=dropout,
        dtype=dtype,
    )
    rng = np.random.default_rng(5)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return model


def dtype_of(value):
    return keras.backend.standardize_dtype(value.dtype)


def make_batch(folder, monkeypatch, *, negatives=0):
    corpus = make_corpus(folder, monkeypatch)
    size = len(corpus.words)
    batcher = Batcher(
        ids=corpus.train,
        spellings=corpus.spellings(OPTIONS.max_chars),
        vocabulary_size=size,
        rows=ROWS,
        unroll=UNROLL,
        widest_filter=3,
        negatives=negatives(size) if negatives else 0,
    )
    return size, batcher.batch(3)


def test_the_full_loss_is_the_cross_entropy(tmp_path, monkeypatch):
    size, batch = make_batch(tmp_path, monkeypatch)
    model = make_model(size)
    losses = np.array(model(batch, training=False))
    weights, bias = np.array(model.softmax_weights), np.array(model.softmax_bias)
    model.set_states([np.zeros_like(state) for state in model.state_values()])
    vectors = model.bilm.token_encoder(batch["chars"])
    for direction, stack in enumerate(model.stacks):
        x = keras.ops.take(vectors, batch["inputs"][direction], axis=0)
        zeros = model.bilm.zero_states(ROWS)[direction]
        logits = np.array(stack(x, zeros)[0][-1]) @ weights.T + bias
        logits -= logits.max(axis=-1, keepdims=True)
        chances = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        targets = batch["targets"][direction][..., None]
        expected = -np.log(np.take_along_axis(chances, targets, axis=-1)).mean()
        assert losses[direction] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("is_corrected", [True, False])
def test_the_sampled_loss_is_least_at_the_true_chances(
    tmp_path, monkeypatch, is_corrected
):
    size, batch = make_batch(tmp_path, monkeypatch, negatives=lambda size: size // 2)
    model = make_model(size)
    model.softmax_weights.assign(np.zeros(model.softmax_weights.shape))
    chances = np.random.default_rng(1).dirichlet(np.ones(size))
    common = np.arange(size) < size // 2  # drawn more often than the others

    def mean_loss(shift):
        rng = np.random.default_rng(0)
        model.softmax_bias.assign(np.log(chances) + shift * common)
        losses = []
        for _ in range(ROUNDS):
            ids, tries = sample_log_uniform(rng, size, size // 2)
            targets = rng.choice(size, batch["targets"].shape, p=chances)
            drawn = {
                "negatives": ids,
                "negative_log_counts": log_expected_counts(ids, tries, size),
                "targets": targets.astype("int32"),
                "target_log_counts": log_expected_counts(targets, tries, size),
            }
            if not is_corrected:
                drawn["negative_log_counts"] *= 0
                drawn["target_log_counts"] *= 0
            losses.append(np.array(model({**batch, **drawn}, training=True)).mean())
        return np.mean(losses)

    lower, true, higher = (mean_loss(shift) for shift in (-0.8, 0.0, 0.8))
    assert (true < min(lower, higher)) == is_corrected


def test_a_sampled_word_that_is_the_target_does_not_count(tmp_path, monkeypatch):
    size, batch = make_batch(tmp_path, monkeypatch, negatives=lambda size: 4)
    batch["targets"][:] = 6
    batch["negatives"][:] = 6
    np.testing.assert_allclose(np.array(make_model(size)(batch, training=True)), 0)


def test_before_training_words_are_expected_by_their_frequency(tmp_path, monkeypatch):
    corpus = make_corpus(tmp_path, monkeypatch)
    counts = corpus.target_counts(12)
    assert counts.sum() == pytest.approx(corpus.counts.sum())
    model = LanguageModel(OPTIONS, word_counts=counts, rows=ROWS)
    chances = np.exp(np.array(model.softmax_bias))
    np.testing.assert_allclose(chances, (counts + 1) / (counts + 1).sum(), rtol=1e-4)


def test_states_are_carried_from_batch_to_batch(tmp_path, monkeypatch):
    size, batch = make_batch(tmp_path, monkeypatch)
    model = make_model(size)
    first = np.array(model(batch, training=False))
    states = model.state_values()
    second = np.array(model(batch, training=False))
    assert np.abs(first - second).max() > 1e-4
    model.set_states(states)
    np.testing.assert_allclose(np.array(model(batch, training=False)), second)


@pytest.mark.parametrize(
    ("training", "dropout"), [(True, 0.0), (False, 0.0), (False, 0.1)]
)
def test_bfloat16_changes_the_losses_little_and_no_variable(
    tmp_path, monkeypatch, training, dropout
):
    size, batch = make_batch(tmp_path, monkeypatch, negatives=lambda size: size // 2)
    whole = make_model(size, dropout=dropout)
    mixed = make_model(size, dropout=dropout, dtype="mixed_bfloat16")
    for weight, value in zip(mixed.weights, whole.weights, strict=True):
        weight.assign(value)
    expected = whole(batch, training=training)
    found = mixed(batch, training=training)
    assert {dtype_of(value) for value in (found, *mixed.weights)} == {"float32"}
    expected, found = map(keras.ops.convert_to_numpy, (expected, found))
    np.testing.assert_allclose(found, expected, rtol=0.02)
    assert (found != expected).all()  # it did compute in bfloat16
    states = zip(mixed.state_values(), whole.state_values(), strict=True)
    for state, expected_state in states:
        np.testing.assert_allclose(state, expected_state, atol=0.05)


@pytest.mark.parametrize("training", [True, False])
def test_the_softmax_bias_is_not_rounded_to_bfloat16(tmp_path, monkeypatch, training):
    size, batch = make_batch(tmp_path, monkeypatch, negatives=lambda size: size // 2)
    losses = []
    for dtype in ("float32", "mixed_bfloat16"):
        model = make_model(size, dtype=dtype)
        model.softmax_weights.assign(np.zeros(model.softmax_weights.shape))
        model.softmax_bias.assign(np.linspace(-9.0, -3.0, size))
        losses.append(keras.ops.convert_to_numpy(model(batch, training=training)))
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)


@pytest.mark.parametrize(("dtype", "error"), [("float32", 1e-6), ("float16", 1e-2)])
def test_the_exported_file_gives_the_activations_of_training(tmp_path, dtype, error):
    model = make_model(10)
    save_hdf5(model.bilm, tmp_path / "weights.hdf5", dtype=dtype)
    bilm = BiLM(OPTIONS)
    load_hdf5(bilm, tmp_path / "weights.hdf5")
    chars = spell_tokens(["a", "fine", "film"], OPTIONS.max_chars)[None]
    layers = np.array(bilm(chars))[0]

    wrapped = wrap_sentences(chars, np.array([3]), OPTIONS.max_chars)
    vectors = model.bilm.token_encoder(wrapped[0])
    for direction, stack in enumerate(model.stacks):
        order = [0, 1, 2, 3, 4] if direction == 0 else [4, 3, 2, 1, 0]
        x = keras.ops.take(vectors, np.array(order), axis=0)[None]
        states = model.bilm.zero_states(1)[direction]
        top = np.array(stack(x, states)[0][-1])[0, order][1:-1]
        half = layers[-1][:, direction * 5 : direction * 5 + 5]
        np.testing.assert_allclose(half, top, atol=error * np.abs(top).max())
