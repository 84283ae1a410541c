"""The layer where data come and go: pipelines, exports, replicas, odd inputs."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_elmo import ElmoEmbeddingLayer
from tests.keras_elmo.reference import ReferenceBiLM

SENTENCES = [["The", "cat", "sat", "."], ["Hello", "you"], [], ["café"]]
PADDED = tf.ragged.constant(SENTENCES, tf.string).to_tensor("")


@pytest.fixture(scope="module")
def elmo(tiny_elmo):
    return ElmoEmbeddingLayer(str(tiny_elmo), initial_state="zeros")


@pytest.fixture(scope="module")
def reference(tiny_elmo):
    return ReferenceBiLM(tiny_elmo / "options.json", tiny_elmo / "weights.hdf5")


def one_layer(elmo, shape=(None,)):
    return keras.Sequential([keras.Input(shape, dtype="string"), elmo])


def test_the_layer_maps_a_dataset_of_batches_of_any_length(elmo):
    batches = [[["a", "b"], ["c", ""]], [["d"]], [["e", "f", "g"]], [["", ""]]]
    dataset = tf.data.Dataset.from_generator(
        lambda: (tf.constant(batch) for batch in batches),
        output_signature=tf.TensorSpec([None, None], tf.string),
    )
    found = list(dataset.map(elmo, num_parallel_calls=2).as_numpy_iterator())
    assert len(found) == len(batches)
    for got, batch in zip(found, batches, strict=True):
        np.testing.assert_allclose(got, elmo(batch), atol=1e-5)


def test_a_dataset_of_ragged_batches_is_mapped(elmo):
    ragged = tf.ragged.constant(SENTENCES, tf.string)
    dataset = tf.data.Dataset.from_tensor_slices(ragged).ragged_batch(4).map(elmo)
    np.testing.assert_allclose(next(iter(dataset)), elmo(PADDED), atol=1e-6)


@pytest.mark.parametrize("write", ["export", "saved_model"])
@pytest.mark.parametrize("kind", ["tokens", "texts"])
def test_a_model_is_served_by_plain_tensorflow(elmo, tmp_path, write, kind):
    inputs = PADDED if kind == "tokens" else tf.constant(["The cat", "", "café"])
    model = one_layer(elmo, inputs.shape[1:] if kind == "texts" else (None,))
    if write == "export":
        model.export(str(tmp_path / "model"), verbose=False)
        loaded = tf.saved_model.load(str(tmp_path / "model"))  # kept: it owns the rest
        served = loaded.serve
    else:
        tf.saved_model.save(model, str(tmp_path / "model"))
        loaded = tf.saved_model.load(str(tmp_path / "model"))
        signature = loaded.signatures["serving_default"]
        (name,) = signature.structured_input_signature[1]

        def served(x):
            (output,) = signature(**{name: x}).values()
            return output

    np.testing.assert_allclose(served(inputs), elmo(inputs), atol=1e-5)
    assert served(inputs[:0]).shape[0] == 0


REPLICAS = """
import sys, keras, numpy as np, tensorflow as tf
cpu, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(2)])
from keras_elmo import ElmoEmbeddingLayer
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
with strategy.scope():
    keras.utils.set_random_seed(0)
    elmo = ElmoEmbeddingLayer(sys.argv[1], trainable=True, initial_state="zeros")
    model = keras.Sequential([keras.Input((None,), dtype="string"), elmo,
        keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)])
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(model.trainable_variables)
tokens = tf.constant([["a", "b"], ["c", ""], ["d", "e"], ["f", ""]])
data = tf.data.Dataset.from_tensor_slices((tokens, np.arange(4.0)[:, None])).batch(4)

def step(x, y):
    with tf.GradientTape() as tape:
        error = model(x, training=True) - tf.cast(y, tf.float32)
        loss = tf.reduce_sum(tf.square(error)) / 4
    variables = model.trainable_variables
    gradients = tape.gradient(loss, [v.value for v in variables])
    optimizer.apply_gradients(zip(gradients, variables))

@tf.function
def run(batch):
    strategy.run(step, args=batch)

for batch in strategy.experimental_distribute_dataset(data):
    assert [len(x) for x in strategy.experimental_local_results(batch[0])] == [2, 2]
    run(batch)
for weight in elmo.bilm.trainable_variables + model.layers[-1].trainable_variables:
    copies = [np.array(copy) for copy in strategy.experimental_local_results(
        weight.value)]
    assert len(copies) == 2, weight.path
    np.testing.assert_array_equal(*copies)
np.savez(sys.argv[2], *model.get_weights())

with strategy.scope():
    keras.utils.set_random_seed(0)
    elmo = ElmoEmbeddingLayer(sys.argv[1], output="default", initial_state="zeros")
    head = keras.layers.Dense(1)
    head.build((None, elmo.dim))
model = keras.Sequential([keras.Input((None,), dtype="string"), elmo, head])
with strategy.scope():
    model.compile(keras.optimizers.SGD(0.1, momentum=0.5), "mse")
    model.optimizer.build(model.trainable_variables)
    model.fit(tokens, np.arange(4.0)[:, None], batch_size=4, verbose=0)
np.savez(sys.argv[3], *model.get_weights())
"""


@pytest.mark.slow
def test_replicas_learn_together_what_one_device_learns(
    plain_elmo, tmp_path, repository
):
    arguments = [str(plain_elmo)]
    arguments += [str(tmp_path / name) for name in ("weights.npz", "fit.npz")]
    subprocess.run(
        [sys.executable, "-c", REPLICAS, *arguments], cwd=repository, check=True
    )
    keras.utils.set_random_seed(0)
    alone = ElmoEmbeddingLayer(str(plain_elmo), trainable=True, initial_state="zeros")
    model = one_layer(alone)
    model.add(layers.GlobalAveragePooling1D())
    model.add(layers.Dense(1))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    tokens = tf.constant([["a", "b"], ["c", ""], ["d", "e"], ["f", ""]])
    model.train_on_batch(tokens, np.arange(4.0)[:, None])
    assert_same_weights(arguments[1], model)
    # And by fit(), with a model that is made outside of the strategy's scope.
    keras.utils.set_random_seed(0)
    alone = ElmoEmbeddingLayer(str(plain_elmo), output="default", initial_state="zeros")
    model = one_layer(alone)
    model.add(layers.Dense(1))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.train_on_batch(tokens, np.arange(4.0)[:, None])
    assert_same_weights(arguments[2], model)


def assert_same_weights(file, model):
    found = np.load(file)
    for name, weight in zip(found.files, model.get_weights(), strict=True):
        np.testing.assert_allclose(found[name], weight, atol=1e-5)


EMPTY = {
    "no texts": [],
    "one row without tokens": [[]],
    "rows without tokens": [[], []],
    "an array without rows": np.zeros((0, 3), "U1"),
    "an array without columns": np.zeros((2, 0), "U1"),
    "a ragged tensor without rows": tf.ragged.constant([], tf.string, ragged_rank=1),
}


@pytest.mark.parametrize("inputs", EMPTY.values(), ids=EMPTY)
def test_nothing_gives_nothing(elmo, inputs):
    got = elmo(inputs)
    assert got.shape[0] == (
        len(inputs) if isinstance(inputs, list) else inputs.shape[0]
    )
    assert got.shape[2] == 10
    assert not np.array(got).any()


UNUSUAL = {
    "longer than the room for characters": "x" * 200,
    "cut within a character": "ab" + "é" * 40,
    "emoji and joiners": "👩‍👩‍👧",
    "combining marks": "e\u0301",
    "right to left": "שלום",
    "a zero byte": "a\0b",
    "a space within": "New York",
    "a private character": "\U0010ffff",
}


@pytest.mark.parametrize("token", UNUSUAL.values(), ids=UNUSUAL)
def test_any_token_is_read_by_its_bytes(shared_layer, reference, token):
    layer = shared_layer(output="layers", initial_state="zeros")
    sentence = ["The", token, "."]
    expected, _ = reference.layers(sentence)
    np.testing.assert_allclose(layer([sentence])[0], expected, atol=1e-5)


def batches():
    rng = np.random.default_rng(3)
    for rows, time in rng.integers(1, 9, (10, 2)):
        yield tf.constant(rng.choice(["a", "bb", "café"], (rows, time + 1)))


def test_predict_is_not_traced_again_for_other_lengths_and_sizes(
    tiny_elmo, monkeypatch
):
    layer = ElmoEmbeddingLayer(str(tiny_elmo), initial_state="zeros")
    traces = []
    run = layer.encoder._run
    monkeypatch.setattr(layer.encoder, "_run", lambda *x: traces.append(1) or run(*x))
    dataset = tf.data.Dataset.from_generator(
        batches, output_signature=tf.TensorSpec([None, None], tf.string)
    )
    model = one_layer(layer)
    model.add(layers.GlobalAveragePooling1D())
    for _ in range(2):
        model.predict(dataset, verbose=0)
    assert len(traces) <= 2  # Keras traces the first shape, and then any


def test_eager_calls_share_one_graph(tiny_elmo):
    layer = ElmoEmbeddingLayer(str(tiny_elmo), initial_state="zeros")
    for tokens in batches():
        layer(tokens)
    assert layer.encoder._compiled[False].experimental_get_tracing_count() == 1
