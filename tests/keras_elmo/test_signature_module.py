"""Modules that are called by their signature, since their variables do not map."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer, SourceError
from keras_elmo.signature_module import SignatureModule
from keras_elmo.sources import open_source
from tests.keras_elmo.hub_form import write_hub_module
from tests.keras_elmo.tiny import write_model

TOKENS = tf.constant(
    [["The", "größte", "cat", "s" * 70], ["Hi", "", "", ""], ["", "", "", ""]]
)
LENGTHS = tf.constant([4, 1, 0])


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


def test_a_module_of_other_names_gives_what_the_native_layer_gives(model, module):
    native = ElmoEmbeddingLayer(str(model), output="layers", initial_state="zeros")
    ours = native(TOKENS).numpy()
    theirs = module.layers(TOKENS, LENGTHS)
    assert theirs.shape == (3, module.num_layers, 4, module.dim) == ours.shape
    np.testing.assert_allclose(theirs, ours, atol=1e-5)


def test_there_is_nothing_where_there_is_no_token(module):
    # such a module's word_emb is not zero there by itself
    layers = module.layers(TOKENS, LENGTHS).numpy()
    assert np.all(layers[1, :, 1:] == 0)
    assert np.all(layers[2] == 0)
    assert np.all(np.any(layers[0] != 0, axis=-1))


@pytest.mark.parametrize(
    "shape", [(0, 3), (2, 0), (0, 0)], ids=["batch", "time", "both"]
)
def test_nothing_in_nothing_out(module, shape):
    tokens, lengths = tf.zeros(shape, tf.string), tf.zeros(shape[:1], tf.int32)
    layers = tf.function(module.layers)(tokens, lengths)
    assert layers.shape == (shape[0], 3, shape[1], module.dim)


def test_one_graph_serves_every_shape(module):
    traces = []

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.string),
            tf.TensorSpec([None], tf.int32),
        ]
    )
    def layers(tokens, lengths):
        traces.append(1)
        return module.layers(tokens, lengths)

    expected = module.layers(TOKENS, LENGTHS)
    np.testing.assert_allclose(layers(TOKENS, LENGTHS), expected, atol=1e-6)
    np.testing.assert_allclose(
        layers(TOKENS[1:2, :1], LENGTHS[1:2]), expected[1:2, :, :1], atol=1e-6
    )
    assert len(traces) == 1


def test_what_holds_the_module_exports_without_the_modules_folder(tmp_path, folder):
    copy = shutil.copytree(folder, tmp_path / "copy")

    class Holder(tf.Module):
        def __init__(self):
            super().__init__()
            self.held = SignatureModule(copy)

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, None], tf.string),
                tf.TensorSpec([None], tf.int32),
            ]
        )
        def __call__(self, tokens, lengths):
            return self.held.layers(tokens, lengths)

    holder = Holder()
    expected = holder(TOKENS, LENGTHS)
    tf.saved_model.save(holder, str(tmp_path / "saved"))
    shutil.rmtree(copy)
    again = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(again(TOKENS, LENGTHS), expected, atol=1e-6)


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


def signature(tmp_path, dtype=tf.int32, half=3, left_out=None):
    """Writes a SavedModel with a signature `tokens`, made wrong as told."""
    module = tf.Module()

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.string, name="tokens"),
            tf.TensorSpec([None], dtype, name="sequence_len"),
        ]
    )
    def tokens(tokens, sequence_len):
        shape = tf.shape(tokens)
        widths = {"word_emb": half, "lstm_outputs1": 6, "lstm_outputs2": 6}
        return {
            name: tf.zeros([shape[0], shape[1], width])
            for name, width in widths.items()
            if name != left_out
        }

    tf.saved_model.save(module, str(tmp_path), signatures={"tokens": tokens})
    return tmp_path


def test_a_saved_model_of_tf2_is_called_as_well(tmp_path):
    module = SignatureModule(signature(tmp_path))
    assert module.layers(TOKENS, LENGTHS).shape == (3, 3, 4, 6)


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


def test_a_file_that_is_no_saved_model_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"no protocol buffer")
    with pytest.raises(SourceError, match="cannot be loaded"):
        SignatureModule(tmp_path)
