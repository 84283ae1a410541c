"""What the layer learns, and what its gradients are."""

from __future__ import annotations

import functools
import gc
import weakref

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer
from keras_elmo.checkpoints import save_hdf5
from tests.keras_elmo.test_bilm import spell_batch
from tests.keras_elmo.test_scalar_mix import mix_by_hand
from tests.keras_elmo.tiny import read_hdf5

SENTENCES = [["The", "cat", "sat", "unbelievablylong"], ["Hello", "cat"], ["."]]
STEP = 5e-4  # of the finite differences: float32 has no room for a smaller one


def test_the_layers_own_mix_normalises_over_the_tokens_of_the_batch(
    tiny_elmo, shared_layer
):
    normal = ElmoEmbeddingLayer(str(tiny_elmo), mix_layer_norm=True)
    every = np.array(shared_layer(output="layers")(SENTENCES))
    mask = np.array(normal.compute_mask(SENTENCES))
    expected = mix_by_hand(every, np.zeros(3), 1.0, mask)
    np.testing.assert_allclose(normal(SENTENCES), expected, atol=1e-5)


def test_the_penalty_is_the_factor_times_the_squared_mix_weights(
    tiny_elmo, shared_layer
):
    layer = ElmoEmbeddingLayer(str(tiny_elmo), mixes=2, mix_l2=0.5)
    layer.mixes[0].mix_weights.assign([1.0, 2.0, 0.0])
    layer.mixes[1].mix_weights.assign([0.0, 0.0, 3.0])
    layer(SENTENCES)
    assert sum(float(loss) for loss in layer.losses) == 0.5 * (1 + 4 + 9)
    assert not shared_layer().losses


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_the_penalty_on_the_mix_fits_a_loss_in_float32(tiny_elmo, dtype):
    layer = ElmoEmbeddingLayer(
        str(tiny_elmo), output="default", mix_l2=0.1, dtype=dtype
    )
    inputs = keras.Input((), dtype="string")
    outputs = keras.layers.Dense(1, dtype="float32")(layer(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    texts, targets = tf.constant(["a b", "c"]), np.ones((2, 1), np.float32)
    history = model.fit(texts, targets, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert [loss.dtype for loss in model.losses] == [tf.float32]


def test_several_mixes_are_learned_over_one_run(tiny_elmo, shared_layer, monkeypatch):
    layer = ElmoEmbeddingLayer(str(tiny_elmo), mixes=3)
    for number, mix in enumerate(layer.mixes):  # each takes one layer alone
        mix.mix_weights.assign(np.where(np.arange(3) == number, 50.0, 0.0))
    runs = []
    run = layer.encoder.run
    monkeypatch.setattr(layer.encoder, "run", lambda *x: runs.append(1) or run(*x))
    got = layer(SENTENCES)
    every = np.array(shared_layer(output="layers")(SENTENCES))
    assert len(got) == 3
    assert len(runs) == 1
    for number, vectors in enumerate(got):
        np.testing.assert_allclose(vectors, every[:, number], atol=1e-5)
    masks = layer.compute_mask(SENTENCES)
    assert len(masks) == 3
    for mask in (*masks, *(keras.src.backend.get_keras_mask(x) for x in got)):
        assert np.array(mask).sum(axis=1).tolist() == [4, 2, 1]


def test_several_mixes_are_several_tensors_of_a_model(tiny_elmo):
    tokens = keras.Input((None,), dtype="string")
    layer = ElmoEmbeddingLayer(str(tiny_elmo), mixes=2)
    low, high = layer(tokens)
    pool = keras.layers.GlobalAveragePooling1D
    both = keras.layers.Concatenate()([pool()(low), pool()(high)])
    model = keras.Model(tokens, keras.layers.Dense(1)(both))
    model.compile("sgd", "mse")
    before = [mix.get_weights() for mix in layer.mixes]
    model.fit(tf.constant([["a", "b"], ["c", ""]]), np.array([1.0, 0.0]), verbose=0)
    for mix, old in zip(layer.mixes, before, strict=True):
        assert all((a != b).any() for a, b in zip(mix.get_weights(), old, strict=True))


def test_dropout_acts_in_training_only(tiny_elmo, shared_layer):
    keras.utils.set_random_seed(0)
    plain = np.array(shared_layer()(SENTENCES))
    layer = ElmoEmbeddingLayer(str(tiny_elmo), dropout=0.5)
    np.testing.assert_allclose(layer(SENTENCES), plain, atol=1e-6)
    np.testing.assert_allclose(layer(SENTENCES, training=False), plain, atol=1e-6)
    got = np.array(layer(SENTENCES, training=True))
    tokens = np.array(layer.compute_mask(SENTENCES))
    kept = got[tokens] != 0
    assert 0.2 < kept.mean() < 0.8
    np.testing.assert_allclose(got[tokens][kept], 2 * plain[tokens][kept], atol=1e-5)


class Loss:
    """A scalar of all outputs, summed in float64 with fixed random signs."""

    def __init__(self, run):
        self.run = run
        shape = run().shape
        self.factors = np.random.default_rng(1).normal(size=shape)

    def __call__(self):
        return tf.reduce_sum(tf.cast(self.run(), tf.float64) * self.factors)

    def gradients(self, weights):
        with tf.GradientTape() as tape:
            loss = self()
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        return [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


@pytest.fixture(scope="module")
def trainable(tiny_elmo):
    return ElmoEmbeddingLayer(str(tiny_elmo), trainable=True, initial_state="zeros")


@pytest.fixture(scope="module")
def gradients(trainable):
    """Of each weight by its path: the weight, and its gradients in both ways."""
    weights = trainable.trainable_weights
    calling = Loss(lambda: trainable(SENTENCES)).gradients(weights)
    training = Loss(lambda: trainable(SENTENCES, training=True)).gradients(weights)
    each = zip(weights, calling, training, strict=True)
    return {weight.path: (weight, *both) for weight, *both in each}


KINDS = {
    "character embedding": "token_encoder/char_embed",
    "convolution": "token_encoder/W_cnn_1",
    "bias of a convolution": "token_encoder/b_cnn_1",
    "highway": "token_encoder/W_transform_0",
    "carry of a highway": "token_encoder/W_carry_0",
    "bias of a highway": "token_encoder/b_carry_0",
    "projection of tokens": "token_encoder/W_proj",
    "kernel of an LSTM": "forward_lstm/lstm_0/cell/kernel",
    "bias of an LSTM": "backward_lstm/lstm_1/cell/bias",
    "projection of an LSTM": "backward_lstm/lstm_0/cell/projection",
    "mix": "mix/mix_weights",
    "gamma": "mix/gamma",
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_gradients_equal_finite_differences(trainable, gradients, kind):
    (weight, calling, training), *more = (
        value for path, value in gradients.items() if path.endswith(kind)
    )
    assert not more
    loss = Loss(lambda: trainable(SENTENCES))
    start = weight.numpy()
    largest = np.argsort(-np.abs(calling), axis=None)
    for index in {*largest[:3], *largest[len(largest) // 4 :: len(largest) // 2 or 1]}:
        at = np.unravel_index(index, start.shape)
        losses = []
        for sign in (1, -1):
            moved = start.copy()
            moved[at] += sign * STEP
            weight.assign(moved)
            losses.append(float(loss()))
        weight.assign(start)
        slope = (losses[0] - losses[1]) / (2 * STEP)
        for gradient in (calling, training):
            assert gradient[at] == pytest.approx(slope, rel=0.02, abs=0.005), at
    for gradient in (calling, training):
        assert np.abs(gradient).max() > 0.01


def test_gradients_of_packed_sentences_equal_those_of_the_plain_biLM(
    trainable, monkeypatch
):
    monkeypatch.setattr(trainable, "output_name", "layers")
    ids = spell_batch(SENTENCES, trainable.bilm.options.max_chars)
    weights = trainable.bilm.trainable_weights
    plain = Loss(lambda: trainable.bilm(ids)).gradients(weights)
    for training in (False, True):
        packed = Loss(functools.partial(trainable, SENTENCES, training=training))
        for weight, got, expected in zip(
            weights, packed.gradients(weights), plain, strict=True
        ):
            np.testing.assert_allclose(got, expected, atol=1e-5, err_msg=weight.path)
            assert np.abs(expected).max() > 0, weight.path


def test_no_gradient_of_a_frozen_bilm_is_built(shared_layer):
    layer = shared_layer()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(SENTENCES, training=True))
    sources = [v.value for v in (*layer.mix.weights, *layer.bilm.weights)]
    tape_gradients = tape.gradient(loss, sources)
    learned = [gradient is not None for gradient in tape_gradients]
    assert learned == [True, True] + [False] * len(layer.bilm.weights)


def test_weights_go_through_the_layer_bit_for_bit(tiny_elmo, tmp_path):
    rng = np.random.default_rng(2)
    before = {
        name: rng.normal(size=value.shape).astype("float32")
        for name, value in read_hdf5(tiny_elmo / "weights.hdf5").items()
    }
    with h5py.File(tmp_path / "source.hdf5", "w") as file:
        for name, value in before.items():
            file[name] = value
    paths = (str(tiny_elmo / "options.json"), str(tmp_path / "source.hdf5"))
    save_hdf5(ElmoEmbeddingLayer(paths).bilm, tmp_path / "copy.hdf5")
    after = {
        name: value
        for name, value in read_hdf5(tmp_path / "copy.hdf5").items()
        if not name.startswith("initial_state/")  # what other readers skip
    }
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert after[name].dtype == value.dtype
        assert after[name].tobytes() == value.tobytes(), name


@pytest.mark.slow
def test_a_fine_tuned_model_starts_anew_from_its_file(tiny_elmo, tmp_path):
    def make(source):
        return ElmoEmbeddingLayer(source, trainable=True, initial_state="zeros")

    layer = make(str(tiny_elmo))
    model = keras.Sequential([keras.Input((None,), dtype="string"), layer])
    model.add(keras.layers.GlobalAveragePooling1D())
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = np.array(layer(SENTENCES))
    model.fit(tf.constant([["The", "cat"]]), np.ones((1, 10)), verbose=0)
    layer.mix.set_weights([np.zeros(3), np.ones(1)])  # not part of the file
    save_hdf5(layer.bilm, tmp_path / "weights.hdf5")
    again = make((str(tiny_elmo / "options.json"), str(tmp_path / "weights.hdf5")))
    np.testing.assert_array_equal(again(SENTENCES), layer(SENTENCES))
    assert np.abs(before - np.array(layer(SENTENCES))).max() > 1e-3


@pytest.mark.slow
def test_nothing_of_a_fitted_layer_stays_when_its_model_is_deleted(plain_elmo):
    # TensorFlow keeps the graph of a custom gradient for ever: no weights may hang on.
    layer = ElmoEmbeddingLayer(str(plain_elmo), output="default", trainable=True)
    model = keras.Sequential([keras.Input((), dtype="string"), layer])
    model.compile("adam", "mse")
    model.fit(tf.constant(["a b", "c"]), np.zeros((2, 10)), verbose=0)
    left = {part.path: weakref.ref(part) for part in layer._flatten_layers()}
    assert len(left) > 10
    del model, layer
    gc.collect()
    assert [path for path, part in left.items() if part() is not None] == []
