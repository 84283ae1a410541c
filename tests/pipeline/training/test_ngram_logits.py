"""The regression on words and pairs of words: what it learns, and its logits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse
from scipy.special import log_softmax
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from pipeline.training import ngram_logits as module
from pipeline.training.ngram_logits import NgramLogits
from pipeline.training.ngrams import TextNgrams, ids_in_order, ngram_ids
from pipeline.training.word_vectors import text_vectors
from tests.pipeline.tiny_training import labelled

ROWS = 2**17
ALIKE = np.ones(2)


def ids(*texts):
    """Returns the set of ids of each text, padding left out."""
    words = tf.ragged.constant([text.split() for text in texts], dtype=tf.string)
    return [{*row.tolist()} - {0} for row in ngram_ids(words.to_tensor("")).numpy()]


@pytest.mark.parametrize("rows", [2, 3, 1000])
def test_rows_are_those_of_the_table(rows):
    layer = NgramLogits(rows, 2, word_vectors=False)
    places = np.array(layer._row(np.arange(1, 2000, dtype=np.int32)))
    assert {*places.tolist()} == {*range(min(rows, 2000))}


@pytest.mark.parametrize(
    ("classes", "rows"), [(2, 2**18), (8, 2**18), (9, 2**17), (100, 2**14), (2**21, 2)]
)
def test_many_classes_have_fewer_rows(classes, rows):
    assert NgramLogits(2**18, classes, word_vectors=False).rows == rows


def test_the_inputs_of_a_text_have_length_one():
    layer = NgramLogits(6, 2, word_vectors=False)
    # In the rows 4, 1, -, 2, -, 3, and 3 alone.
    ngrams = np.array([[4, 1, 0, 2, 0, 3], [0, 0, 3, 0, 0, 0]], np.int32)
    assert not np.any(layer(ngrams))  # a fresh one knows nothing
    layer.table.assign([[100, 100], [1, -1], [2, 0], [9, 9], [4, 1], [100, 100]])
    layer.scales.assign([9, 2, 3, 0, 6, 9])
    layer.bias.assign([0.5, 0])
    first = [(2 * 1 + 3 * 2 + 6 * 4) / 7 + 0.5, (-2 + 6) / 7]
    np.testing.assert_allclose(layer(ngrams), [first, [0.5, 0]], rtol=1e-6)


def fitted(data, texts=None, weights=ALIKE, rows=ROWS, word_vectors=False):
    layer = NgramLogits(rows, len(weights), word_vectors=word_vectors)
    layer.build((None, None))
    texts = np.arange(len(data.lengths)) if texts is None else np.array(texts)
    layer.fit(TextNgrams(data), data.labels, texts, weights)
    return layer


def known_rows(layer):
    return {*np.flatnonzero(layer.scales.numpy()).tolist()}


def rows_of(layer, *texts):
    return {int(row) for each in ids(*texts) for row in layer._row(np.array([*each]))}


REVIEWS = ["a good film", "a bad film", "is it good", "bad bad it is", "so bad"] * 4
SENTIMENT = [1, 0, 1, 0, 0] * 4


def test_what_two_of_the_training_texts_have_is_known():
    texts = ["a good film", "a good play", "good play it is", "it is"]
    layer = fitted(labelled(texts, [0, 1, 0, 1]), [0, 1])
    assert known_rows(layer) == rows_of(layer, "a good")


def test_sharing_a_row_does_not_make_an_ngram_known():
    data = labelled([f"word{number}" for number in range(60)], [0, 1] * 30)
    assert not known_rows(fitted(data, rows=10))


@pytest.mark.parametrize("word_vectors", [False, True])
def test_it_is_logistic_regression_on_scaled_ngrams(word_vectors):
    """The same as scikit-learn's, where no word stands twice in a text."""
    texts, labels = REVIEWS[:3] * 5, np.array(SENTIMENT[:3] * 5)
    vectorizer = CountVectorizer(
        ngram_range=(1, 2), min_df=2, binary=True, token_pattern=r"\S+"
    )
    presence = vectorizer.fit_transform(texts).toarray()
    own = [labels == label for label in (0, 1)]
    counts = np.stack([presence[each].sum(axis=0) + 2 * each.mean() for each in own])
    shares = counts / counts.sum(axis=1, keepdims=True)
    inputs = normalize(presence * np.abs(np.log(shares[0] / shares[1])))
    data = labelled(texts, labels)
    if word_vectors:
        own = text_vectors(*TextNgrams(data).of_texts(np.arange(15)))
        inputs = np.concatenate([inputs, own], axis=1)
    model = LogisticRegression(C=module._STRENGTH).fit(inputs, labels)
    expected = model.decision_function(inputs)
    layer = fitted(data, word_vectors=word_vectors)
    logits = layer(ngram_ids(data.tokens(np.arange(15)))).numpy()
    found = logits[:, 1] - logits[:, 0]
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_what_a_class_of_few_texts_never_had_says_little():
    presence = sparse.csr_matrix(np.eye(40, dtype=np.float32)[np.arange(80) % 40])
    labels = np.arange(80) // 40
    before = module._log_count_ratios(presence, labels, 3)
    labels[0] = 2  # the only text of its class
    after = module._log_count_ratios(presence, labels, 3)
    np.testing.assert_allclose(after[1:], before[1:], atol=0.03)


@pytest.mark.parametrize("multi_label", [False, True])
def test_ngrams_are_scaled_by_the_class_that_they_speak_most_for(multi_label):
    presence = sparse.csr_matrix(
        np.array([[1, 0, 1], [1, 0, 1], [0, 1, 1], [0, 0, 1.0]])
    )
    labels = np.array([0, 0, 1, 1])
    if multi_label:
        labels = np.stack([labels == 0, labels == 1], axis=1).astype(np.uint8)
    found = module._log_count_ratios(presence, labels, 2)
    # The counts and one more are 3, 1, 3 of 7 in the first class and 1, 2, 3 of 6.
    np.testing.assert_allclose(np.exp(found), [18 / 7, 14 / 6, 7 / 6], rtol=1e-5)


SPORT = ["football match", "basketball team won", "a match for the team"] * 4
STATE = ["election in parliament", "minister resigned", "parliament voted"] * 4


def test_what_is_learnt_of_words_reaches_words_like_them():
    data = labelled([*SPORT, *STATE, "soccer tournament", "government"], [0] * 26)
    labels = np.array([0] * 12 + [1] * 12 + [0, 1], np.int32)
    data = dataclasses.replace(data, labels=labels)
    for word_vectors in (True, False):
        layer = fitted(data, range(24), word_vectors=word_vectors)
        found = layer.logits(TextNgrams(data), np.arange(24, 26))
        if word_vectors:
            assert found.argmax(axis=1).tolist() == [0, 1]
        else:
            np.testing.assert_array_equal(found[0], found[1])


def test_vectors_count_less_where_there_are_more_texts(monkeypatch):
    data = labelled(SPORT + STATE, [0] * 12 + [1] * 12)
    norms = []
    for few in (24, 6):
        monkeypatch.setattr(module, "_FEW_TEXTS", few)
        norms.append(np.linalg.norm(fitted(data, word_vectors=True).kernel))
    assert norms[1] < 0.6 * norms[0]


@pytest.mark.parametrize("word_vectors", [False, True])
def test_logits_of_stored_ngrams_are_those_of_the_graph(word_vectors):
    data = labelled([*REVIEWS, "", "unknown", "bad bad bad"], [*SENTIMENT, 0, 0, 0])
    # Several n-grams share a row.
    layer = fitted(data, range(20), rows=16, word_vectors=word_vectors)
    order = np.array([22, 3, 20, 0, 21])
    expected = layer(ngram_ids(data.tokens(order))).numpy()
    assert np.abs(expected).max() > 0.1
    found = layer.logits(TextNgrams(data), order)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    layer.scale(2.0)
    np.testing.assert_allclose(layer(ngram_ids(data.tokens(order))), 2 * expected)


@pytest.mark.parametrize("word_vectors", [False, True])
def test_what_each_ngram_adds_sums_up_to_the_logits(word_vectors):
    data = labelled(REVIEWS, SENTIMENT)
    layer = fitted(data, word_vectors=word_vectors)
    tokens = data.tokens(np.arange(5))  # "bad" stands twice in the fourth
    direction = tf.constant([[-0.5, 0.5]] * 5)
    shares = layer.shares(ids_in_order(tokens), direction).numpy()
    logits = (layer(ngram_ids(tokens)) - layer.bias).numpy()
    expected = (logits[:, 1] - logits[:, 0]) / 2
    np.testing.assert_allclose(shares.sum(axis=1), expected, atol=1e-5)
    assert shares[3, 0] == shares[3, 1] != 0


def test_a_class_that_weighs_more_is_found_more_often():
    data = labelled(["a film", "a film", "a film", "a play"] * 5, [0, 0, 1, 1] * 5)
    film = np.array([0])
    margins = []
    for weights in (ALIKE, np.array([1.0, 9.0])):
        logits = fitted(data, weights=weights).logits(TextNgrams(data), film)[0]
        margins.append(logits[1] - logits[0])
    assert margins[0] < 0 < margins[1]


def test_a_class_without_a_text_is_not_found():
    data = labelled(REVIEWS, [2 * label for label in SENTIMENT])
    layer = fitted(data, weights=np.ones(4))
    chances = log_softmax(layer.logits(TextNgrams(data), np.arange(5)), axis=1)
    assert chances.argmax(axis=1).tolist() == [2, 0, 2, 0, 0]
    assert -6 < chances[:, [1, 3]].max() < -4, "the vectors may know better"


@pytest.mark.parametrize("texts", [["a", "b", "c"], ["", "", ""]])
def test_texts_without_a_known_ngram_teach_nothing(texts):
    data = labelled(texts, [0, 1, 1])
    layer = fitted(data)
    assert not known_rows(layer)
    assert not layer.logits(TextNgrams(data), np.arange(3)).any()


def test_labels_of_several_are_learnt_one_by_one():
    rows = [[1, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0]]
    data = labelled(["good old", "bad old", "good bad old"] * 4, [0] * 12)
    data = dataclasses.replace(data, labels=np.array(rows * 4, np.uint8))
    layer = fitted(data, weights=np.ones(4))
    found = layer.logits(TextNgrams(data), np.arange(3))
    np.testing.assert_array_equal(found > 0, np.array(rows) > 0)
    assert np.abs(found[:, 2:]).max() < 8  # of what every, or no, text has


def test_of_too_many_ngrams_some_texts_are_learnt(monkeypatch):
    monkeypatch.setattr(module, "_MOST_NGRAMS", 50)
    data = labelled(REVIEWS, SENTIMENT)
    layer = fitted(data)
    some = layer.logits(TextNgrams(data), np.arange(5))
    again = fitted(data).logits(TextNgrams(data), np.arange(5))
    np.testing.assert_array_equal(some, again)
    monkeypatch.undo()
    every = fitted(data).logits(TextNgrams(data), np.arange(5))
    assert np.abs(every - some).max() > 0.01
