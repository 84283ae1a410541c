"""Words and pairs of words: which numbers a text gets, and what the logits are."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.ngrams import NgramLogits, hash_ngrams
from pipeline.training_data import LabelledTokens

BUCKETS = 2**17


def numbers(*texts):
    """Gives the set of numbers of each text, padding left out."""
    words = tf.ragged.constant([text.split() for text in texts], dtype=tf.string)
    hashed = hash_ngrams(words.to_tensor(""), BUCKETS).numpy()
    return [{*row.tolist()} - {0} for row in hashed]


def test_a_text_has_its_words_and_its_pairs():
    single, pair, both = numbers("good", "film", "good film")
    assert single | pair < both and len(both) == 3
    (turned,) = numbers("film good")
    assert single | pair < turned and turned != both


def test_the_numbers_do_not_depend_on_the_padding():
    (alone,) = numbers("good film")
    assert numbers("good film", "a much longer text than that")[0] == alone


def test_upper_and_lower_case_are_one():
    small, large = numbers("très bien", "TRÈS Bien")
    assert small == large


def test_what_occurs_twice_stands_there_once():
    row = hash_ngrams(tf.constant([["so", "so", "so", "so"]]), BUCKETS).numpy()[0]
    assert row.shape == (7,)
    assert (row > 0).sum() == 2  # so; so so


def test_the_numbers_stay_the_same_for_models_already_pushed():
    row = hash_ngrams(tf.constant([["good", "film"]]), BUCKETS).numpy()
    assert sorted(row[0].tolist()) == [52719, 67306, 105079]


@pytest.mark.parametrize("buckets", [2, 3, 1000])
def test_numbers_are_below_the_buckets(buckets):
    words = tf.constant([[f"word{n}" for n in range(200)]])
    row = hash_ngrams(words, buckets).numpy()
    assert row.min() >= 0 and 0 < row.max() < buckets


def test_a_text_without_a_token_has_no_ngram():
    assert not hash_ngrams(tf.constant([["", ""], ["", ""]]), BUCKETS).numpy().any()


def test_bytes_that_are_no_utf8_have_numbers_too():
    assert hash_ngrams(tf.constant([[b"\xff\xfe"]]), BUCKETS).numpy().all()


def test_logits_are_sums_over_known_ngrams_by_the_root_of_their_number():
    layer = NgramLogits(5, 2)
    ngrams = np.array([[1, 2, 0, 3, 0, 4], [0, 0, 4, 0, 0, 0]], np.int32)
    layer(ngrams)
    layer.table.assign([[100, 100], [1, -1], [2, 0], [4, 1], [100, 100]])
    assert not np.any(layer(ngrams))  # a fresh one knows nothing
    layer.known.assign([1, 1, 1, 1, 0])
    expected = [[3 * (1 + 2 + 4) / 3**0.5, 0.0], [0, 0]]
    np.testing.assert_allclose(layer(ngrams), expected, rtol=1e-6)


def labelled(texts, labels):
    """Gives the texts as training reads them."""
    words, ids = np.unique(" ".join(texts).encode().split(), return_inverse=True)
    lengths = [len(text.split()) for text in texts]
    return LabelledTokens(
        words=np.concatenate([[b""], words]).astype(object),
        word_ids=(ids + 1).astype(np.int32),
        starts=np.cumsum([0, *lengths]),
        labels=np.array(labels, np.int32),
        splits={},
    )


def test_what_two_of_the_training_texts_have_is_known():
    data = labelled(["a good film", "a good play", "good play it is", "it is"], [0] * 4)
    layer = NgramLogits(BUCKETS, 2)
    layer.build((None, None))
    layer.learn_from(data, np.array([0, 1]))
    first = layer.known.numpy()
    assert {*np.flatnonzero(first)} - {0} == numbers("a good")[0]
    layer.learn_from(data, np.array([1, 2]))  # what was known stays so
    also = {*np.flatnonzero(layer.known.numpy())} - {0}
    assert also == numbers("a good")[0] | numbers("good play")[0]


def test_sharing_a_bucket_does_not_make_an_ngram_known():
    data = labelled([f"word{number}" for number in range(60)], [0] * 60)
    layer = NgramLogits(10, 2)
    layer.build((None, None))
    layer.learn_from(data, np.arange(60))
    assert not layer.known.numpy()[1:].any()


def test_a_linear_model_of_words_is_learned():
    labels = np.array([1, 0] * 8)
    data = labelled(["a good film", "a bad film"] * 8, labels)
    ngrams = hash_ngrams(tf.constant(data.tokens(np.arange(16))), 1000).numpy()
    inputs = keras.Input((None,), dtype="int32")
    layer = NgramLogits(1000, 2)
    model = keras.Model(inputs, layer(inputs))
    layer.learn_from(data, np.arange(16))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss)
    model.fit(ngrams, labels, epochs=20, verbose=0)
    assert model.evaluate(ngrams, labels, verbose=0) < 0.1
