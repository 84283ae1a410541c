"""What is a text, what is a token, and what is neither."""

from __future__ import annotations

import logging
import resource

import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tensorflow as tf
from keras import layers

from keras_elmo import ElmoEmbeddingLayer
from keras_elmo.tensors import as_tensor

COLUMN = tf.constant([["New York"], ["Rome"]])
ANY_TIME = tf.TensorSpec([None, None], tf.string)


@pytest.fixture(scope="module")
def elmo(shared_plain_layer):
    return shared_plain_layer()


@pytest.fixture(scope="module")
def of_texts(shared_plain_layer):
    return shared_plain_layer(input_form="texts")


def test_a_row_of_one_token_is_one_token_in_any_batch_and_graph(elmo):
    alone = np.array(elmo(COLUMN))
    assert alone.shape == (2, 1, 10)
    among = elmo([["New York"], ["I", "am"]])
    np.testing.assert_allclose(among[0, :1], alone[0], atol=1e-6)
    graph = tf.function(elmo.__call__, input_signature=[ANY_TIME])
    np.testing.assert_allclose(graph(COLUMN), alone, atol=1e-6)
    for inputs in (
        [["New York"], ["Rome"]],
        tf.ragged.constant([["New York"], ["Rome"]]),
    ):
        np.testing.assert_allclose(elmo(inputs), alone, atol=1e-6)
    model = keras.Sequential([keras.Input((None,), dtype="string"), elmo])
    np.testing.assert_allclose(model.predict(COLUMN, verbose=0), alone, atol=1e-6)


def test_a_column_of_texts_is_one_by_argument(elmo, of_texts):
    expected = elmo(COLUMN[:, 0])  # texts, split at spaces
    assert expected.shape == (2, 2, 10)
    graph = tf.function(of_texts.__call__, input_signature=[ANY_TIME])
    model = keras.Sequential([keras.Input((1,), dtype="string"), of_texts])
    assert model.output_shape == (None, None, 10)
    for got in (of_texts(COLUMN), graph(COLUMN), model.predict(COLUMN, verbose=0)):
        np.testing.assert_allclose(got, expected, atol=1e-6)
    np.testing.assert_array_equal(of_texts.compute_mask(COLUMN), [[1, 1], [1, 0]])
    np.testing.assert_allclose(of_texts(COLUMN[:, 0]), expected, atol=1e-6)


def test_a_text_without_tokens_spoils_no_training(elmo):
    texts = tf.constant(["good film", "", "  "])
    np.testing.assert_array_equal(elmo.compute_mask(texts), [[1, 1], [1, 0], [1, 0]])
    for batch in (texts, tf.constant(["", ""]), tf.constant([["", ""], ["a", ""]])):
        pooled = layers.GlobalAveragePooling1D()(elmo(batch))
        np.testing.assert_array_equal(pooled[int(batch.shape[0] == 3)], np.zeros(10))
        assert np.isfinite(pooled).all()


NO_TOKENS = {
    "lists": [[], []],
    "a ragged tensor": tf.ragged.constant([[], []], tf.string),
    "a tensor": tf.zeros([2, 0], tf.string),
    "lists, made a tensor": as_tensor([[], []]),
    "a column of pandas": pd.Series([[], []]),
    "a column of pyarrow": pa.array([[], []], pa.list_(pa.string())),
}


@pytest.mark.parametrize("rows", NO_TOKENS.values(), ids=NO_TOKENS)
def test_rows_without_tokens_keep_one_step(elmo, shared_plain_layer, rows):
    vectors = elmo(rows)
    np.testing.assert_array_equal(vectors, np.zeros([2, 1, 10]))
    np.testing.assert_array_equal(elmo.compute_mask(rows), [[True], [True]])
    pooled = layers.GlobalAveragePooling1D()(vectors)
    np.testing.assert_array_equal(pooled, np.zeros([2, 10]))
    assert shared_plain_layer(output="layers")(rows).shape == (2, 2, 1, 10)
    assert elmo.compute_output_shape((2, 0)) == (2, 1, 10)


def test_a_batch_without_tokens_spoils_no_training(plain_elmo):
    elmo = ElmoEmbeddingLayer(str(plain_elmo))
    head = [layers.GlobalAveragePooling1D(), layers.Dense(1)]
    model = keras.Sequential([keras.Input((None,), dtype="string"), elmo, *head])
    model.compile("sgd", "mse")
    rows = tf.ragged.constant([["a", "b"], [], ["c"]])
    data = tf.data.Dataset.from_tensor_slices((rows, np.ones(3))).ragged_batch(1)
    model.fit(data, verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_more_columns_are_no_texts(of_texts):
    with pytest.raises(ValueError, match=r"takes texts \(batch,\) or \(batch, 1\)"):
        of_texts([["a", "b"]])
    graph = tf.function(of_texts.__call__, input_signature=[ANY_TIME])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"or \(batch, 1\)"):
        graph(tf.constant([["a", "b"]]))


def test_a_layer_of_tokens_takes_no_texts(shared_plain_layer):
    layer = shared_plain_layer(input_form="tokens")
    assert layer(keras.Input((1,), dtype="string")).shape == (None, 1, 10)
    with pytest.raises(ValueError, match=r"takes tokens \(batch, time\)"):
        layer(["a text"])


def test_an_input_that_may_be_both_is_refused(plain_elmo):
    layer = ElmoEmbeddingLayer(str(plain_elmo))
    with pytest.raises(ValueError, match='say `input_form="texts"` or'):
        keras.Sequential([keras.Input((1,), dtype="string"), layer])


@pytest.mark.parametrize(("time", "form"), [(1, "texts"), (None, None)])
def test_a_model_of_before_reads_what_it_read(plain_elmo, tmp_path, time, form):
    # It had no `input_form`, and took keras.Input((1,)) for texts.
    config = ElmoEmbeddingLayer(str(plain_elmo)).get_config()
    for name in ("input_form", "frozen"):
        del config[name]
    layer = ElmoEmbeddingLayer.from_config(config)
    model = keras.Sequential([keras.Input((time,), dtype="string"), layer])
    assert layer.input_form == form
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again(COLUMN).shape == model(COLUMN).shape == (2, 2 if form else 1, 10)


PADDED = tf.constant(
    [["", "", "dogs", "run"], ["", "cats", "", "sit"], ["a", "", "", ""], [""] * 4]
)
WORDS = [["dogs", "run"], ["cats", "", "sit"], ["a"], []]
PLACES = {  # by `max_sequence_length`: where in each row its tokens come out
    None: [(2, 2), (1, 3), (0, 1), (0, 0)],
    2: [(0, 2), (1, 1), (0, 1), (0, 0)],
    3: [(1, 2), (0, 3), (0, 1), (0, 0)],
    6: [(2, 2), (1, 3), (0, 1), (0, 0)],
}


@pytest.mark.parametrize("length", PLACES)
def test_padding_may_stand_before_the_tokens(plain_elmo, shared_plain_layer, length):
    layer = ElmoEmbeddingLayer(str(plain_elmo), length)
    vectors, mask = layer(PADDED), layer.compute_mask(PADDED)
    assert vectors.shape[1] == mask.shape[1] == (length or 4)
    for row, (start, count) in enumerate(PLACES[length]):
        step = np.arange(mask.shape[1])
        real = (step >= start) & (step < start + count)
        # A row without tokens keeps one step.
        kept = real if count else step == 0
        np.testing.assert_array_equal(mask[row], kept)
        assert not np.array(vectors[row])[~real].any()
        if count:
            alone = shared_plain_layer()([WORDS[row][:count]])[0]
            np.testing.assert_allclose(vectors[row][real], alone, atol=1e-5)


def test_padding_before_the_tokens_changes_no_mean(shared_plain_layer):
    mean = shared_plain_layer(output="default")
    expected = mean([["dogs", "run"], ["cats", "", "sit"]])
    np.testing.assert_allclose(mean(PADDED[:2]), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["texts", "tokens"])
def test_a_long_text_among_short_ones_takes_no_memory_for_padding(
    shared_plain_layer, kind
):
    layer = shared_plain_layer(output="default")
    short, long = 100_000, 3_000  # padded, 2.4 GB for 8 bytes a position
    if kind == "texts":
        inputs = tf.constant(["a b"] * short + ["w " * long])
    else:
        words = ["a", "b"] * short + ["w"] * long
        inputs = tf.RaggedTensor.from_row_lengths(words, [2] * short + [long])
    layer(["a b"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    vectors = layer(inputs)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    whole = shared_plain_layer()
    for row, text in ((0, "a b"), (-1, "w " * long)):
        expected = np.array(whole([text]))[0].mean(axis=0)
        np.testing.assert_allclose(vectors[row], expected, atol=1e-5)
    assert grown < 500_000  # kB


LONG = {
    "texts": tf.constant(["a b", "w " * 1_000_000]),
    "tokens": tf.fill([1, 1_000_000], "w"),
    "ragged tokens": tf.RaggedTensor.from_row_lengths(
        tf.fill([1_000_002], "w"), [2, 1_000_000]
    ),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("inputs", LONG.values(), ids=LONG)
def test_a_text_of_a_million_tokens_is_refused_unless_a_length_is_asked_for(
    shared_plain_layer, inputs
):
    words = (
        "^A text has more than 100,000 tokens: `max_sequence_length` must say [^\n]*$"
    )
    for output in ("elmo", "default"):
        with pytest.raises(ValueError, match=words):
            shared_plain_layer(output=output)(inputs)
    cut = shared_plain_layer(max_sequence_length=3)(inputs)
    np.testing.assert_allclose(
        cut[-1:], shared_plain_layer()([["w", "w", "w"]]), atol=1e-5
    )


def test_a_longer_text_passes_where_its_length_is_asked_for(
    shared_plain_layer, monkeypatch
):
    inputs = tf.constant(["a b c d"])
    expected = shared_plain_layer()(inputs)
    monkeypatch.setattr("keras_elmo.runtime.bounds._MOST_TOKENS", 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="a text has more than"):
        tf.function(shared_plain_layer().__call__, autograph=False)(inputs)
    longer = shared_plain_layer(max_sequence_length=4)
    np.testing.assert_allclose(longer(inputs), expected, atol=1e-6)


@pytest.mark.parametrize("max_tokens", [None, 2])
def test_ragged_rows_are_read_as_padded_ones(shared_plain_layer, max_tokens):
    layer = shared_plain_layer(max_sequence_length=max_tokens)
    rows = [["", "a", "", "b", ""], [], ["", ""], ["c"], ["a", "b", "c", "d"]]
    ragged = tf.ragged.constant(rows)
    padded = ragged.to_tensor("")
    vectors = layer(ragged)
    np.testing.assert_allclose(vectors, layer(padded), atol=1e-6)
    np.testing.assert_array_equal(
        layer.compute_mask(ragged), layer.compute_mask(padded)
    )


MISSING = {
    "None in lists": [["a", "b"], ["a", None]],
    "nan among texts": ["a", float("nan")],
    "an array of objects": np.array([["a", "b"], ["a", None]], object),
    "a column of pandas": pd.Series(["a", None], dtype="string"),
    "a table of pandas": pd.DataFrame({"text": ["a", float("nan")]}),
    "half of a pair of surrogates": ["a", "b\ud800"],
    "such a half among tokens": [["a"], ["b", "\ud800"]],
}


@pytest.mark.parametrize("inputs", MISSING.values(), ids=MISSING)
def test_the_row_of_a_value_that_is_no_text_is_named(elmo, inputs):
    with pytest.raises(
        ValueError, match=r"(None|nan|<NA>|ud800') in row 1, counted"
    ) as error:
        elmo(inputs)
    assert "\n" not in str(error.value)


MASKED = {
    "texts": np.ma.array(["a", "b"], mask=[False, True]),
    "tokens": np.ma.array([["a", "b"], ["c", "d"]], mask=[[0, 0], [0, 1]]),
    "objects": np.ma.array(["a", "b"], mask=[False, True], dtype=object),
    "a column": pd.Series([np.ma.array(["a"]), np.ma.array(["a", "b"], mask=[0, 1])]),
    "rows in a list": [np.ma.array(["a", "b"]), np.ma.array(["a", "b"], mask=[0, 1])],
}


@pytest.mark.parametrize("inputs", MASKED.values(), ids=MASKED)
def test_masked_entries_are_not_read_as_texts(elmo, inputs):
    with pytest.raises(ValueError, match="masked entries.* one in row 1, counted"):
        elmo(inputs)


def test_a_masked_array_without_masked_entries_is_one_like_others(elmo):
    inputs = np.array([["a", "b"], ["c", ""]])
    np.testing.assert_array_equal(elmo(np.ma.array(inputs)), elmo(inputs))


_ROWS = [["The", "cat", "sat"], ["Hello", "you"]]
TOKENS = {
    "arrays": [np.array(row) for row in _ROWS],
    "arrays of objects": [np.array(row, object) for row in _ROWS],
    "tensors": [tf.constant(row) for row in _ROWS],
    "tuples": tuple(map(tuple, _ROWS)),
    "an array of lists": np.array(_ROWS, object),
    "a column of lists": pd.Series(_ROWS),
    "a column of arrays": pd.Series([np.array(row) for row in _ROWS]),
    "a column of pyarrow": pa.array(_ROWS),
    "a column of pandas in Arrow's type": pd.Series(
        _ROWS, dtype=pd.ArrowDtype(pa.list_(pa.string()))
    ),
    "a list and an array": [_ROWS[0], np.array(_ROWS[1])],
}


@pytest.mark.parametrize("rows", TOKENS.values(), ids=TOKENS)
def test_rows_of_tokens_may_be_of_any_kind(elmo, rows):
    expected = elmo(_ROWS)
    np.testing.assert_array_equal(elmo(rows), expected)
    np.testing.assert_array_equal(elmo(as_tensor(rows)), expected)


def test_a_row_of_an_array_that_is_no_token_is_named(elmo):
    with pytest.raises(ValueError, match="None in row 1, counted from 0"):
        elmo([np.array(["a", "b"]), np.array(["c", None], object)])


ARRAYS = {
    "an array of objects": np.array(["a b", "c"], object),
    "a tensor": tf.constant(["a b", "c"]),
    "an array of strings, made one of objects": np.array(["a b", "c"]).astype(object),
    "a column of pandas, made an array": pd.Series(["a b", "c"]).to_numpy(object),
    "a list, made a tensor": as_tensor(["a b", "c"]),
    "an array of strings, made a tensor": as_tensor(np.array(["a b", "c"])),
    "pandas, made a tensor": as_tensor(pd.Series(["a b", "c"], dtype="string")),
}


def test_fit_takes_what_the_page_says(plain_elmo):
    layer = ElmoEmbeddingLayer(str(plain_elmo), output="default")
    model = keras.Sequential([keras.Input((), dtype="string"), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    for texts in ARRAYS.values():
        model.fit(texts, np.zeros(2), verbose=0)


@pytest.mark.parametrize(
    "texts", [np.array(["a b", "c"]), pd.Series(["a b", "c"]), ["a b", "c"]]
)
def test_what_fit_refuses_itself_it_refuses_in_one_line(plain_elmo, texts):
    model = keras.Sequential([ElmoEmbeddingLayer(str(plain_elmo), output="default")])
    model.compile("sgd", "mse")
    with pytest.raises(
        ValueError, match=r"^(Invalid dtype|Unrecognized data type): .*$"
    ):
        model.fit(texts, np.zeros(2), verbose=0)


@pytest.mark.parametrize(("size", "kind"), [(3, ValueError), (None, tf.errors.OpError)])
def test_fit_says_in_the_end_that_a_stateful_layer_lacks_room(plain_elmo, size, kind):
    """Where a batch has a size only as it comes, the error is TensorFlow's."""
    layer = ElmoEmbeddingLayer(
        str(plain_elmo), output="default", stateful=True, max_batch_size=2
    )
    model = keras.Sequential([layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(kind) as caught:
        model.fit(tf.constant(["a"] * 3), np.zeros(3), batch_size=size, verbose=0)
    said = "a stateful ElmoEmbeddingLayer has room for `max_batch_size=2` rows"
    assert said in "".join(str(caught.value).splitlines()[-2:])


@pytest.mark.parametrize(
    "inputs", [tf.constant(["a"] * 3), keras.Input((), 3, "string")]
)
def test_too_many_rows_of_a_stateful_layer_are_refused_in_one_line(plain_elmo, inputs):
    layer = ElmoEmbeddingLayer(str(plain_elmo), stateful=True, max_batch_size=2)
    with pytest.raises(ValueError, match="room for `max_batch_size=2` rows; .*: 3$"):
        layer(inputs)


def test_a_graph_that_xla_would_compile_is_refused_in_one_line(elmo):
    compiled = tf.function(elmo.__call__, jit_compile=True, autograph=False)
    with pytest.raises(ValueError, match="reads strings, which XLA cannot compile\n"):
        compiled(COLUMN)


def test_inputs_of_unknown_rank_are_refused_in_one_line(elmo):
    unknown = tf.function(elmo.__call__, autograph=False)
    with pytest.raises(ValueError, match="inputs whose rank is not known$"):
        unknown.get_concrete_function(tf.TensorSpec(None, tf.string))


def test_a_model_made_for_replicas_is_warned_of(plain_elmo, monkeypatch, caplog):
    layer = ElmoEmbeddingLayer(str(plain_elmo))

    class Strategy:
        num_replicas_in_sync = 2

    layer(keras.Input((), dtype="string"))
    assert not caplog.records
    monkeypatch.setattr(tf.distribute, "get_strategy", Strategy)
    with caplog.at_level(logging.WARNING, "keras_elmo"):
        layer(keras.Input((), dtype="string"))
    assert "make its layers inside, and the model itself outside" in caplog.text


def test_an_item_of_several_lines_is_shown_in_one(elmo):
    with pytest.raises(ValueError, match=r"in row 0, counted") as error:
        elmo(["a", pd.DataFrame({"text": ["a", "b"]}), "b"][1:])
    assert "\n" not in str(error.value)
