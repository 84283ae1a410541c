"""The head's own arithmetic beside that of Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.training.arithmetic import ByteDropout, FusedAdam, TokenDense


def model_of(dense):
    """Returns a model with a dense layer and a table of which few rows are read."""
    keras.utils.set_random_seed(1)
    vectors = keras.Input((None, 6))
    ids = keras.Input((None,), dtype="int32")
    hidden = dense(4, activation="relu", name="hidden")(vectors)
    table = keras.layers.Embedding(50, 4, name="table")(ids)
    pooled = keras.layers.GlobalAveragePooling1D()(hidden + table)
    return keras.Model([vectors, ids], keras.layers.Dense(1)(pooled))


def learnt(dense, optimizer):
    draw = np.random.default_rng(0)
    model = model_of(dense)
    rate = keras.optimizers.schedules.ExponentialDecay(0.05, 1, 0.99)
    model.compile(optimizer(rate), "mse", jit_compile=False)
    inputs = [
        draw.normal(size=(8, 5, 6)).astype("float32"),
        draw.integers(50, size=(8, 5)).astype("int32"),
    ]
    model.fit(inputs, draw.normal(size=8), batch_size=4, epochs=20, verbose=0)
    state = [*model.weights, *model.optimizer.variables]
    return {each.path: np.array(each) for each in state}


def test_a_model_learns_what_it_learns_with_layers_and_optimizer_of_keras():
    ours = learnt(TokenDense, FusedAdam)
    expected = learnt(keras.layers.Dense, keras.optimizers.Adam)
    assert len(ours) == len(expected) > 10
    for (name, got), value in zip(ours.items(), expected.values(), strict=True):
        np.testing.assert_allclose(got, value, rtol=1e-3, atol=1e-5, err_msg=name)


def test_the_optimizer_is_saved_and_goes_on(tmp_path):
    model = model_of(TokenDense)
    model.compile(FusedAdam(0.01), "mse")
    inputs = [np.ones((2, 3, 6), "float32"), np.ones((2, 3), "int32")]
    model.train_on_batch(inputs, np.ones(2))
    model.save(tmp_path / "model.keras")
    custom = {each.__name__: each for each in (TokenDense, FusedAdam)}
    read = keras.saving.load_model(tmp_path / "model.keras", custom)
    assert int(read.optimizer.iterations) == 1
    for each in (model, read):
        each.train_on_batch(inputs, np.ones(2))
    for got, expected in zip(read.weights, model.weights, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.999])
def test_dropout_drops_its_share_and_keeps_the_mean(rate):
    dropout = ByteDropout(rate, seed=1)
    x = tf.ones((7, 1001, 11))  # no multiple of 4
    y = np.array(dropout(x, training=True))
    share = min(round(rate * 256), 255) / 256
    assert (y == 0).mean() == pytest.approx(share, abs=0.005)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - share), rtol=1e-6)
    other = np.array(dropout(x, training=True))
    both = ((y == 0) & (other == 0)).mean()  # each call draws anew
    assert both == pytest.approx(share**2, abs=0.01)


def test_dropout_lets_gradients_through_where_it_lets_values_through():
    dropout = ByteDropout(0.5, seed=2)
    x = tf.random.normal((3, 5))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = dropout(x, training=True)
    np.testing.assert_allclose(tape.gradient(y, x) * x, y, rtol=1e-6)


@pytest.mark.parametrize(("rate", "training"), [(0.0, True), (0.5, False)])
def test_dropout_leaves_alone_what_it_should(rate, training):
    x = tf.random.normal((3, 5))
    np.testing.assert_array_equal(ByteDropout(rate)(x, training=training), x)
