"""Half precision by dtype policy, and compilation by XLA."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_elmo import BiLM, BiLMOptions, ElmoEmbeddingLayer
from keras_elmo.checkpoints import load_hdf5
from tests.keras_elmo.test_bilm import SENTENCES, spell_batch
from tests.keras_elmo.tiny import write_model

TOKENS = tf.constant([["The", "cat", "sat", "."], ["Hello", "you", "", ""]])
LABELS = np.array([[0.0], [1.0]])
POLICIES = {
    "float32": ("float32", "float32", 1e-6),
    "mixed_bfloat16": ("float32", "bfloat16", 0.06),
    "mixed_float16": ("float32", "float16", 0.01),
    "bfloat16": ("bfloat16", "bfloat16", 0.1),
    "float16": ("float16", "float16", 0.01),
}
OUTPUTS = ("elmo", "layers", "default")


def make(source, **options):
    return ElmoEmbeddingLayer(str(source), **options)


def classifier(elmo):
    pooling = layers.GlobalAveragePooling1D(dtype=elmo.dtype_policy)
    return keras.Sequential(
        [
            keras.Input((None,), dtype="string"),
            elmo,
            pooling,
            layers.Dense(1, dtype="float32"),
        ]
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_a_dtype_policy_decides_on_the_output_and_the_weights(
    tiny_elmo, shared_layer, policy, monkeypatch
):
    weights, activations, tolerance = POLICIES[policy]
    layer, whole = make(tiny_elmo, dtype=policy), shared_layer()
    assert {weight.dtype for weight in layer.bilm.weights} == {weights}
    for output in OUTPUTS:
        monkeypatch.setattr(layer, "output_name", output)
        monkeypatch.setattr(whole, "output_name", output)
        symbolic = layer(keras.Input((None,), dtype="string"))
        got, expected = layer(TOKENS), np.array(whole(TOKENS))
        dtype = keras.backend.standardize_dtype(got.dtype)
        assert symbolic.dtype == dtype == activations
        got = tf.cast(got, "float32").numpy()
        np.testing.assert_allclose(
            got, expected, atol=tolerance * np.abs(expected).max(), err_msg=output
        )
        cosine = (got * expected).sum() / np.linalg.norm(got) / np.linalg.norm(expected)
        assert cosine > 0.999, output


def assert_learns(model):
    model.compile(keras.optimizers.Adam(0.02), "mse")
    losses = model.fit(TOKENS, LABELS, epochs=15, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_fit_of_a_whole_bilm_learns_in_half_precision(tmp_path, plain_elmo, policy):
    # float16 overflows first: all kinds of weights learn in it.
    in_full = policy == "mixed_float16"
    elmo = write_model(tmp_path / "elmo", n_layers=1) if in_full else plain_elmo
    keras.utils.set_random_seed(1)
    assert_learns(classifier(make(elmo, dtype=policy, trainable=True)))


def test_a_global_policy_reaches_the_layer_and_what_follows(plain_elmo):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = classifier(make(plain_elmo))
        assert model.layers[0].dtype_policy.name == "mixed_bfloat16"
        assert model.layers[0](TOKENS).dtype == tf.bfloat16
        assert_learns(model)  # the biLM is frozen
        assert np.isfinite(model.predict(TOKENS, verbose=0)).all()
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("of_all", ["float32", "float16"])
@pytest.mark.parametrize("of_layer", ["float32", "float16"])
def test_states_are_float32_under_any_policy(plain_elmo, of_all, of_layer):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(of_all)
    try:
        layer = make(plain_elmo, stateful=True, initial_state="warm", dtype=of_layer)
    finally:
        keras.config.set_dtype_policy(before)
    states = [*layer.encoder.carried.variables, *layer.encoder.start.variables]
    assert {state.dtype for state in states} == {"float32"}
    assert np.isfinite(layer(TOKENS)).all()


def test_a_stateful_layer_runs_in_half_precision(tiny_elmo):
    whole = make(tiny_elmo, stateful=True)
    half = make(tiny_elmo, stateful=True, dtype="mixed_bfloat16")
    for _ in range(2):
        expected, got = np.array(whole(TOKENS)), tf.cast(half(TOKENS), "float32")
        np.testing.assert_allclose(got, expected, atol=0.06 * np.abs(expected).max())


@pytest.mark.parametrize("is_symbolic", [False, True])
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float64"])
def test_padding_that_would_count_in_another_dtype_is_said_once(
    plain_elmo, policy, is_symbolic, caplog
):
    elmo = make(plain_elmo, dtype=policy)
    inputs = keras.Input((None,), dtype="string") if is_symbolic else TOKENS
    pooling = layers.GlobalAveragePooling1D()
    if is_symbolic:
        pool = keras.Model(inputs, pooling(elmo(inputs)))
    else:

        def pool(tokens):
            return pooling(elmo(tokens))

    pool(TOKENS), pool(TOKENS)
    alone = np.array(pool(TOKENS[1:, :2]))
    is_kept = np.abs(np.array(pool(TOKENS))[1:] - alone).max() < 0.01
    said = f"give the layers that follow `dtype='{policy}'`"
    assert caplog.text.count(said) == (0 if is_kept else 1)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "float64"])
def test_padding_never_counts_where_all_layers_have_one_dtype(plain_elmo, policy):
    model = classifier(make(plain_elmo, dtype=policy))
    alone = np.array(model(TOKENS[1:, :2]))
    np.testing.assert_allclose(model(TOKENS)[1:], alone, atol=1e-6)


def test_a_policy_is_saved_with_the_model(plain_elmo, tmp_path):
    model = classifier(make(plain_elmo, dtype="mixed_bfloat16"))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.layers[0](TOKENS).dtype == tf.bfloat16
    np.testing.assert_allclose(again(TOKENS), model(TOKENS), atol=1e-3)


@pytest.mark.parametrize("jit_compile", [False, "auto"], ids=str)
def test_a_model_of_strings_compiles_without_xla(plain_elmo, jit_compile):
    model = classifier(make(plain_elmo, initial_state="zeros"))
    model.compile("sgd", "mse", jit_compile=jit_compile)
    assert model.jit_compile is False
    expected = np.array(model(TOKENS))
    np.testing.assert_allclose(model.predict(TOKENS, verbose=0), expected, atol=1e-5)
    assert np.isfinite(model.train_on_batch(TOKENS, LABELS))


def spelled_model(source):
    bilm = BiLM(BiLMOptions.from_file(source / "options.json"))
    load_hdf5(bilm, source / "weights.hdf5")
    inputs = keras.Input((4, bilm.options.max_chars), dtype="int32")
    return keras.Model(inputs, layers.Dense(1)(bilm(inputs)))


@pytest.mark.slow
def test_a_bilm_compiled_by_xla_computes_and_learns_the_same(tiny_elmo):
    ids = spell_batch(SENTENCES, 12)
    assert ids.shape[1] == 4
    outputs = {}
    for jit_compile in (False, True):
        keras.utils.set_random_seed(5)
        model = spelled_model(tiny_elmo)
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit_compile)
        first = model.predict(ids, verbose=0)
        model.train_on_batch(ids, np.ones((3, 3, 4, 1)))
        outputs[jit_compile] = first, model.predict(ids, verbose=0)
    for compiled, plain in zip(outputs[True], outputs[False], strict=True):
        np.testing.assert_allclose(compiled, plain, atol=1e-4)
    assert np.abs(outputs[True][1] - outputs[True][0]).max() > 1e-3


@pytest.mark.parametrize("policy", ["int8_from_float32", "int32", "string"])
def test_a_policy_of_no_floats_is_refused_at_once(plain_elmo, policy):
    with pytest.raises(ValueError, match=f"`dtype` must be of floats, .* {policy}$"):
        make(plain_elmo, dtype=policy)
