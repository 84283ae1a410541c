"""The vectors of words: what the project has, and what becomes of a text."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from pipeline.training import word_vectors as module
from pipeline.training.ngrams import (
    NUM_IDS,
    TextNgrams,
    hashed,
    ids_in_order,
    ngram_ids,
)
from pipeline.training.word_vectors import (
    VECTORS_FILE,
    TextVectors,
    stored_vectors,
    text_vectors,
)
from tests.pipeline.tiny_training import labelled

TEXTS = ["the football match", "soccer soccer soccer", "", "zzqx", "the . , the", "tax"]


def vector_of(word):
    """Returns the vector of a word, of length 1."""
    stored = stored_vectors()
    (place,) = np.flatnonzero(stored["ids"] == hashed([word]).numpy()[0])
    vector = stored["vectors"][place].astype(np.float32)
    return vector / np.linalg.norm(vector)


def test_the_stored_ids_are_those_of_ngrams():
    stored = stored_vectors()
    assert (np.diff(stored["ids"]) > 0).all()
    assert stored["ids"][0] > 0 and stored["ids"][-1] < NUM_IDS
    assert stored["vectors"].dtype == np.int8
    assert len(stored["ids"]) == len(stored["vectors"]) == len(stored["scales"])
    assert (stored["scales"] > 0).all()


def test_words_of_a_topic_are_near_each_other():
    football, soccer, tax = (vector_of(each) for each in ("football", "soccer", "tax"))
    assert football @ soccer > 0.5 > 0.3 > football @ tax


def test_a_damaged_file_is_refused(monkeypatch, tmp_path):
    damaged = tmp_path / "word_vectors.npz"
    damaged.write_bytes(VECTORS_FILE.read_bytes()[:-1])
    monkeypatch.setattr(module, "VECTORS_FILE", damaged)
    stored_vectors.cache_clear()
    with pytest.raises(OSError, match="word_vectors.npz is damaged"):
        stored_vectors()


def test_vectors_of_a_text_are_the_same_in_the_graph_and_from_stored_ids():
    data = labelled(TEXTS, [0] * len(TEXTS))
    order = np.arange(len(TEXTS))
    found = TextVectors()(ngram_ids(data.tokens(order))).numpy()
    expected = text_vectors(*TextNgrams(data).of_texts(order))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    lengths = np.linalg.norm(found, axis=1)
    assert lengths[[2, 3]].tolist() == [0, 0]
    assert lengths[[0, 1, 5]].min() > 0.7 and lengths.max() < 1
    assert lengths[4] < 0.3, "articles and full stops say little"


def test_a_word_counts_once():
    data = labelled(["soccer", "soccer soccer"], [0, 0])
    once, twice = TextVectors()(ngram_ids(data.tokens(np.arange(2)))).numpy()
    np.testing.assert_allclose(once, twice, atol=1e-6)


def test_shares_of_words_sum_up_to_a_linear_function():
    layer = TextVectors()
    ids = ids_in_order(tf.constant([["the", "soccer", "soccer", "tax"], [""] * 4]))
    times = tf.constant([[1.0, 2, 2, 1, 1, 1, 1], [1] * 7])
    kernel = np.random.default_rng(0).normal(size=(2, layer.dim)).astype(np.float32)
    outputs = layer(ngram_ids(tf.constant([["the", "soccer", "tax"], [""] * 3])))
    found = layer.shares(ids, times, kernel).numpy()
    # "the soccer" and "soccer tax" are no words, nor is "soccer soccer" one.
    np.testing.assert_allclose(
        found.sum(axis=1), (outputs * kernel).numpy().sum(axis=1)
    )
    assert found[0, 1] == found[0, 2] != 0
