"""Models whose values overflow for some text, and deep ones whose values do not."""

from __future__ import annotations

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer
from keras_elmo.errors import WeightsError
from keras_elmo.export import export_hub_module
from tests.keras_elmo.tiny import write_model

GROWN = r"values that this ELMo computes grow beyond 1e\+12, or are NaN"


def write_growing_model(folder, factor, n_highway=40):
    """Writes a model in which `~`, and no other letter, grows with each highway."""
    write_model(folder, n_highway=n_highway)
    with h5py.File(folder / "weights.hdf5", "a") as file:
        table = np.zeros_like(file["char_embed"])
        table[ord("~")] = 1.0
        file["char_embed"][...] = table
        for i in range(3):
            file[f"CNN/W_cnn_{i}"][...] = 1.0
            file[f"CNN/b_cnn_{i}"][...] = 0.0
        for i in range(n_highway):
            width = len(file[f"CNN_high_{i}/b_carry"])
            file[f"CNN_high_{i}/W_transform"][...] = np.eye(width) * factor
            file[f"CNN_high_{i}/b_transform"][...] = 0.0
            file[f"CNN_high_{i}/W_carry"][...] = 0.0
            file[f"CNN_high_{i}/b_carry"][...] = 30.0  # takes what is transformed
    return str(folder)


@pytest.fixture(scope="module")
def growing(tmp_path_factory):
    return write_growing_model(tmp_path_factory.mktemp("growing"), 10.0)


@pytest.fixture(scope="module")
def layer(growing):
    return ElmoEmbeddingLayer(growing)


@pytest.mark.parametrize("n_highway", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_many_highway_layers_that_keep_their_values_small_are_read(tmp_path, n_highway):
    write_model(tmp_path, n_highway=n_highway)
    vectors = np.array(ElmoEmbeddingLayer(str(tmp_path))(["the ~cat sat"]))
    assert np.isfinite(vectors).all()
    assert 0 < np.abs(vectors).max() < 10


def test_a_text_that_overflows_is_refused_in_one_line_and_others_are_not(layer):
    assert np.isfinite(layer(["the cat sat"])).all()
    with pytest.raises(WeightsError, match=GROWN) as caught:
        layer(["the ~ sat"])
    assert "\n" not in str(caught.value)


def test_a_vocabulary_that_overflows_is_refused_when_the_layer_is_made(growing):
    with pytest.raises(WeightsError, match=f"{GROWN}.*They were read from {growing}"):
        ElmoEmbeddingLayer(growing, vocabulary=["~"])


def test_weights_that_overflow_for_ordinary_words_are_refused_when_read(tmp_path):
    folder = write_growing_model(tmp_path, 10.0)
    with h5py.File(tmp_path / "weights.hdf5", "a") as file:
        file["char_embed"][...] = 1.0
    with pytest.raises(WeightsError, match=f"{GROWN}.*They were read from {folder}"):
        ElmoEmbeddingLayer(folder)


@pytest.mark.slow
def test_a_text_that_overflows_is_refused_inside_of_a_model_and_an_export(
    layer, tmp_path
):
    inputs = tf.constant(["the ~ sat"])
    model = keras.Sequential([keras.Input((), dtype="string"), layer])
    with pytest.raises(tf.errors.InvalidArgumentError, match=GROWN):
        model.predict(inputs, verbose=0)
    export_hub_module(layer, tmp_path / "module")
    module = tf.saved_model.load(str(tmp_path / "module"))
    with pytest.raises(tf.errors.InvalidArgumentError, match=GROWN):
        module(inputs)


def test_a_text_that_overflows_leaves_no_state_to_the_next(growing):
    layer = ElmoEmbeddingLayer(growing, stateful=True)
    expected = np.array(layer(["the cat"]))
    layer.reset_states()
    with pytest.raises(WeightsError, match=GROWN):
        layer(["the ~"])
    np.testing.assert_array_equal(layer(["the cat"]), expected)


@pytest.mark.parametrize("stateful", [False, True])
def test_outputs_that_are_no_numbers_are_refused(tiny_elmo, stateful):
    layer = ElmoEmbeddingLayer(str(tiny_elmo), stateful=stateful)
    bias = layer.bilm.backward_lstm.layers[1].cell.bias
    bias.assign(np.full(bias.shape, np.nan))
    with pytest.raises(WeightsError, match=GROWN):
        layer(["the cat"])


def test_a_training_that_diverges_shows_it_in_its_loss(plain_elmo):
    layer = ElmoEmbeddingLayer(str(plain_elmo), output="default", trainable=True)
    bias = layer.bilm.forward_lstm.layers[0].cell.bias
    bias.assign(np.full(bias.shape, np.nan))
    model = keras.Sequential([keras.Input((), dtype="string"), layer])
    model.compile("sgd", "mse")
    fitted = model.fit(tf.constant(["a b"]), np.zeros((1, 10)), verbose=0)
    assert np.isnan(fitted.history["loss"]).all()


def test_weights_that_half_precision_has_no_room_for_are_refused_there(folder):
    with h5py.File(folder / "weights.hdf5", "a") as file:
        bias = file["CNN_high_0/b_carry"]
        bias[...] = 7e4
    ElmoEmbeddingLayer(str(folder))
    with pytest.raises(WeightsError, match=r"b_carry .*7e\+04; .* stay below 7e\+04"):
        ElmoEmbeddingLayer(str(folder), dtype="float16")
