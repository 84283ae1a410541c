"""Words and pairs of words: which ids a text gets."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from pipeline.training.ngrams import TextNgrams, ngram_ids
from tests.pipeline.tiny_training import labelled


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


def test_the_ngrams_of_texts_are_those_of_each_alone():
    texts = ["so so so", "a good film", "", "a", "a good", "a good film that is long"]
    data = labelled(texts, [0] * 6)
    ngrams = TextNgrams(data)
    for order in ([4, 0, 2, 5, 3, 1], [2], [3, 3]):
        found, starts = ngrams.of_texts(np.array(order))
        assert found.dtype == np.int32 and len(starts) == len(order) + 1
        for place, text in enumerate(order):
            own = found[starts[place] : starts[place + 1]].tolist()
            expected = ids(texts[text])[0] if texts[text] else set()
            assert len(own) == len(expected) and {*own} == expected
