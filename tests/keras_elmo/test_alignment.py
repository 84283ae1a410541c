"""Matrices that bring one language's vectors into another's space."""

from __future__ import annotations

import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer, WeightsError
from keras_elmo.export import export_hub_module
from tests.keras_elmo.torch_form import WRITTEN, write_tensor

TOKENS = [["The", "cat", "sat"], ["Hola", "", ""]]
DIM = 10


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alignments")
    rng = np.random.default_rng(5)
    paths = [folder / f"es_layer_{number}.pth" for number in range(3)]
    for path in paths:
        write_tensor(path, rng.normal(size=(DIM, DIM)).astype("f4"))
    return list(map(str, paths))


@pytest.fixture(scope="module")
def matrices():
    rng = np.random.default_rng(5)
    return [rng.normal(size=(DIM, DIM)).astype("f4") for _ in range(3)]


def test_one_matrix_is_of_the_first_lstm_layer(tiny_elmo, shared_layer, paths):
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(DIM, DIM)).astype("f4")
    layer = ElmoEmbeddingLayer(
        str(tiny_elmo), output="lstm_outputs1", alignment=paths[0]
    )
    plain = shared_layer(output="lstm_outputs1")(TOKENS)
    # As in CrossLingualContextualEmb's README: embeddings @ aligning.transpose()
    np.testing.assert_allclose(layer(TOKENS), plain @ matrix.T, atol=1e-5)
    assert not layer.alignment.trainable_variables
    assert layer.get_config()["alignment"] == [None, paths[0], None]


def test_each_layer_is_aligned_before_it_is_mixed(
    tiny_elmo, shared_layer, paths, matrices
):
    layer = ElmoEmbeddingLayer(str(tiny_elmo), alignment=paths)
    layers = shared_layer(output="layers")(TOKENS).numpy()
    aligned = [layers[:, k] @ matrices[k].T for k in range(3)]
    np.testing.assert_allclose(layer(TOKENS), np.mean(aligned, axis=0), atol=1e-5)


def test_a_saved_model_needs_the_files_no_more(tiny_elmo, paths, tmp_path):
    path = tmp_path / "mapping.pth"
    shutil.copy(paths[1], path)
    layer = ElmoEmbeddingLayer(
        str(tiny_elmo), output="lstm_outputs1", alignment=str(path)
    )
    model = keras.Sequential([keras.Input((None,), dtype="string"), layer])
    tokens = tf.constant(TOKENS)
    before = model(tokens)
    model.save(tmp_path / "model.keras")
    os.unlink(path)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(tokens), before, atol=1e-6)


@pytest.mark.parametrize(
    ("output", "choose", "words"),
    [
        ("elmo", lambda paths: paths[1], "has none for layer 0"),
        ("layers", lambda paths: [None, *paths[1:]], "has none for layer 0"),
        ("lstm_outputs2", lambda paths: paths[1], "has none for layer 2"),
        ("word_emb", lambda paths: paths, "which is half as wide"),
        ("elmo", lambda paths: paths[:2], "a list of 3 with a path or None for each"),
        ("elmo", lambda paths: [None] * 3, "a list of 3 with a path or None for each"),
        ("elmo", lambda paths: 7, "Received: `alignment=7`"),
    ],
)
def test_what_would_not_be_aligned_is_refused(tiny_elmo, paths, output, choose, words):
    with pytest.raises(ValueError, match=words):
        ElmoEmbeddingLayer(str(tiny_elmo), output=output, alignment=choose(paths))


@pytest.mark.parametrize(
    ("layout", "what", "words"),
    [
        ("legacy", "matrix", r"shape \(10, 10\). Received: \(2, 2\)"),
        ("zip", "state", r"shape \(10, 10\). Received: a \(2, 3\), b"),
    ],
)
def test_a_file_of_something_else_is_named(tiny_elmo, tmp_path, layout, what, words):
    path = tmp_path / "mapping.pth"
    path.write_bytes(WRITTEN[what, layout])
    with pytest.raises(WeightsError, match=f"{path} must hold one matrix of {words}"):
        ElmoEmbeddingLayer(str(tiny_elmo), output="lstm_outputs1", alignment=str(path))


def test_the_array_that_is_published_is_read(tmp_path):
    # With an ELMo that is two wide: the file is one that torch wrote of an array.
    from tests.keras_elmo.tiny import PLAIN, write_model

    path = tmp_path / "en_best_mapping.pth"
    path.write_bytes(WRITTEN["matrix", "legacy"])
    changes = {**PLAIN, "projection_dim": 1, "cell_dim": 2}
    model = write_model(tmp_path / "narrow", **changes)
    arguments = {"output": "lstm_outputs1", "initial_state": "zeros"}
    plain = ElmoEmbeddingLayer(str(model), **arguments)(TOKENS)
    aligned = ElmoEmbeddingLayer(str(model), alignment=str(path), **arguments)(TOKENS)
    matrix = np.array([[0, 1], [2, 3]], "f4")
    np.testing.assert_allclose(aligned, plain @ matrix.T, atol=1e-6)


def test_a_layer_is_rebuilt_without_the_files_and_says_so(
    tiny_elmo, paths, tmp_path, caplog
):
    arguments = {"output": "layers", "initial_state": "zeros"}
    layer = ElmoEmbeddingLayer(str(tiny_elmo), alignment=paths, **arguments)
    config = layer.get_config()
    again = ElmoEmbeddingLayer.from_config(config)
    matrices = [layer.alignment.get_weights(), again.alignment.get_weights()]
    np.testing.assert_array_equal(*matrices)
    assert caplog.text == ""
    gone = [str(tmp_path / f"{number}.gone") for number in range(len(paths))]
    again = ElmoEmbeddingLayer.from_config({**config, "alignment": gone})
    assert "its alignment cannot be read again" in caplog.text
    assert gone[1] in caplog.text
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again.alignment.get_weights(), matrices[0])


def test_a_hub_module_has_no_place_for_it(tiny_elmo, paths, tmp_path):
    layer = ElmoEmbeddingLayer(str(tiny_elmo), alignment=paths)
    with pytest.raises(ValueError, match="must have no `alignment`"):
        export_hub_module(layer, tmp_path / "module")
