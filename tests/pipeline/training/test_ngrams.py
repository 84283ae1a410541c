"""Words and pairs of words: which ids a text gets, and what the logits are."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.training.data import LabelledTokens
from pipeline.training.ngrams import (
    KnownNgramLogits,
    NgramLogits,
    TextNgrams,
    ngram_ids,
)

ROWS = 2**17


def ids(*texts):
    """Returns the set of ids of each text, padding left out."""
    words = tf.ragged.constant([text.split() for text in texts], dtype=tf.string)
    return [{*row.tolist()} - {0} for row in ngram_ids(words.to_tensor("")).numpy()]


def test_a_text_has_its_words_and_its_pairs():
    single, pair, both = ids("good", "film", "good film")
    assert single | pair < both and len(both) == 3
    (turned,) = ids("film good")
    assert single | pair < turned and turned != both


def test_the_ids_do_not_depend_on_the_padding():
    (alone,) = ids("good film")
    assert ids("good film", "a much longer text than that")[0] == alone


def test_padding_is_known_in_arrays_of_bytes_too():
    tokens = np.array([[b"good", b"film", b""]], object)
    assert {*ngram_ids(tokens).numpy()[0].tolist()} - {0} == ids("good film")[0]


def test_upper_and_lower_case_are_one():
    small, large = ids("très bien", "TRÈS Bien")
    assert small == large


def test_what_occurs_twice_has_one_id():
    row = ngram_ids(tf.constant([["so", "so", "so", "so"]])).numpy()[0]
    assert row.shape == (7,)
    assert (row > 0).sum() == 2  # so; so so


def test_the_ids_stay_the_same_for_models_already_pushed():
    assert ids("good film") == [{6489784, 9804332, 11324824}]


def test_a_text_without_a_token_has_no_ngram():
    assert not ngram_ids(tf.constant([["", ""], ["", ""]])).numpy().any()


def test_bytes_that_are_not_utf8_have_ids_too():
    assert ngram_ids(tf.constant([[b"\xff\xfe"]])).numpy().all()


@pytest.mark.parametrize("rows", [2, 3, 1000])
def test_rows_are_those_of_the_table_and_the_first_is_for_padding(rows):
    layer = NgramLogits(rows, 2)
    places = np.array(layer._row(np.array([0, 1, 2, 999, 2**24 - 1], np.int32)))
    assert places[0] == 0 and places[1:].min() >= 1 and places.max() < rows


@pytest.mark.parametrize(
    ("classes", "rows"), [(2, 2**18), (8, 2**18), (9, 2**17), (100, 2**14), (2**21, 2)]
)
def test_many_classes_have_fewer_rows(classes, rows):
    assert NgramLogits(2**18, classes).rows == rows


def test_logits_are_sums_over_known_ngrams_by_the_root_of_their_number():
    layer = NgramLogits(5, 2)
    # In the rows 1, 2, -, 3, -, 4, and 4 alone.
    ngrams = np.array([[4, 1, 0, 2, 0, 3], [0, 0, 3, 0, 0, 0]], np.int32)
    layer(ngrams)
    layer.table.assign([[100, 100], [1, -1], [2, 0], [4, 1], [100, 100]])
    assert not np.any(layer(ngrams))  # a fresh one knows nothing
    layer.known.assign([1, 1, 1, 1, 0])
    expected = [[3 * (1 + 2 + 4) / 3**0.5, 0.0], [0, 0]]
    np.testing.assert_allclose(layer(ngrams), expected, rtol=1e-6)


def labelled(texts, labels):
    """Returns the texts as training reads them."""
    words, ids = np.unique(" ".join(texts).encode().split(), return_inverse=True)
    lengths = [len(text.split()) for text in texts]
    return LabelledTokens(
        words=np.concatenate([[b""], words]).astype(object),
        word_ids=(ids + 1).astype(np.int32),
        starts=np.cumsum([0, *lengths]),
        labels=np.array(labels, np.int32),
        splits={},
    )


def test_the_ngrams_of_texts_are_those_of_each_alone():
    texts = ["so so so", "a good film", "", "a", "a good", "a good film that is long"]
    data = labelled(texts, [0] * 6)
    ngrams = TextNgrams(data)
    for order in ([4, 0, 2, 5, 3, 1], [2], [3, 3]):
        read = ngrams.read(np.array(order))
        assert read.dtype == np.int32
        found = [{*row.tolist()} - {0} for row in read]
        assert found == [
            ids(texts[text])[0] if texts[text] else set() for text in order
        ]
        assert (read > 0).sum(axis=1).tolist() == [len(each) for each in found]
    assert ngrams.read(np.array([2])).shape == (1, 1)


def known_rows(layer):
    return {*np.flatnonzero(layer.known.numpy()).tolist()}


def rows_of(layer, *texts):
    return {int(row) for each in ids(*texts) for row in layer._row(np.array([*each]))}


def test_what_two_of_the_training_texts_have_is_known():
    data = labelled(["a good film", "a good play", "good play it is", "it is"], [0] * 4)
    layer = NgramLogits(ROWS, 2)
    layer.build((None, None))
    layer.adapt(data, np.array([0, 1]))
    assert known_rows(layer) == rows_of(layer, "a good")
    layer.adapt(data, np.array([1, 2]))  # what was known stays so
    assert known_rows(layer) == rows_of(layer, "a good", "good play")


def test_sharing_a_row_does_not_make_an_ngram_known():
    data = labelled([f"word{number}" for number in range(60)], [0] * 60)
    layer = NgramLogits(10, 2)
    layer.build((None, None))
    layer.adapt(data, np.arange(60))
    assert not known_rows(layer)


def test_a_linear_model_of_words_is_learned():
    labels = np.array([1, 0] * 8)
    data = labelled(["a good film", "a bad film"] * 8, labels)
    inputs = keras.Input((None,), dtype="int32")
    layer = NgramLogits(1000, 2)
    model = keras.Model(inputs, layer(inputs))
    layer.adapt(data, np.arange(16))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss)
    ngrams = ngram_ids(data.tokens(np.arange(16))).numpy()
    model.fit(ngrams, labels, epochs=20, verbose=0)
    assert model.evaluate(ngrams, labels, verbose=0) < 0.1


def test_the_table_of_known_ngrams_learns_what_the_whole_one_learns():
    data = labelled(["a good film", "a bad film", "is it good"] * 4, [1, 0, 1] * 4)
    ngrams = TextNgrams(data).read(np.arange(12))
    results = []
    for is_compact in (False, True):
        whole = NgramLogits(1000, 2)
        whole.build((None, None))
        whole.adapt(data, np.arange(8))
        draw = np.random.default_rng(0)
        whole.table.assign(draw.normal(size=(1000, 2)))  # as from an earlier training
        layer = KnownNgramLogits(whole) if is_compact else whole
        inputs = keras.Input((None,), dtype="int32")
        model = keras.Model(inputs, layer(inputs))
        assert len(model.trainable_variables) == 1
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.1), loss, jit_compile=False)
        model.fit(ngrams, data.labels, epochs=5, shuffle=False, verbose=0)
        if is_compact:
            assert layer.table.shape == (len(known_rows(whole)) + 1, 2)
            layer.give_to(whole)
        results.append((np.array(whole.table), np.array(whole(ngrams))))
    for ours, expected in zip(*results, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)
