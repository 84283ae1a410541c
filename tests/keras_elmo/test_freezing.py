"""What learns: set at construction or later, by Keras's own recipe, and kept."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_elmo import ElmoEmbeddingLayer
from keras_elmo.tensors import OUTPUTS
from tests.keras_elmo.tiny import PLAIN, write_model

TOKENS = tf.constant([["The", "cat", "sat"], ["Hello", "you", ""]])
LABELS = np.array([[0.0], [1.0]])


@pytest.fixture(scope="module")
def two_layers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two_layers")
    return str(write_model(folder, **{**PLAIN, "n_layers": 2}))


def sequential(elmo):
    return keras.Sequential(
        [
            keras.Input((None,), dtype="string"),
            elmo,
            layers.GlobalAveragePooling1D(),
            layers.Dense(1),
        ]
    )


def functional(elmo):
    inputs = keras.Input((None,), dtype="string")
    pooled = layers.GlobalAveragePooling1D()(elmo(inputs))
    return keras.Model(inputs, layers.Dense(1)(pooled))


def nested(elmo):
    inputs = keras.Input((None,), dtype="string")
    return keras.Model(inputs, functional(elmo)(inputs))


def elmo_of(model):
    (elmo,) = (
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, ElmoEmbeddingLayer)
    )
    return elmo


def learning(layer):
    """Returns which weights learn, in the order of `layer.weights`."""
    return [weight.trainable for weight in layer.weights]


def freeze(elmo, model):
    elmo.trainable = False


def unfreeze(elmo, model):
    elmo.trainable = True


def freeze_the_model(elmo, model):
    model.trainable = False


def only_the_mix(elmo, model):
    elmo.trainable = True
    elmo.bilm.trainable = False


def all_but_the_token_encoder(elmo, model):
    elmo.trainable = True
    elmo.parts["token_encoder"].trainable = False


def only_one_lstm(elmo, model):
    elmo.trainable = False
    elmo.parts["forward_lstm_0"].trainable = True


CHANGES = [
    freeze,
    unfreeze,
    freeze_the_model,
    only_the_mix,
    all_but_the_token_encoder,
    only_one_lstm,
]


@pytest.mark.parametrize(
    ("form", "change"),
    [
        *((sequential, change) for change in CHANGES),
        (functional, unfreeze),
        (nested, freeze_the_model),
        (nested, only_one_lstm),
    ],
)
def test_what_learns_is_kept_by_saving_and_cloning(plain_elmo, tmp_path, form, change):
    elmo = ElmoEmbeddingLayer(str(plain_elmo))
    model = form(elmo)
    change(elmo, model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for again in (loaded, keras.models.clone_model(model)):
        assert learning(elmo_of(again)) == learning(elmo)
        assert elmo_of(again).trainable == elmo.trainable
        assert len(again.trainable_variables) == len(model.trainable_variables)


def test_each_mix_is_frozen_by_itself(plain_elmo):
    elmo = ElmoEmbeddingLayer(str(plain_elmo), mixes=2)
    elmo.mixes[1].trainable = False
    again = ElmoEmbeddingLayer.from_config(elmo.get_config())
    assert learning(again) == learning(elmo)
    assert learning(again.mixes[0]) == [True, True]


def test_the_flag_says_whether_anything_learns(plain_elmo):
    assert ElmoEmbeddingLayer(str(plain_elmo)).trainable
    assert not ElmoEmbeddingLayer(str(plain_elmo), trainable_mix=False).trainable
    elmo = ElmoEmbeddingLayer(str(plain_elmo))
    elmo.mix.trainable = False
    assert not elmo.trainable
    assert not elmo.trainable_variables


def gradients(elmo):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(elmo(TOKENS, training=True)))
    found = tape.gradient(loss, [v.value for v in elmo.weights])
    return [gradient is not None for gradient in found]


def test_gradients_follow_the_flags_from_call_to_call(plain_elmo):
    elmo = ElmoEmbeddingLayer(str(plain_elmo))
    states = [False] * len(elmo.encoder.start.weights)
    bilm, mix = len(elmo.bilm.weights), [True, True]  # Keras's flag stops no gradient
    assert gradients(elmo) == [False] * bilm + states + mix
    elmo.trainable = True
    assert gradients(elmo) == [True] * bilm + states + mix
    elmo.trainable = False
    assert gradients(elmo) == [False] * bilm + states + mix


@pytest.mark.slow
def test_the_recipe_of_keras_freezes_then_unfreezes_and_goes_on_after_loading(
    plain_elmo, tmp_path
):
    elmo = ElmoEmbeddingLayer(str(plain_elmo))
    model = sequential(elmo)

    def moved():
        before = [part.get_weights() for part in (elmo.mix, elmo.bilm)]
        model.compile(keras.optimizers.Adam(0.01), "mse")
        model.train_on_batch(TOKENS, LABELS)
        return [
            any((a != b).any() for a, b in zip(part.get_weights(), old, strict=True))
            for part, old in zip((elmo.mix, elmo.bilm), before, strict=True)
        ]

    elmo.trainable = False
    assert moved() == [False, False]
    elmo.trainable = True
    assert moved() == [True, True]
    model.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter(
            "error"
        )  # Keras warns where it drops the optimizer's state
        again = keras.models.load_model(tmp_path / "model.keras")
    for mine, saved in zip(
        again.optimizer.variables, model.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(mine, saved)
    again.train_on_batch(TOKENS, LABELS)
    model.train_on_batch(TOKENS, LABELS)
    for mine, saved in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, saved, atol=1e-5)


def unfreeze_parts(elmo):
    elmo.bilm.trainable = True
    for part in elmo.parts.values():
        part.trainable = True


@pytest.mark.parametrize("way", ["layer", "parts"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_all_that_learns_has_a_gradient_and_nothing_else_learns(
    two_layers, output, way
):
    elmo = ElmoEmbeddingLayer(two_layers, output=output, initial_state="zeros")
    if way == "layer":
        elmo.trainable = True
    else:
        unfreeze_parts(elmo)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(elmo(TOKENS, training=True)))
    variables = elmo.trainable_variables
    found = tape.gradient(loss, [v.value for v in variables])
    assert variables
    for variable, gradient in zip(variables, found, strict=True):
        assert gradient is not None, variable.path
    names = [name for name, part in elmo.parts.items() if any(learning(part))]
    mixes = ["mix"] if output in ("elmo", "default") else []
    lstms = {"word_emb": [], "lstm_outputs1": ["0"]}.get(output, ["0", "1"])
    assert names == [
        *mixes,
        "token_encoder",
        *(f"{way}_lstm_{i}" for way in ("forward", "backward") for i in lstms),
    ]


@pytest.mark.parametrize("output", ["word_emb", "lstm_outputs1", "layers"])
def test_fit_has_nothing_to_warn_of(two_layers, output):
    elmo = ElmoEmbeddingLayer(two_layers, output=output, initial_state="zeros")
    model = keras.Sequential(
        [keras.Input((None,), dtype="string"), elmo, layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.train_on_batch(TOKENS, np.zeros(model(TOKENS).shape))


def test_a_vocabulary_forbids_to_unfreeze_the_biLM_in_any_way(plain_elmo):
    elmo = ElmoEmbeddingLayer(str(plain_elmo), vocabulary=["cat"])
    with pytest.raises(ValueError, match="fine-tuning would leave its vectors behind"):
        elmo.trainable = True
    assert not any(learning(elmo.bilm))
    elmo.trainable = False
    elmo.bilm.trainable = True
    with pytest.raises(ValueError, match="fine-tuning would leave its vectors behind"):
        elmo(TOKENS)


def test_a_part_of_another_name_is_refused(plain_elmo):
    with pytest.raises(ValueError, match="`frozen` must be one of mix, token_encoder"):
        ElmoEmbeddingLayer(str(plain_elmo), trainable=True, frozen=["lstm"])
