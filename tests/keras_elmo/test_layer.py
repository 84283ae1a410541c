"""The layer as Keras users meet it. What the numbers are, test_bilm.py shows."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer
from tests.keras_elmo.reference import ReferenceBiLM

TOKENS = [["The", "cat", "sat", "."], ["Hello", "", "", ""]]


@pytest.fixture(scope="module")
def layers(shared_layer):
    return shared_layer(output="layers", initial_state="zeros")


def test_tokens_give_what_the_plain_reference_gives(tiny_elmo, layers):
    reference = ReferenceBiLM(tiny_elmo / "options.json", tiny_elmo / "weights.hdf5")
    got = np.array(layers(TOKENS))
    assert got.shape == (2, 3, 4, 10)
    for row, tokens in enumerate([["The", "cat", "sat", "."], ["Hello"]]):
        expected, _ = reference.layers(tokens)
        np.testing.assert_allclose(got[row, :, : len(tokens)], expected, atol=1e-5)


FORMS = {
    "nested lists": [["The", "cat", "sat", "."], ["Hello"]],
    "ragged": tf.ragged.constant([["The", "cat", "sat", "."], ["Hello"]]),
    "array": np.array(TOKENS),
    "tensor": tf.constant(TOKENS),
    "texts": ["The cat sat .", "Hello"],
    "texts with spaces to spare": tf.constant([" The  cat sat .", "Hello "]),
}


@pytest.mark.parametrize("inputs", FORMS.values(), ids=FORMS)
def test_every_form_of_input_gives_the_same(layers, inputs):
    np.testing.assert_allclose(layers(inputs), layers(TOKENS), atol=1e-6)


def test_each_output_is_the_slice_its_name_says(shared_layer, layers):
    def output(name):
        return np.array(shared_layer(output=name, initial_state="zeros")(TOKENS))

    every = np.array(layers(TOKENS))
    np.testing.assert_allclose(output("word_emb"), every[:, 0, :, :5], atol=1e-6)
    np.testing.assert_allclose(output("lstm_outputs1"), every[:, 1], atol=1e-6)
    np.testing.assert_allclose(output("lstm_outputs2"), every[:, 2], atol=1e-6)
    mixed = every.mean(axis=1)  # the mix is even at the start
    np.testing.assert_allclose(output("elmo"), mixed, atol=1e-6)
    means = np.stack([mixed[0].mean(axis=0), mixed[1, 0]])
    np.testing.assert_allclose(output("default"), means, atol=1e-6)


def test_a_text_is_the_same_in_any_company(shared_layer):
    layer = shared_layer()
    together = np.array(layer([["a", "b", "c", "d", "e"], ["Hello", "you"], ["x"]]))
    alone = np.array(layer([["Hello", "you"]]))
    np.testing.assert_allclose(together[1, :2], alone[0], atol=1e-5)
    np.testing.assert_array_equal(alone, layer([["Hello", "you"]]))


def test_warm_states_differ_from_zeros(shared_layer, layers):
    warm = shared_layer(output="layers")
    difference = np.array(warm(TOKENS)) - np.array(layers(TOKENS))
    assert np.abs(difference[:, 1:]).max() > 1e-3
    assert not difference[:, 0].any()  # the token encoder has no state


def test_texts_are_cut_and_padded_at_their_end(tiny_elmo):
    layer = ElmoEmbeddingLayer(str(tiny_elmo), max_sequence_length=3)
    short = np.array(layer([["The", "cat"]]))
    assert short.shape == (1, 3, 10)
    assert not short[0, 2].any()
    whole = np.array(layer([["The", "cat", "sat", "down"]]))
    np.testing.assert_allclose(whole, layer([["The", "cat", "sat"]]), atol=1e-6)


def test_the_mask_is_true_where_there_is_a_token(tiny_elmo):
    layer = ElmoEmbeddingLayer(str(tiny_elmo), max_sequence_length=5)
    mask = layer.compute_mask(TOKENS)
    assert mask.numpy().astype(int).tolist() == [[1, 1, 1, 1, 0], [1, 0, 0, 0, 0]]


def test_empty_texts_and_batches_give_finite_zeros(shared_layer):
    layer = shared_layer()
    assert not np.array(layer([["", ""], ["", ""]])).any()
    assert layer(tf.zeros([0, 3], tf.string)).shape == (0, 3, 10)
    mean = shared_layer(output="default", initial_state="zeros")
    assert not np.array(mean([""])).any()


def test_pooling_respects_the_mask(shared_layer):
    elmo = shared_layer()
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="string"),
            elmo,
            keras.layers.GlobalAveragePooling1D(),
        ]
    )
    pooled = model.predict(tf.constant(TOKENS), verbose=0)
    np.testing.assert_allclose(pooled[1], elmo([["Hello"]])[0, 0], atol=1e-6)


def classifier(source, **options):
    model = keras.Sequential(
        [
            keras.Input((4,), dtype="string"),
            ElmoEmbeddingLayer(str(source), **options),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    return model


@pytest.mark.parametrize(
    ("options", "moving"),
    [
        ({}, {"mix"}),
        ({"trainable_mix": False}, set()),
        pytest.param({"trainable": True}, {"mix", "bilm"}, marks=pytest.mark.slow),
    ],
    ids=["the mix alone by default", "nothing", "the whole biLM"],
)
def test_fit_moves_what_is_trainable(tiny_elmo, options, moving):
    model = classifier(tiny_elmo, **options)
    elmo = model.layers[0]
    parts = {"mix": elmo.mix, "bilm": elmo.bilm, "start": elmo.encoder.start}
    before = {name: part.get_weights() for name, part in parts.items()}
    model.fit(tf.constant(TOKENS), np.array([0, 1]), epochs=2, verbose=0)
    moved = {
        name
        for name, part in parts.items()
        if any(
            np.abs(new - old).max() > 0
            for new, old in zip(part.get_weights(), before[name], strict=True)
        )
    }
    assert moved == moving


RELOAD = """
import sys, keras, numpy as np, tensorflow as tf
import keras_elmo.layer
model = keras.models.load_model(sys.argv[1])
np.save(sys.argv[2], model.predict(tf.constant({tokens}), verbose=0))
"""


@pytest.mark.slow
def test_a_saved_model_is_rebuilt_in_a_fresh_process_without_its_source(
    tiny_elmo, tmp_path, repository
):
    copy = tmp_path / "source"
    copy.mkdir()
    for name in ("options.json", "weights.hdf5"):
        (copy / name).write_bytes((tiny_elmo / name).read_bytes())
    model = classifier(copy)
    expected = model.predict(tf.constant(TOKENS), verbose=0)
    model.save(tmp_path / "model.keras")
    for file in copy.iterdir():
        file.unlink()
    code = RELOAD.format(tokens=TOKENS)
    files = [str(tmp_path / "model.keras"), str(tmp_path / "out.npy")]
    subprocess.run([sys.executable, "-c", code, *files], cwd=repository, check=True)
    np.testing.assert_allclose(np.load(files[1]), expected, atol=1e-6)


def test_export_serves_strings_in_plain_tensorflow(tiny_elmo, tmp_path):
    model = classifier(tiny_elmo)
    model.export(str(tmp_path / "exported"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "exported"))
    expected = model.predict(tf.constant(TOKENS), verbose=0)
    np.testing.assert_allclose(served.serve(tf.constant(TOKENS)), expected, atol=1e-6)


def test_no_graph_is_traced_again_for_other_lengths(shared_layer):
    layer = shared_layer()
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string)])
    def run(tokens):
        traces.append(1)
        return layer(tokens)

    for time in (1, 2, 7):
        run(tf.fill([time, time], "word"))
    assert len(traces) == 1


BAD = {
    "integers": ([[1, 2]], TypeError, "dtype int"),
    "too many axes": ([[["a"]]], ValueError, r"shape \(1, 1, 1\)"),
    "texts among tokens": (["a b", ["c"]], ValueError, "lists of tokens, all of them"),
    "no string": ([["a", None]], ValueError, "lists of tokens, all of them"),
}


@pytest.mark.parametrize(("inputs", "error", "words"), BAD.values(), ids=BAD)
def test_wrong_inputs_are_named(layers, inputs, error, words):
    with pytest.raises(error, match=words):
        layers(inputs)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"output": "top"}, "`output` must be one of"),
        ({"max_sequence_length": 0}, "max_sequence_length=0"),
        ({"max_sequence_length": 1.5}, "`max_sequence_length` must be a positive int"),
        ({"max_sequence_length": "3"}, "must be a positive int or None. Rec"),
        ({"max_sequence_length": 10**12}, "int or None, at most 2,147,483,647. Rec"),
        ({"max_batch_size": 1.5}, "`max_batch_size` must be a positive int"),
        ({"mixes": True}, "`mixes` must be a positive int of at most .*: `mixes=True`"),
        ({"mixes": 10**9}, "`mixes` must be a positive int of at most 1,000. Rec"),
        ({"max_batch_size": 2**31 - 1}, "a positive int of at most 65,536. Rec"),
        ({"frozen": None}, r"must be a list of names, such as \['mix'\]. Rec.*None"),
        ({"frozen": "bilm"}, "must be a list of names, .* Received: `frozen='bilm'`"),
        ({"frozen": ["bilm"]}, "`frozen` must be one of mix, token_.* `frozen=bilm`"),
        ({"dropout": "0.5"}, "`dropout` must be at least 0 and below 1"),
        ({"mix_l2": "x"}, "`mix_l2` must be a number of at least 0"),
        ({"mix_l2": float("nan")}, "`mix_l2` must be a number of at least 0"),
        ({"trainable": "no"}, "`trainable` must be True or False. Received: `train"),
        ({"stateful": "no"}, "`stateful` must be True or False. Received: `statef"),
        ({"initial_state": "cold"}, "`initial_state` must be one of warm, zeros"),
    ],
)
def test_wrong_options_are_named(tiny_elmo, options, words):
    with pytest.raises(ValueError, match=words):
        ElmoEmbeddingLayer(str(tiny_elmo), **options)


def test_a_model_with_too_many_axes_is_refused_when_it_is_built(layers):
    with pytest.raises(ValueError, match=r"shape \(None, None, None\)"):
        layers(keras.Input((None, None), dtype="string"))
