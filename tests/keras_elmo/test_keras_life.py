"""The layer in models of every form, with the layers that come after it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_elmo import ElmoEmbeddingLayer

TOKENS = tf.constant([["The", "cat", "sat", "."], ["Hello", "you", "", ""]])
PADDED = tf.pad(TOKENS, [[0, 0], [0, 3]], constant_values="")
TEXTS = tf.constant(["The cat sat .", "Hello  you"])
LABELS = np.array([[0.0], [1.0]])


def make(source, **options):
    return ElmoEmbeddingLayer(str(source), initial_state="zeros", **options)


def sequential(elmo, shape):
    inputs = keras.Input(shape, dtype="string")
    return keras.Sequential(
        [inputs, elmo, layers.GlobalAveragePooling1D(), layers.Dense(1)]
    )


def functional(elmo, shape):
    inputs = keras.Input(shape, dtype="string")
    pooled = layers.GlobalAveragePooling1D()(elmo(inputs))
    return keras.Model(inputs, layers.Dense(1)(pooled))


class Subclassed(keras.Model):
    def __init__(self, elmo):
        super().__init__()
        self.elmo = elmo
        self.pool = layers.GlobalAveragePooling1D()
        self.head = layers.Dense(1)

    def call(self, inputs):
        return self.head(self.pool(self.elmo(inputs)))


def without_input(elmo, _):
    return keras.Sequential([elmo, layers.GlobalAveragePooling1D(), layers.Dense(1)])


MODELS = {
    "sequential": sequential,
    "sequential without Input": without_input,
    "functional": functional,
    "subclassed": lambda elmo, _: Subclassed(elmo),
}
INPUTS = {"tokens": ((None,), TOKENS), "texts": ((), TEXTS)}
CASES = [*((form, "tokens") for form in MODELS), ("functional", "texts")]


@pytest.mark.parametrize(("form", "kind"), CASES)
def test_a_model_of_any_form_learns_and_predicts(tiny_elmo, form, kind):
    keras.utils.set_random_seed(1)
    elmo = make(tiny_elmo)
    shape, inputs = INPUTS[kind]
    model = MODELS[form](elmo, shape)
    model.compile(keras.optimizers.Adam(0.05), "mse")
    before = model.train_on_batch(inputs, LABELS)
    model.fit(inputs, LABELS, epochs=10, verbose=0)
    assert model.evaluate(inputs, LABELS, verbose=0) < before
    predicted = model.predict(inputs, verbose=0)
    head = model.layers[-1]
    vectors = np.array(elmo(TOKENS))
    means = np.stack([vectors[0].mean(axis=0), vectors[1, :2].mean(axis=0)])
    np.testing.assert_allclose(predicted, np.array(head(means)), atol=1e-5)


class SelfAttention(layers.Layer):
    """Attention of a sequence to itself, summed over its tokens."""

    def __init__(self, attention):
        super().__init__()
        self.attention = attention
        self.supports_masking = True

    def call(self, x, mask=None):
        return self.attention([x, x], mask=[mask, mask])


FOLLOWERS = {
    "GlobalAveragePooling1D": lambda: [layers.GlobalAveragePooling1D()],
    "LSTM": lambda: [layers.LSTM(3)],
    "GRU": lambda: [layers.GRU(3)],
    "Bidirectional": lambda: [layers.Bidirectional(layers.LSTM(3))],
    "Dense, then pooling": lambda: [
        layers.Dense(3, activation="tanh"),
        layers.GlobalAveragePooling1D(),
    ],
    "Dropout, then LSTM": lambda: [layers.Dropout(0.5), layers.LSTM(3)],
}


@pytest.mark.parametrize("follow", FOLLOWERS.values(), ids=FOLLOWERS)
def test_what_follows_sees_no_padding(tiny_elmo, follow):
    model = keras.Sequential(
        [keras.Input((None,), dtype="string"), make(tiny_elmo), *follow()]
    )
    expected = model.predict(TOKENS, verbose=0)
    np.testing.assert_allclose(model.predict(PADDED, verbose=0), expected, atol=1e-5)
    alone = model.predict(TOKENS[1:, :2], verbose=0)
    np.testing.assert_allclose(expected[1:], alone, atol=1e-5)


ATTENTIONS = {
    "Attention": lambda x: layers.Attention()([x, x]),
    "AdditiveAttention": lambda x: layers.AdditiveAttention()([x, x]),
    "MultiHeadAttention": lambda x: layers.MultiHeadAttention(2, 3)(x, x),
}


@pytest.mark.parametrize("attend", ATTENTIONS.values(), ids=ATTENTIONS)
def test_attention_pays_none_to_padding(tiny_elmo, attend):
    inputs = keras.Input((None,), dtype="string")
    model = keras.Model(inputs, attend(make(tiny_elmo)(inputs)))
    expected = model.predict(TOKENS, verbose=0)
    padded = model.predict(PADDED, verbose=0)
    np.testing.assert_allclose(padded[0, :4], expected[0], atol=1e-5)
    np.testing.assert_allclose(padded[1, :2], expected[1, :2], atol=1e-5)


def test_the_mask_says_where_the_tokens_are_in_every_form_of_input(tiny_elmo):
    elmo = make(tiny_elmo)
    for inputs in (TOKENS, TEXTS, TEXTS[:, None], [["a", "b", "c", "d"], ["e", "f"]]):
        mask = keras.src.backend.get_keras_mask(elmo(inputs))
        assert np.array(mask).sum(axis=1).tolist() == [4, 2]


def test_a_cloned_model_computes_the_same_with_the_same_weights(tiny_elmo):
    model = sequential(make(tiny_elmo, trainable=True), (None,))
    clone = keras.models.clone_model(model)
    assert clone.layers[0] is not model.layers[0]
    assert clone.layers[0].get_config() == model.layers[0].get_config()
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(
        clone.predict(TOKENS, verbose=0), model.predict(TOKENS, verbose=0), atol=1e-6
    )


def test_a_weights_file_brings_back_what_was_learned(tiny_elmo, tmp_path):
    model = sequential(make(tiny_elmo, trainable=True), (None,))
    model.compile("adam", "mse")
    model.fit(TOKENS, LABELS, epochs=2, verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    again = sequential(make(tiny_elmo, trainable=True), (None,))
    assert np.abs(again.predict(TOKENS, verbose=0) - model(TOKENS)).max() > 1e-4
    again.load_weights(tmp_path / "model.weights.h5")
    for new, old in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)
    np.testing.assert_allclose(again.predict(TOKENS, verbose=0), model(TOKENS), 1e-5)


FULL = {"mixes": 2, "mix_layer_norm": True, "dropout": 0.1, "max_sequence_length": 3}


def test_a_saved_model_keeps_every_argument(tiny_elmo, tmp_path):
    elmo = make(tiny_elmo, output="default", **FULL)
    inputs = keras.Input((None,), dtype="string")
    model = keras.Model(inputs, elmo(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.layers[1].get_config() == elmo.get_config()
    for got, expected in zip(again(TOKENS), model(TOKENS), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)
