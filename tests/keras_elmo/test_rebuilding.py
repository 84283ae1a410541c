"""A layer that is made from another's configuration: where its weights come from."""

from __future__ import annotations

import shutil
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer, SourceError, sources
from keras_elmo.runtime import signature_module
from tests.keras_elmo.tiny import write_model

TOKENS = tf.constant([["The", "cat", "sat", "."], ["Hello", "you", "", ""]])
HANDLE = "owner/elmo/tensorflow2/tiny"


@pytest.fixture
def kagglehub(monkeypatch, folder):
    """A stand-in that fetches `HANDLE` and counts how often."""
    package = types.ModuleType("kagglehub")
    exceptions = types.ModuleType("kagglehub.exceptions")
    package.asked = []

    def model_download(handle):
        package.asked.append(handle)
        return str(folder)

    package.model_download = model_download
    monkeypatch.setitem(sys.modules, "kagglehub", package)
    monkeypatch.setitem(sys.modules, "kagglehub.exceptions", exceptions)
    monkeypatch.setattr(sources.handles, "_FETCHED", {})
    return package


def model_of(elmo):
    return keras.Sequential([keras.Input((None,), dtype="string"), elmo])


def elmo_of(model):
    return model.layers[0]


def warnings_of(caplog) -> str:
    """Returns what this package warned of."""
    return "\n".join(r.getMessage() for r in caplog.records if r.name == "keras_elmo")


# Each takes a model and gives another with a layer of the same configuration.
WAYS = {
    "clone_model": keras.models.clone_model,
    "twice": lambda m: keras.models.clone_model(keras.models.clone_model(m)),
    "Model.from_config": lambda m: type(m).from_config(m.get_config()),
    "model_from_json": lambda m: keras.models.model_from_json(m.to_json()),
    "Layer.from_config": lambda m: model_of(
        ElmoEmbeddingLayer.from_config(elmo_of(m).get_config())
    ),
    "the class": lambda m: model_of(ElmoEmbeddingLayer(**elmo_of(m).get_config())),
}


@pytest.mark.parametrize("rebuild", WAYS.values(), ids=WAYS)
def test_a_rebuilt_layer_loads_its_source_again(tiny_elmo, caplog, rebuild):
    elmo = ElmoEmbeddingLayer(str(tiny_elmo))
    again = elmo_of(rebuild(model_of(elmo)))
    assert not warnings_of(caplog)
    for mine, theirs in zip(again.get_weights(), elmo.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert again.source_info == elmo.source_info


@pytest.mark.parametrize("rebuild", WAYS.values(), ids=WAYS)
def test_a_layer_whose_source_is_gone_is_said_to_be_random(folder, caplog, rebuild):
    model = model_of(ElmoEmbeddingLayer(str(folder), initial_state="zeros"))
    shutil.rmtree(folder)
    again = rebuild(model)
    assert "its weights are random until others are set" in warnings_of(caplog)
    assert f"{folder}, which does not exist" in warnings_of(caplog)
    assert str(elmo_of(again).source_info) == (
        f"{folder} is the source of a rebuilt layer, which could not be read again; "
        "what runs is the native layer, with random weights unless others were set."
    )


def test_a_source_that_has_become_another_model_is_not_taken(folder, caplog):
    model = model_of(ElmoEmbeddingLayer(str(folder)))
    write_model(folder, cell_dim=9)
    keras.models.clone_model(model)
    assert f"{folder} is a model of other options by now" in warnings_of(caplog)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_saved_model_is_read_without_its_source(
    folder, tmp_path, monkeypatch, caplog, ending
):
    elmo = ElmoEmbeddingLayer(str(folder), trainable=True)
    model = model_of(elmo)
    model.set_weights([value + 0.5 for value in model.get_weights()])
    path = tmp_path / f"model.{ending}"
    model.save(path)
    monkeypatch.setattr(sources, "_open", None)
    again = keras.models.load_model(path)
    assert not warnings_of(caplog)
    np.testing.assert_array_equal(again(TOKENS), model(TOKENS))
    assert "with the weights it was saved with" in str(elmo_of(again).source_info)


def test_a_handle_is_fetched_for_who_named_it_and_not_again(kagglehub, caplog):
    model = model_of(ElmoEmbeddingLayer(HANDLE))
    again = elmo_of(keras.models.clone_model(model))
    assert not warnings_of(caplog)
    assert "fetched by kagglehub" in str(again.source_info)
    assert kagglehub.asked == [HANDLE]


@pytest.mark.parametrize("rebuild", WAYS.values(), ids=WAYS)
def test_a_handle_that_only_a_file_names_is_not_fetched(
    folder, tmp_path, kagglehub, caplog, rebuild
):
    elmo = ElmoEmbeddingLayer(str(folder))
    elmo.source = HANDLE  # as a stranger may write it
    model_of(elmo).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    rebuild(model)
    assert f"The handle {HANDLE} is named by a configuration" in warnings_of(caplog)
    assert not kagglehub.asked


@pytest.mark.parametrize("options", ["those of the layer", {}])
def test_a_forged_configuration_runs_no_graph(
    tiny_elmo, tmp_path, monkeypatch, caplog, options
):
    module = tf.Module()
    module.kept = tf.Variable(1.0, name="other")
    tf.saved_model.save(module, str(tmp_path))
    calls = []
    monkeypatch.setattr(signature_module, "SignatureModule", calls.append)
    config = ElmoEmbeddingLayer(str(tiny_elmo)).get_config()
    config["source"] = str(tmp_path)
    if options == {}:
        config["options"] = {}
        with pytest.raises(SourceError, match="options lack the entry"):
            ElmoEmbeddingLayer.from_config(config)
    else:
        ElmoEmbeddingLayer.from_config(config)
        assert "lacks the variable bilm/char_embed" in warnings_of(caplog)
    assert not calls


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """Its head has no weights until it is called: Keras keeps no more than shapes."""

    def __init__(self, source, **kwargs):
        super().__init__(**kwargs)
        self.source = source
        self.elmo = ElmoEmbeddingLayer(source, output="default")
        self.head = keras.layers.Dense(1)

    def call(self, inputs):
        if isinstance(inputs, dict):
            return self.head(self.elmo(inputs["a"]) + self.elmo(inputs["b"]))
        return self.head(self.elmo(inputs))

    def get_config(self):
        return {**super().get_config(), "source": self.source}


# Each saves a model and gives what was read back.
FILES = {
    "the model": lambda m, folder: _saved(m, folder / "model.keras"),
    "its configuration, then weights": lambda m, folder: _with_weights(
        keras.models.model_from_json(m.to_json()), m, folder / "model.weights.h5"
    ),
}


def _saved(model, path):
    model.save(path)
    return keras.models.load_model(path)


def _with_weights(again, model, path):
    model.save_weights(path)
    again.load_weights(path)
    return again


@pytest.mark.parametrize("read_back", FILES.values(), ids=FILES)
@pytest.mark.parametrize(
    "inputs",
    [TOKENS, tf.constant(["The cat", "Hello"]), {"a": TOKENS, "b": TOKENS[:, :1]}],
    ids=["tokens", "texts", "several"],
)
def test_a_subclassed_model_is_read_with_all_its_weights(
    plain_elmo, tmp_path, inputs, read_back
):
    model = Subclassed(str(plain_elmo))
    expected = model(inputs)
    model.compile("adam", "mse")
    again = read_back(model, tmp_path)
    np.testing.assert_array_equal(again(inputs), expected)


def test_a_subclassed_model_still_refuses_numbers(plain_elmo):
    model = Subclassed(str(plain_elmo))
    for inputs in (keras.Input((None,)), np.ones((2, 3))):
        with pytest.raises(TypeError, match="takes tokens as strings"):
            model.elmo(inputs)
        with pytest.raises(TypeError):
            model(inputs)
