"""The states from which texts are read: fixed by default, carried on request."""

from __future__ import annotations

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer, WeightsError
from keras_elmo.checkpoints import save_hdf5
from keras_elmo.export import export_hub_module
from tests.keras_elmo.test_parity import N_BATCHES, TOLERANCE, fixture_model
from tests.keras_elmo.tiny import write_model

__all__ = ["fixture_model"]  # a fixture is used by its name
WORDS = ["The", "cat", "sat", "on", "a", "café", ".", "unbelievablylong", "<UNK>"]
A = [["The", "cat"], ["Hello", "you", "there"], ["x"]]
B = [["sat", "down", "."]]
C = [["on", "a", "mat"], ["again"], ["and", "again"]]


def stateful(source, **options):
    options = {"initial_state": "zeros", **options}
    return ElmoEmbeddingLayer(str(source), stateful=True, **options)


@pytest.fixture(scope="module")
def two_layers(tiny_elmo):
    return stateful(tiny_elmo), stateful(tiny_elmo)


@pytest.fixture
def pair(two_layers):
    """Two stateful layers with nothing carried on yet."""
    for layer in two_layers:
        layer.reset_states()
    return two_layers


def pad(sentences, time):
    rows = [row + [""] * (time - len(row)) for row in sentences]
    return tf.constant(rows, tf.string, shape=[len(rows), time])


@pytest.mark.slow
def test_vectors_stay_the_same_however_batches_are_shuffled_split_and_padded(
    shared_layer,
):
    layer = shared_layer(output="layers")
    rng = np.random.default_rng(7)
    sentences = [rng.choice(WORDS, rng.integers(0, 9)).tolist() for _ in range(12)]
    alone = [np.array(layer(pad([row], 9)))[0] for row in sentences]
    for _ in range(100):
        order = rng.permutation(len(sentences))
        cuts = np.sort(rng.integers(0, len(order) + 1, rng.integers(0, 5)))
        for part in np.split(order, cuts):
            rows = [sentences[number] for number in part]
            time = max(map(len, rows), default=0) + rng.integers(0, 6)
            got = np.array(layer(pad(rows, time)))
            for vectors, number in zip(got, part, strict=True):
                n = len(sentences[number])
                np.testing.assert_allclose(
                    vectors[:, :n], alone[number][:, :n], atol=1e-5
                )
                assert not vectors[:, n:].any()


def test_all_ten_batches_of_a_stateful_layer_equal_the_authors_vectors(fixture_model):
    folder, batches, expected = fixture_model
    layer = ElmoEmbeddingLayer(
        (str(folder / "options.json"), str(folder / "lm_weights.hdf5")),
        output="lstm_outputs2",
        initial_state="zeros",
        stateful=True,
    )
    assert len(batches) == N_BATCHES
    for number, rows in enumerate(batches):
        top = np.array(layer(rows))
        for row, tokens in enumerate(rows):
            wanted = np.concatenate(list(expected[row][number]), axis=-1)
            np.testing.assert_allclose(top[row, : len(tokens)], wanted, atol=TOLERANCE)


@pytest.mark.parametrize("initial_state", ["warm", "zeros"])
def test_reset_states_lets_every_row_start_anew(tiny_elmo, shared_layer, initial_state):
    layer = stateful(tiny_elmo, initial_state=initial_state)
    stateless = shared_layer(initial_state=initial_state)
    first = np.array(layer(A))
    np.testing.assert_allclose(first, stateless(A), atol=1e-5)
    assert np.abs(np.array(layer(A)) - first).max() > 1e-3
    layer.reset_states()
    np.testing.assert_array_equal(layer(A), first)


def test_a_row_goes_on_from_its_own_row_of_the_batch_before(pair):
    together, alone = pair
    together(A)
    second = np.array(together(C))
    for row in range(3):
        alone.reset_states()
        alone([A[row]])
        n = len(C[row])
        np.testing.assert_allclose(
            np.array(alone([C[row]]))[0], second[row, :n], atol=1e-5
        )


def test_a_smaller_batch_leaves_the_states_of_the_other_rows(pair):
    layer, without = pair
    layer(A)
    layer(B)
    third = np.array(layer(C))
    without(A)
    np.testing.assert_allclose(third[1:], without(C)[1:], atol=1e-5)
    assert np.abs(third[0] - np.array(without(C))[0]).max() > 1e-3


def test_an_empty_batch_leaves_all_states(pair):
    layer, without = pair
    layer(A)
    without(A)
    assert layer(tf.zeros([0, 2], tf.string)).shape == (0, 2, 10)
    np.testing.assert_array_equal(layer(C), without(C))


def test_padding_leaves_no_trace_in_the_states(pair):
    layer, padded = pair
    layer(A)
    padded(pad(A, 9))
    np.testing.assert_allclose(layer(C), padded(C), atol=1e-6)


@pytest.mark.slow
def test_a_batch_that_is_too_large_is_refused_and_leaves_the_states(tiny_elmo):
    layer = stateful(tiny_elmo, max_batch_size=3)
    without = stateful(tiny_elmo, max_batch_size=3)
    layer(A)
    without(A)
    with pytest.raises(ValueError, match="`max_batch_size=3`"):
        layer(A + B)
    graph = tf.function(
        layer.__call__, input_signature=[tf.TensorSpec([None, None], tf.string)]
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="`max_batch_size=3`"):
        graph(pad(A + B, 3))
    np.testing.assert_array_equal(layer(C), without(C))


def test_states_are_carried_inside_a_graph(pair):
    eager, in_graph = pair
    run = tf.function(
        in_graph, input_signature=[tf.TensorSpec([None, None], tf.string)]
    )
    for batch in (A, B, C):
        tokens = pad(batch, 3)
        np.testing.assert_allclose(run(tokens), eager(tokens), atol=1e-6)


def one_layer(layer):
    return keras.Sequential([keras.Input((None,), dtype="string"), layer])


def test_predict_carries_states_from_batch_to_batch(pair):
    eager, layer = pair
    expected = np.concatenate([eager(pad(rows, 3)) for rows in (A, C)])
    tokens = tf.concat([pad(A, 3), pad(C, 3)], axis=0)
    got = one_layer(layer).predict(tokens, batch_size=3, verbose=0)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_a_saved_stateful_model_goes_on_where_it_was(pair, tmp_path):
    layer, _ = pair
    model = one_layer(layer)
    layer(A)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    expected = np.array(layer(C))
    np.testing.assert_allclose(again.layers[0](C), expected, atol=1e-6)
    again.layers[0].reset_states()
    layer.reset_states()
    np.testing.assert_allclose(again.layers[0](A), layer(A), atol=1e-6)


def write_hdf5(layer, folder):
    folder.mkdir()
    layer.bilm.options.to_file(folder / "options.json")
    save_hdf5(layer.bilm, folder / "weights.hdf5")


@pytest.mark.parametrize(
    "write", [write_hdf5, pytest.param(export_hub_module, marks=pytest.mark.slow)]
)
def test_what_was_trained_from_a_warm_state_is_read_from_the_same(tmp_path, write):
    source = write_model(tmp_path / "elmo", max_chars=50)
    layer = ElmoEmbeddingLayer(str(source))
    for weight in layer.bilm.weights:  # as fine-tuning would
        weight.assign(1.3 * weight.value)
    write(layer, tmp_path / "tuned")
    again = ElmoEmbeddingLayer(str(tmp_path / "tuned"))
    np.testing.assert_allclose(again(A), layer(A), atol=1e-6)
    zeros = ElmoEmbeddingLayer(str(tmp_path / "tuned"), initial_state="zeros")
    expected = ElmoEmbeddingLayer(str(source), initial_state="zeros")
    expected.bilm.set_weights(layer.bilm.get_weights())
    np.testing.assert_allclose(zeros(A), expected(A), atol=1e-6)
    if write is write_hdf5:
        return
    # A second time, and into the form of the other kind:
    write_hdf5(again, tmp_path / "twice")
    twice = ElmoEmbeddingLayer(str(tmp_path / "twice"))
    np.testing.assert_allclose(twice(A), layer(A), atol=1e-6)
    with h5py.File(tmp_path / "twice" / "weights.hdf5", "r+") as file:
        del file["initial_state"]  # as in a file of before
    warmed = ElmoEmbeddingLayer(str(tmp_path / "twice"))
    assert warmed.encoder.start.are_set()
    assert np.abs(warmed(A) - layer(A)).max() > 1e-4


def test_a_stored_state_of_another_shape_is_named(tmp_path):
    source = write_model(tmp_path / "elmo")
    with h5py.File(source / "weights.hdf5", "r+") as file:
        file["initial_state/RNN_0/Cell0/c"] = np.zeros(3)
    with pytest.raises(WeightsError, match="initial_state/RNN_0/Cell0/c"):
        ElmoEmbeddingLayer(str(source))
