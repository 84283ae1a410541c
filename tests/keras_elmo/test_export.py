"""Layers written as modules that stand in for google/elmo/3."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import BiLM, ElmoEmbeddingLayer
from keras_elmo.export import export_hub_module
from keras_elmo.sources import open_source
from tests.keras_elmo.hub_form import write_hub_module
from tests.keras_elmo.tiny import write_model

TOKENS = tf.constant(
    [["The", "größte", "cat", "s" * 70], ["Hi", "", "", ""], ["", "", "", ""]]
)
LENGTHS = tf.constant([4, 1, 0])
TEXTS = tf.constant(["The größte  cat " + "s" * 70, "Hi", ""])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    # neither the activation nor the clips that a module is else assumed to have
    return write_model(
        tmp_path_factory.mktemp("elmo"),
        max_chars=50,
        activation="tanh",
        cell_clip=1.0,
        proj_clip=0.5,
        use_skip_connections=False,
    )


def make_layer(model, **arguments):
    layer = ElmoEmbeddingLayer(str(model), **arguments)
    layer.mix.mix_weights.assign([0.5, -1, 2])
    layer.mix.gamma.assign([1.5])
    return layer


@pytest.fixture(scope="module")
def layer(model):
    return make_layer(model)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, model):
    # cutting and the choice of an output are the layer's, not the module's
    layer = make_layer(model, max_sequence_length=2, output="default")
    target = tmp_path_factory.mktemp("export") / "elmo"
    export_hub_module(layer, target)
    return target


@pytest.fixture(scope="module")
def loaded(folder):
    return tf.saved_model.load(str(folder))


def run(loaded, signature):
    if signature == "default":
        return loaded.signatures["default"](TEXTS)
    return loaded.signatures["tokens"](tokens=TOKENS, sequence_len=LENGTHS)


@pytest.fixture(scope="module")
def outputs(loaded):
    """What each signature gives for the same tokens."""
    return {name: run(loaded, name) for name in ("default", "tokens")}


@pytest.mark.parametrize(
    "output", ["word_emb", "lstm_outputs1", "lstm_outputs2", "elmo", "default"]
)
def test_both_signatures_give_the_layers_vectors(layer, outputs, output, monkeypatch):
    monkeypatch.setattr(layer, "output_name", output)
    expected = layer(TOKENS)
    for signature, found in outputs.items():
        assert found[output].dtype == tf.float32
        np.testing.assert_allclose(
            found[output], expected, atol=1e-6, err_msg=signature
        )


def test_the_signatures_are_those_of_google_elmo(tmp_path, loaded, model):
    # names, dtypes and shapes, beside a module made in google/elmo's own form
    module = tf.saved_model.load(str(write_hub_module(tmp_path, model)), tags=[])

    def described(function):
        specs = {
            **function.structured_input_signature[1],
            **function.structured_outputs,
        }
        return {
            name: (spec.dtype, spec.shape.as_list()) for name, spec in specs.items()
        }

    assert set(loaded.signatures) == set(module.signatures) == {"default", "tokens"}
    for name, theirs in module.signatures.items():
        assert described(loaded.signatures[name]) == described(theirs)


@pytest.mark.parametrize("signature", ["default", "tokens"])
def test_the_lengths_are_given_back(outputs, signature):
    lengths = outputs[signature]["sequence_len"]
    assert lengths.dtype == tf.int32
    np.testing.assert_array_equal(lengths, LENGTHS)


def test_inputs_of_another_rank_are_refused(loaded):
    default, tokens = loaded.signatures["default"], loaded.signatures["tokens"]
    for wrong in (
        lambda: default(TEXTS[:, None]),
        lambda: tokens(tokens=TEXTS, sequence_len=LENGTHS),
        lambda: tokens(tokens=TOKENS, sequence_len=LENGTHS[:, None]),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible"):
            wrong()


def test_what_follows_a_rows_tokens_is_not_read(loaded, outputs):
    filled = tf.where(TOKENS == "", "<pad>", TOKENS)
    vectors = loaded.signatures["tokens"](tokens=filled, sequence_len=LENGTHS)
    for name, expected in outputs["tokens"].items():
        np.testing.assert_array_equal(vectors[name], expected, err_msg=name)


@pytest.mark.parametrize(
    "shape", [(0, 3), (2, 0), (0, 0)], ids=["batch", "time", "both"]
)
def test_nothing_in_nothing_out(loaded, shape):
    outputs = loaded.signatures["tokens"](
        tokens=tf.zeros(shape, tf.string), sequence_len=tf.zeros(shape[:1], tf.int32)
    )
    assert outputs["elmo"].shape == (*shape, 10)
    np.testing.assert_array_equal(outputs["default"], np.zeros((shape[0], 10)))


def test_code_made_for_the_module_runs(folder, outputs):
    hub = pytest.importorskip("tensorflow_hub")
    expected = outputs["tokens"]
    signatures = hub.load(str(folder)).signatures
    elmo = signatures["tokens"](tokens=TOKENS, sequence_len=LENGTHS)["elmo"]
    np.testing.assert_array_equal(elmo, expected["elmo"])
    layer = hub.KerasLayer(str(folder), signature="tokens", output_key="elmo")
    elmo = layer({"tokens": TOKENS, "sequence_len": LENGTHS})
    np.testing.assert_array_equal(elmo, expected["elmo"])
    pooled = hub.KerasLayer(str(folder))(TEXTS)
    np.testing.assert_allclose(pooled, expected["default"], atol=1e-6)


def test_an_export_is_a_source_like_any_other(folder, model):
    opened = open_source(folder)
    assert "is a SavedModel; what runs is the native layer" in str(opened.info)
    assert "assumed" not in str(opened.info)
    original = open_source(model)
    assert opened.options == original.options
    bilm, expected = BiLM(opened.options), BiLM(original.options)
    opened.load(bilm)
    original.load(expected)
    for mine, theirs in zip(bilm.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_an_export_brings_its_mix_along(folder, layer):
    exported = ElmoEmbeddingLayer(str(folder))
    np.testing.assert_allclose(exported(TOKENS), layer(TOKENS), atol=1e-6)


def test_each_weight_is_written_once(folder, layer):
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    shapes = reader.get_variable_to_shape_map()
    numbers = sum(
        int(np.prod(shape)) for name, shape in shapes.items() if "VALUE" in name
    )
    assert numbers == sum(int(np.prod(weight.shape)) for weight in layer.weights)


def test_a_vocabulary_goes_along(tmp_path, model):
    layer = make_layer(model, vocabulary=["The", "cat"])
    export_hub_module(layer, tmp_path / "elmo")
    loaded = tf.saved_model.load(str(tmp_path / "elmo"))
    np.testing.assert_allclose(run(loaded, "tokens")["elmo"], layer(TOKENS), atol=1e-6)


@pytest.mark.slow
def test_the_lengths_decide_what_is_a_token_as_in_the_module(tmp_path):
    # code made for google/elmo often pads with "" and gives the full time as lengths
    model = write_model(tmp_path / "elmo", max_chars=50)
    module = tf.saved_model.load(
        str(write_hub_module(tmp_path / "hub", model)), tags=[]
    )
    layer = ElmoEmbeddingLayer(str(model), initial_state="zeros")
    export_hub_module(layer, tmp_path / "ours")
    arguments = {"tokens": TOKENS, "sequence_len": tf.constant([4, 4, 2])}
    theirs = module.signatures["tokens"](**arguments)
    ours = tf.saved_model.load(str(tmp_path / "ours")).signatures["tokens"](**arguments)
    for name in ("lstm_outputs1", "lstm_outputs2", "elmo", "default", "sequence_len"):
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-5, err_msg=name)


def test_a_layer_that_calls_a_module_is_refused(tmp_path, model):
    module = write_hub_module(tmp_path / "hub", model, rename="language_model")
    with pytest.raises(ValueError, match="`layer` must run natively"):
        export_hub_module(ElmoEmbeddingLayer(str(module)), tmp_path / "elmo")


@pytest.mark.slow
def test_half_precision_is_exported_as_float32(tmp_path, model):
    layer = make_layer(model, dtype="mixed_bfloat16", initial_state="zeros")
    export_hub_module(layer, tmp_path / "elmo")
    loaded = tf.saved_model.load(str(tmp_path / "elmo"))
    elmo = run(loaded, "tokens")["elmo"]
    assert elmo.dtype == tf.float32
    np.testing.assert_allclose(elmo, tf.cast(layer(TOKENS), tf.float32), atol=1e-2)


def test_a_model_of_another_depth_is_refused(tmp_path):
    layer = ElmoEmbeddingLayer(str(write_model(tmp_path / "deep", n_layers=3)))
    with pytest.raises(ValueError, match="`layer` must have 2 LSTM .* layer with 3"):
        export_hub_module(layer, tmp_path / "elmo")
    assert not (tmp_path / "elmo").exists()


def test_a_folder_in_use_is_replaced_only_on_request(tmp_path, layer):
    target = tmp_path / "elmo"
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="`overwrite=True` replaces it"):
        export_hub_module(layer, target)
    assert [path.name for path in target.iterdir()] == ["notes.txt"]
    export_hub_module(layer, target, overwrite=True)
    assert open_source(target).options is not None
    assert not (target / "notes.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["elmo"]


@pytest.mark.parametrize("name", [".", "..", "", "../../elmo"])
def test_a_folder_that_cannot_be_replaced_is_refused(
    tmp_path, layer, monkeypatch, name
):
    working = tmp_path / "elmo" / "inside"
    working.mkdir(parents=True)
    monkeypatch.chdir(working)
    with pytest.raises(ValueError, match="must not be the working folder") as caught:
        export_hub_module(layer, name, overwrite=True)
    assert f"Received: {Path(name)}\nhint: " in str(caught.value)
    assert [path.name for path in tmp_path.rglob("*")] == ["elmo", "inside"]


def test_a_mounted_folder_is_refused(tmp_path, layer, monkeypatch):
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path)
    with pytest.raises(ValueError, match="or a mounted one"):
        export_hub_module(layer, tmp_path)


def test_a_failed_export_leaves_nothing_behind(tmp_path, layer, monkeypatch):
    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        export_hub_module(layer, tmp_path / "elmo")
    assert not list(tmp_path.iterdir())


def test_a_text_of_a_million_tokens_is_refused_by_an_export(folder):
    module = tf.saved_model.load(str(folder))
    words = "a text has more than 100,000 tokens"
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        module.signatures["default"](tf.constant(["w " * 1_000_000]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        module.signatures["tokens"](
            tokens=tf.fill([1, 1_000_000], "w"), sequence_len=tf.constant([1_000_000])
        )
