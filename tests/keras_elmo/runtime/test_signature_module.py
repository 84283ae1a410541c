"""Modules that are called by their signature, since their variables do not map."""

from __future__ import annotations

import logging
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_elmo import ElmoEmbeddingLayer, SourceError
from keras_elmo.runtime.signature_module import SignatureModule
from keras_elmo.sources import open_source
from tests.keras_elmo.hub_form import write_hub_module
from tests.keras_elmo.tiny import write_model

TOKENS = tf.constant(
    [["The", "größte", "cat", "s" * 70], ["Hi", "", "", ""], ["", "", "", ""]]
)
LENGTHS = tf.constant([4, 1, 0])
WORDS = tf.constant(["The", "größte", "cat", "s" * 70, "Hi"])
SPECS = [tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.int32)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("elmo"), max_chars=50)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, model):
    target = tmp_path_factory.mktemp("hub")
    return write_hub_module(target, model, rename="language_model")


@pytest.fixture(scope="module")
def module(folder):
    return SignatureModule(folder)


def test_a_module_of_other_names_gives_what_the_native_layer_gives(model, folder):
    native, called = (
        ElmoEmbeddingLayer(str(source), output="layers", initial_state="zeros")
        for source in (model, folder)
    )
    assert native.is_native
    assert not called.is_native
    np.testing.assert_allclose(called(TOKENS), native(TOKENS), atol=1e-5)


def test_only_what_is_a_token_comes_back(module):
    # such a module's word_emb is not zero elsewhere
    layers, places = module.run(WORDS, LENGTHS)
    np.testing.assert_array_equal(places, [[0, 0], [0, 1], [0, 2], [0, 3], [1, 0]])
    assert [layer.shape for layer in layers] == [(5, module.dim)] * module.num_layers


@pytest.mark.parametrize("rows", [0, 2], ids=["batch", "words"])
def test_nothing_in_nothing_out(tmp_path, rows):
    module = SignatureModule(signature(tmp_path))  # has no answer for no texts
    words, lengths = tf.zeros([0], tf.string), tf.zeros([rows], tf.int32)
    layers, places = tf.function(module.run)(words, lengths)
    assert places.shape == (0, 2)
    assert [layer.shape for layer in layers] == [(0, 6)] * 3


def test_one_graph_serves_every_shape(module):
    traces = []

    @tf.function(input_signature=SPECS)
    def run(words, lengths):
        traces.append(1)
        return module.run(words, lengths)[0][2]

    expected = module.run(WORDS, LENGTHS)[0][2]
    np.testing.assert_allclose(run(WORDS, LENGTHS), expected, atol=1e-6)
    np.testing.assert_allclose(run(WORDS[4:], LENGTHS[1:2]), expected[4:], atol=1e-6)
    assert len(traces) == 1


def test_what_holds_the_module_exports_without_the_modules_folder(tmp_path, folder):
    copy = shutil.copytree(folder, tmp_path / "copy")
    layer = ElmoEmbeddingLayer(str(copy))
    model = keras.Sequential([keras.Input((None,), dtype="string"), layer])
    expected = model(TOKENS)
    model.export(str(tmp_path / "saved"), verbose=False)
    shutil.rmtree(copy)
    again = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(again.serve(TOKENS), expected, atol=1e-6)


def test_a_source_that_is_called_says_so_and_why(folder, caplog):
    with caplog.at_level(logging.WARNING, logger="keras_elmo"):
        opened = open_source(folder)
    assert str(opened.info) == (
        f"{folder} is a module in TF1-Hub form; what runs is the module's own "
        "`tokens` signature; it cannot be fine-tuned and its state handling is its "
        "own."
    )
    (record,) = caplog.records
    assert "lacks the variable bilm/char_embed" in record.getMessage()
    assert opened.module.dim == 10
    assert opened.options is opened.load is opened.load_mix is None


def test_neither_variables_nor_signature_is_one_message_with_both(tmp_path, model):
    folder = write_hub_module(tmp_path, model, rename="lm", drop=("tokens",))
    with pytest.raises(SourceError) as caught:
        open_source(folder)
    message = str(caught.value)
    assert "lacks the variable bilm/char_embed" in message
    assert "must have a signature tokens" in message
    assert "Received: default(strings) -> default, elmo, lstm_outputs1" in message
    assert "hint: a source must have the variables of google/elmo" in message


def signature(tmp_path, dtype=tf.int32, half=3, left_out=None, value=1.0):
    """Writes a SavedModel of ones that stops at the longest text; wrong as told."""
    module = tf.Module()
    module.calls = tf.Variable(0)
    module.value = tf.Variable(value)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.string, name="tokens"),
            tf.TensorSpec([None], dtype, name="sequence_len"),
        ]
    )
    def tokens(tokens, sequence_len):
        rows, time = tf.shape(tokens)[0], tf.reduce_max(sequence_len)
        widths = {"word_emb": half, "lstm_outputs1": 6, "lstm_outputs2": 6}
        tf.debugging.assert_less(module.value, 1e30, "too large")
        with tf.control_dependencies([module.calls.assign_add(1)]):
            value = module.value * module.value
        return {
            name: value * tf.ones(tf.stack([rows, tf.cast(time, tf.int32), width]))
            for name, width in widths.items()
            if name != left_out
        }

    tf.saved_model.save(module, str(tmp_path), signatures={"tokens": tokens})
    return tmp_path


def test_a_saved_model_of_tf2_is_called_as_well(tmp_path):
    layers, _ = SignatureModule(signature(tmp_path)).run(WORDS, LENGTHS)
    np.testing.assert_array_equal(layers, np.ones((3, 5, 6)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"dtype": tf.int64}, "`sequence_len`, int32"),
        ({"left_out": "lstm_outputs2"}, "gives word_emb, lstm_outputs1, lstm_outputs2"),
        ({"half": 4}, r"twice that. Received: widths 4 and \[6, 6\]"),
    ],
    ids=["dtype", "output", "width"],
)
def test_a_signature_that_is_not_googles_is_refused(tmp_path, wrong, words):
    with pytest.raises(SourceError, match=words):
        SignatureModule(signature(tmp_path, **wrong))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1e25, r"short sentence: .*grow beyond 1e\+12"),
        (1e38, "fails on a short sentence: .*large"),
    ],
)
def test_a_signature_that_makes_no_numbers_is_refused(tmp_path, value, words):
    with pytest.raises(SourceError, match=words) as error:
        SignatureModule(signature(tmp_path, value=value))
    assert "\n" not in str(error.value)


def test_trying_a_module_out_leaves_no_trace_in_it(tmp_path):
    module = SignatureModule(signature(tmp_path))
    (calls,) = (
        variable
        for variable in module.loaded.signatures["tokens"].variables
        if variable.dtype == tf.int32
    )
    assert calls == 0
    module.run(WORDS, LENGTHS)
    assert calls == 1


def test_a_file_that_is_not_a_saved_model_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"no protocol buffer")
    with pytest.raises(SourceError, match="cannot be loaded"):
        SignatureModule(tmp_path)


def test_a_signature_that_lacks_an_input_of_its_graph_is_refused(folder, tmp_path):
    broken = shutil.copytree(folder, tmp_path / "broken")
    path = broken / "saved_model.pb"
    graph = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in graph.meta_graphs:
        del meta_graph.signature_def["tokens"].inputs["sequence_len"]
    path.write_bytes(graph.SerializeToString())
    with pytest.raises(SourceError, match="broken cannot be loaded: .* placeholder"):
        SignatureModule(broken)


def test_a_loaded_file_runs_no_graph_that_its_user_did_not_name(tmp_path, folder):
    model = keras.Sequential([keras.Input((2,), dtype="string")])
    model.add(ElmoEmbeddingLayer(str(folder), output="default"))
    path = tmp_path / "model.keras"
    model.save(path)
    with pytest.raises((TypeError, ValueError), match="load with `safe_mode=False`"):
        keras.models.load_model(path)
    trusted = keras.models.load_model(path, safe_mode=False)
    words = tf.constant([["a", "b"]])
    np.testing.assert_array_equal(trusted(words), model(words))
