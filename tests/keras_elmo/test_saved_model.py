"""Modules whose variables become the native model, and those that cannot."""

from __future__ import annotations

import logging
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import BiLM, ElmoEmbeddingLayer, ScalarMix, SourceError
from keras_elmo.options import BiLMOptions
from keras_elmo.saved_model import open_module
from keras_elmo.sources import open_source
from tests.keras_elmo.hub_form import DEEPPAVLOV, write_hub_module
from tests.keras_elmo.tiny import TINY, write_model

TOKENS = tf.constant([["The", "größte", "cat", "s" * 70], ["Hi", "", "", ""]])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("elmo"), max_chars=50)


@pytest.fixture(scope="module")
def module(tmp_path_factory, model):
    return write_hub_module(tmp_path_factory.mktemp("hub"), model, mix=(1, 2, -1))


def native_weights(source):
    opened = open_source(source)
    bilm = BiLM(opened.options)
    opened.load(bilm)
    return bilm.get_weights()


def assert_same_weights(source, other):
    for mine, theirs in zip(native_weights(source), native_weights(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def tf2_module(folder, **variables):
    """Writes a TF2 SavedModel whose variables have these full names and values."""
    module = tf.Module()
    module.kept = [
        tf.Variable(value, name=name.replace("__", "/"))
        for name, value in variables.items()
    ]
    tf.saved_model.save(module, str(folder))
    return folder


def test_a_modules_variables_become_the_native_model(module, model):
    assert open_source(module).options == BiLMOptions(**{**TINY, "max_chars": 50})
    assert_same_weights(module, model)


def test_the_native_model_gives_the_modules_own_vectors(module):
    layer = ElmoEmbeddingLayer(str(module), output="layers", initial_state="zeros")
    loaded = tf.saved_model.load(str(module), tags=[])
    theirs = loaded.signatures["tokens"](
        tokens=TOKENS, sequence_len=tf.constant([4, 1])
    )
    ours = layer(TOKENS)
    real = (TOKENS != "")[:, :, None]
    for name, mine in (
        ("word_emb", ours[:, 0, :, :5]),
        ("word_emb", ours[:, 0, :, 5:]),
        ("lstm_outputs1", ours[:, 1]),
        ("lstm_outputs2", ours[:, 2]),
    ):
        np.testing.assert_allclose(
            mine, np.where(real, theirs[name], 0), atol=1e-5, err_msg=name
        )


def test_deeppavlovs_modules_are_read_with_their_mix(tmp_path, monkeypatch, model):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    module = write_hub_module(
        tmp_path / "module",
        model,
        mix=(0.5, -1, 2),
        mix_names=DEEPPAVLOV,
        gamma=[1.5],
    )
    # As they are published: elmo_ru-wiki_600k_steps.tar.gz holds the module's files.
    archive = shutil.make_archive(str(tmp_path / "elmo_ru"), "gztar", module)
    assert_same_weights(archive, model)
    layer = ElmoEmbeddingLayer(archive, initial_state="zeros")
    np.testing.assert_allclose(layer.mix.mix_weights, [0.5, -1, 2])
    np.testing.assert_allclose(layer.mix.gamma, [1.5])
    loaded = tf.saved_model.load(str(module), tags=[])
    theirs = loaded.signatures["tokens"](
        tokens=TOKENS, sequence_len=tf.constant([4, 1])
    )
    np.testing.assert_allclose(layer(TOKENS), theirs["elmo"], atol=1e-5)


def test_its_aggregation_fills_the_mix(module):
    mix = ScalarMix()
    mix.build((None, 3, None, 10))
    mix.gamma.assign([7])
    open_source(module).load_mix(mix)
    np.testing.assert_array_equal(mix.mix_weights, [1, 2, -1])
    np.testing.assert_array_equal(mix.gamma, [1])


def test_what_the_variables_do_not_tell_is_said_to_be_assumed(module):
    info = str(open_source(module).info)
    assert "is a module in TF1-Hub form" in info
    assert "relu, clipping at 3, skip connections and 50 characters" in info


def test_a_module_inside_a_larger_model_is_found_by_its_prefix(tmp_path, model):
    folder = write_hub_module(tmp_path / "hub", model, prefix="module/")
    assert_same_weights(folder, model)
    assert open_source(folder).load_mix is not None


def test_a_module_saved_again_by_tf2_keeps_its_names(tmp_path, module, model):
    loaded = tf.saved_model.load(str(module), tags=[])
    tf.saved_model.save(loaded, str(tmp_path / "again"))
    assert_same_weights(tmp_path / "again", model)
    assert "is a SavedModel; what runs is the native layer" in str(
        open_source(tmp_path / "again").info
    )


def test_other_sizes_than_googles_are_read_off_the_shapes(tmp_path):
    sizes = {"filters": ((1, 2), (4, 3)), "n_highway": 2, "cell_dim": 7}
    other = write_model(tmp_path / "elmo", max_chars=50, **sizes)
    folder = write_hub_module(tmp_path / "hub", other)
    options = open_source(folder).options
    assert {name: getattr(options, name) for name in sizes} == sizes


def test_nothing_is_warned_of_when_the_variables_fit(module, caplog):
    with caplog.at_level(logging.WARNING, logger="keras_elmo"):
        open_source(module)
    assert not caplog.records


def test_variables_of_other_names_are_listed(tmp_path):
    folder = tf2_module(tmp_path / "other", dense__kernel=[1.0])
    with pytest.raises(SourceError, match=r"bilm/char_embed .*Received: dense/kernel"):
        open_module(folder)


def test_a_lacking_variable_is_named(tmp_path):
    folder = tf2_module(tmp_path / "half", bilm__char_embed=np.ones((262, 4)))
    with pytest.raises(SourceError, match=r"lacks the variable bilm/RNN_0/.*/bias"):
        open_module(folder)


def test_a_variable_of_another_shape_is_named_with_both(tmp_path, module):
    loaded = tf.saved_model.load(str(module), tags=[])
    values = {
        variable.name.removesuffix(":0").replace("/", "__"): variable.numpy()
        for variable in loaded.variables
    }
    values["bilm__CNN_proj__b_proj"] = np.ones(9, "float32")
    folder = tf2_module(tmp_path / "bad", **values)
    with pytest.raises(SourceError, match=r"bilm/CNN_proj/b_proj .*\(5,\).*\(9,\)"):
        open_module(folder)


def test_of_two_variables_with_one_name_neither_is_trusted(tmp_path):
    module = tf.Module()
    module.kept = [
        tf.Variable(np.ones((262, 4)), name="bilm/char_embed") for _ in range(2)
    ]
    tf.saved_model.save(module, str(tmp_path / "twice"))
    with pytest.raises(SourceError, match="lacks the variable bilm/char_embed"):
        open_module(tmp_path / "twice")


def test_a_saved_model_without_variables_says_so(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(SourceError, match="Cannot read the folder .*variables"):
        open_module(tmp_path)


@pytest.mark.slow
def test_a_loaded_module_can_be_fine_tuned(module):
    layer = ElmoEmbeddingLayer(str(module), trainable=True)
    model = keras.Sequential(
        [keras.Input((4,), dtype="string"), layer, keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    before = layer.bilm.get_weights()
    model.fit(TOKENS, tf.ones((2, 4, 1)), verbose=0)
    changed = [
        not np.array_equal(old, new)
        for old, new in zip(before, layer.bilm.get_weights(), strict=True)
    ]
    assert all(changed[1:])  # the first is the table of characters, rows unused
