"""The layer in models of every form, with the layers that come after it."""

from __future__ import annotations

import operator
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_elmo import ElmoEmbeddingLayer
from keras_elmo.checkpoints import save_hdf5
from tests.keras_elmo.saved_before import make as saved_before

TOKENS = tf.constant([["The", "cat", "sat", "."], ["Hello", "you", "", ""]])
PADDED = tf.pad(TOKENS, [[0, 0], [0, 3]], constant_values="")
TEXTS = tf.constant(["The cat sat .", "Hello  you"])
LABELS = np.array([[0.0], [1.0]])


def make(source, **options):
    return ElmoEmbeddingLayer(str(source), initial_state="zeros", **options)


def sequential(elmo, shape):
    inputs = keras.Input(shape, dtype="string")
    return keras.Sequential(
        [inputs, elmo, layers.GlobalAveragePooling1D(), layers.Dense(1)]
    )


def functional(elmo, shape):
    inputs = keras.Input(shape, dtype="string")
    pooled = layers.GlobalAveragePooling1D()(elmo(inputs))
    return keras.Model(inputs, layers.Dense(1)(pooled))


class Subclassed(keras.Model):
    def __init__(self, elmo):
        super().__init__()
        self.elmo = elmo
        self.pool = layers.GlobalAveragePooling1D()
        self.head = layers.Dense(1)

    def call(self, inputs):
        return self.head(self.pool(self.elmo(inputs)))


def without_input(elmo, _):
    return keras.Sequential([elmo, layers.GlobalAveragePooling1D(), layers.Dense(1)])


MODELS = {
    "sequential": sequential,
    "sequential without Input": without_input,
    "functional": functional,
    "subclassed": lambda elmo, _: Subclassed(elmo),
}
INPUTS = {"tokens": ((None,), TOKENS), "texts": ((), TEXTS)}
CASES = [
    pytest.param("functional", "tokens", marks=pytest.mark.slow),
    ("sequential without Input", "tokens"),
    pytest.param("sequential", "tokens", marks=pytest.mark.slow),
    pytest.param("subclassed", "tokens", marks=pytest.mark.slow),
    pytest.param("functional", "texts", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("form", "kind"), CASES)
def test_a_model_of_any_form_learns_and_predicts(plain_elmo, form, kind):
    keras.utils.set_random_seed(1)
    elmo = make(plain_elmo)
    shape, inputs = INPUTS[kind]
    model = MODELS[form](elmo, shape)
    model.compile(keras.optimizers.Adam(0.05), "mse")
    losses = model.fit(inputs, LABELS, epochs=11, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    predicted = model.predict(inputs, verbose=0)
    head = model.layers[-1]
    vectors = np.array(elmo(TOKENS))
    means = np.stack([vectors[0].mean(axis=0), vectors[1, :2].mean(axis=0)])
    np.testing.assert_allclose(predicted, np.array(head(means)), atol=1e-5)


FOLLOWERS = {
    "GlobalAveragePooling1D": [layers.GlobalAveragePooling1D()],
    "LSTM": [layers.LSTM(3)],
    "GRU": [layers.GRU(3)],
    "Bidirectional": [layers.Bidirectional(layers.LSTM(3))],
    "Dense, then pooling": [
        layers.Dense(3, activation="tanh"),
        layers.GlobalAveragePooling1D(),
    ],
    "Dropout, then LSTM": [layers.Dropout(0.5), layers.LSTM(3)],
}


@pytest.mark.slow
def test_what_follows_sees_no_padding(shared_plain_layer):
    inputs = keras.Input((None,), dtype="string")
    vectors = shared_plain_layer(initial_state="zeros")(inputs)
    outputs = {}
    for name, follow in FOLLOWERS.items():
        outputs[name] = vectors
        for layer in follow:
            outputs[name] = layer(outputs[name])
    model = keras.Model(inputs, outputs)
    expected = model.predict(TOKENS, verbose=0)
    padded = model.predict(PADDED, verbose=0)
    alone = model.predict(TOKENS[1:, :2], verbose=0)
    for name, values in expected.items():
        np.testing.assert_allclose(padded[name], values, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(alone[name], values[1:], atol=1e-5, err_msg=name)


def attend(x):
    return layers.MultiHeadAttention(2, 3)(x, x)


ATTENTIONS = [
    {
        "Attention": lambda x: layers.Attention()([x, x]),
        "AdditiveAttention": lambda x: layers.AdditiveAttention()([x, x]),
    },
    # By itself: Keras takes the mask from the two above, of an Embedding, too.
    {"MultiHeadAttention": attend},
]


@pytest.mark.parametrize("attentions", ATTENTIONS, ids=["plain", "multi-head"])
def test_attention_pays_none_to_padding(shared_plain_layer, attentions):
    inputs = keras.Input((None,), dtype="string")
    vectors = shared_plain_layer(initial_state="zeros")(inputs)
    outputs = {name: attention(vectors) for name, attention in attentions.items()}
    model = keras.Model(inputs, outputs)
    expected = model.predict(TOKENS, verbose=0)
    padded = model.predict(PADDED, verbose=0)
    for name, (whole, short) in expected.items():
        np.testing.assert_allclose(padded[name][0, :4], whole, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(
            padded[name][1, :2], short[:2], atol=1e-5, err_msg=name
        )


def test_attention_takes_the_mask_from_nothing_else(plain_elmo, tmp_path):
    """Keras's multi-head attention takes it off the tensors that it gets."""
    inputs = keras.Input((), dtype="string")
    vectors, mixed = make(plain_elmo, mixes=2, input_form="texts")(inputs)
    pool = layers.GlobalAveragePooling1D
    residual = layers.LayerNormalization()(layers.Add()([vectors, attend(vectors)]))
    outputs = {
        "residual": pool()(residual),
        "pooled": pool()(vectors),
        "recurrent": layers.GRU(3)(vectors),
        "of the other mix": layers.Bidirectional(layers.GRU(3))(mixed),
    }
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    saved = keras.models.load_model(tmp_path / "model.keras")
    expected = model.predict(TEXTS, verbose=0)
    for each in (model, saved, keras.models.clone_model(model)):
        together = each.predict(TEXTS, verbose=0)
        alone = each.predict(TEXTS[1:], verbose=0)
        for name, values in together.items():
            np.testing.assert_allclose(alone[name], values[1:], atol=1e-5, err_msg=name)
        if each is saved:
            for name, values in together.items():
                np.testing.assert_allclose(values, expected[name], atol=1e-6)


def test_a_model_that_is_read_back_can_be_built_upon(plain_elmo, tmp_path):
    inputs = keras.Input((), dtype="string")
    elmo = make(plain_elmo, name="elmo", input_form="texts")
    keras.Model(inputs, layers.GRU(3)(elmo(inputs))).save(tmp_path / "model.keras")
    keras.backend.clear_session()
    model = keras.models.load_model(tmp_path / "model.keras")
    pooled = layers.GlobalAveragePooling1D()(model.get_layer("elmo").output)
    again = layers.GlobalAveragePooling1D()(model.get_layer("elmo")(model.input))
    more = keras.Model(model.input, [*model.outputs, pooled, again])
    _, first, second = more.predict(TEXTS, verbose=0)
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_the_mask_says_where_the_tokens_are_in_every_form_of_input(shared_plain_layer):
    elmo = shared_plain_layer(initial_state="zeros")
    for inputs in (TOKENS, TEXTS, [["a", "b", "c", "d"], ["e", "f"]]):
        mask = keras.src.backend.get_keras_mask(elmo(inputs))
        assert np.array(mask).sum(axis=1).tolist() == [4, 2]


def test_a_cloned_model_computes_the_same_with_the_same_weights(plain_elmo):
    model = sequential(make(plain_elmo, trainable=True), (None,))
    clone = keras.models.clone_model(model)
    assert clone.layers[0] is not model.layers[0]
    assert clone.layers[0].get_config() == model.layers[0].get_config()
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(
        clone.predict(TOKENS, verbose=0), model.predict(TOKENS, verbose=0), atol=1e-6
    )


def test_the_layers_configuration_holds_plain_values(plain_elmo, tmp_path):
    # Keras watches a layer's lists, and a copy of one would be a copy of the layer.
    pair = [str(plain_elmo / name) for name in ("options.json", "weights.hdf5")]
    elmo = ElmoEmbeddingLayer(pair, output="default", vocabulary=["cat", "you"])
    assert type(elmo.get_config()["vocabulary"]) is list
    assert type(elmo.get_config()["source"]) is list
    model = keras.Sequential([keras.Input((None,), dtype="string"), elmo])
    model.save(tmp_path / "model.h5")
    again = keras.models.load_model(tmp_path / "model.h5")
    assert again.layers[0].vocabulary == ["cat", "you"]
    for mine, saved in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, saved)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_paths_and_numpys_numbers_are_saved_like_plain_ones(
    plain_elmo, tmp_path, ending
):
    elmo = ElmoEmbeddingLayer(
        (plain_elmo / "options.json", plain_elmo / "weights.hdf5"),
        max_sequence_length=np.int64(3),
        mixes=np.int32(2),
        mix_layer_norm=np.True_,
        mix_l2=np.float32(0.5),
        dropout=np.float32(0.5),
        stateful=np.True_,
        max_batch_size=np.int16(4),
        trainable_mix=np.True_,
    )
    inputs = keras.Input((), dtype="string")
    model = keras.Model(inputs, elmo(inputs))
    model.save(tmp_path / f"model.{ending}")
    model.to_json()
    again = keras.models.load_model(tmp_path / f"model.{ending}").layers[1]
    config = elmo.get_config()
    assert again.get_config() == config
    kinds = (str, int, float, bool, list, dict, type(None))
    assert {type(value) for value in config.values()} <= set(kinds)


def test_two_layers_of_one_model_share_no_name(plain_elmo, tmp_path):
    elmos = [make(plain_elmo, output="default", trainable=True) for _ in range(2)]
    inputs = keras.Input((None,), dtype="string")
    model = keras.Model(inputs, layers.Add()([elmo(inputs) for elmo in elmos]))
    assert len({weight.path for weight in model.weights}) == len(model.weights)
    model.compile("adam", keras.losses.MeanSquaredError())
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.h5")  # the optimizer's variables stand there by name


@pytest.mark.parametrize("ending", ["weights.h5", "h5", "keras"])
def test_two_layers_of_one_name_get_back_their_own_weights(
    plain_elmo, tmp_path, ending
):
    def nested():
        inputs = keras.Input((None,), dtype="string")
        models = [
            keras.Sequential(
                [inputs, make(plain_elmo, output="default", name="same")], name=name
            )
            for name in ("one", "other")
        ]
        return keras.Model(inputs, [model(inputs) for model in models])

    model = nested()
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.normal(size=w.shape) for w in model.get_weights()])
    path = tmp_path / f"model.{ending}"
    if ending == "weights.h5":
        model.save_weights(path)
        again = nested()
        again.load_weights(path)
    else:
        model.save(path)
        again = keras.models.load_model(path)
    for got, expected in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)
    one, other = again(TOKENS)
    assert np.abs(one - other).max() > 1e-3


@pytest.mark.slow
def test_a_weights_file_or_a_checkpoint_brings_back_what_was_learned(
    plain_elmo, tmp_path
):
    model = sequential(make(plain_elmo, trainable=True), (None,))
    model.compile("adam", "mse")
    model.fit(TOKENS, LABELS, epochs=2, verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    again = sequential(make(plain_elmo, trainable=True), (None,))
    assert np.abs(again.predict(TOKENS, verbose=0) - model(TOKENS)).max() > 1e-4
    again.load_weights(tmp_path / "model.weights.h5")
    for new, old in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)
    np.testing.assert_allclose(again.predict(TOKENS, verbose=0), model(TOKENS), 1e-5)
    # Keras hides from TensorFlow what layers keep in lists: nearly all of ELMo.
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "checkpoint"))
    for weight in again.weights:
        weight.assign(keras.ops.zeros_like(weight))
    tf.train.Checkpoint(model=again).read(path).expect_partial()
    for new, old in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize(
    "part", ["bilm", "bilm.token_encoder", "bilm.forward_lstm"], ids=str
)
def test_a_checkpoint_of_a_part_holds_all_of_it(tiny_elmo, tmp_path, part):
    whole, again = (operator.attrgetter(part)(make(tiny_elmo)) for _ in range(2))
    whole.set_weights([weight + 1 for weight in whole.get_weights()])
    path = tf.train.Checkpoint(part=whole).write(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(part=again).read(path).assert_consumed()
    for new, old in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


def test_weights_with_a_warm_state_leave_zeros_at_zeros(plain_elmo, tmp_path):
    warm = ElmoEmbeddingLayer(str(plain_elmo))
    layer = make(plain_elmo)
    before = layer(TOKENS)
    assert np.abs(before - warm(TOKENS)).max() > 1e-4
    layer.set_weights(warm.get_weights())
    np.testing.assert_allclose(layer(TOKENS), before, atol=1e-6)
    keras.Sequential([layer]).save(tmp_path / "cold.keras")
    again = keras.models.load_model(tmp_path / "cold.keras")
    np.testing.assert_allclose(again(TOKENS), before, atol=1e-6)
    save_hdf5(layer.bilm, tmp_path / "weights.hdf5")
    paths = (str(plain_elmo / "options.json"), str(tmp_path / "weights.hdf5"))
    again = ElmoEmbeddingLayer(paths, initial_state="zeros")
    np.testing.assert_allclose(again(TOKENS), before, atol=1e-6)


FULL = {"mixes": 2, "mix_layer_norm": True, "dropout": 0.1, "max_sequence_length": 3}


def test_a_saved_model_keeps_every_argument(plain_elmo, tmp_path):
    elmo = make(plain_elmo, output="default", **FULL)
    inputs = keras.Input((None,), dtype="string")
    model = keras.Model(inputs, elmo(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.layers[1].get_config() == elmo.get_config()
    for got, expected in zip(again(TOKENS), model(TOKENS), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_a_file_saved_by_an_earlier_version_is_read(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # its source is not there
    folder = Path(saved_before.__file__).parent
    model = keras.models.load_model(folder / "model.keras")
    config = model.layers[1].get_config()
    assert {name: config[name] for name in saved_before.ARGUMENTS} == (
        saved_before.ARGUMENTS
    )
    with np.load(folder / "outputs.npz") as outputs:
        for got, name in zip(
            model(tf.constant(saved_before.TOKENS)), outputs, strict=True
        ):
            np.testing.assert_allclose(got, outputs[name], atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"stateful": True, "max_batch_size": 2}])
def test_a_call_with_lent_weights_has_these_and_the_next_its_own(tiny_elmo, options):
    elmo, other = (make(tiny_elmo, trainable=True, **options) for _ in range(2))
    elmo.build()
    expected = make(tiny_elmo, **options)(TEXTS)
    halves = [each.value * 0.5 for each in elmo.trainable_variables]
    rest = [each.value for each in elmo.non_trainable_variables]
    lent, states = elmo.stateless_call(halves, rest, TEXTS)
    np.testing.assert_allclose(elmo(TEXTS), expected, atol=1e-6)
    other.build()
    for variable, half in zip(other.trainable_variables, halves, strict=True):
        variable.assign(half)
    np.testing.assert_allclose(lent, other(TEXTS), atol=1e-6)
    assert np.abs(lent - expected).max() > 0.1
    for after, state in zip(other.non_trainable_variables, states, strict=True):
        np.testing.assert_allclose(after, state, atol=1e-6)
