"""What holds for any text, by hypothesis, against the plain numpy reference."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_elmo import ElmoEmbeddingLayer
from keras_elmo.characters import spell_tokens
from keras_elmo.runtime.words import spell
from keras_elmo.tensors import as_tensor, as_tokens
from tests.keras_elmo.reference import ReferenceBiLM

# Lone surrogates are no Unicode text: nothing can encode them.
letters = st.characters(exclude_categories=["Cs"])
words = st.one_of(
    st.text(letters, min_size=1, max_size=8),
    st.text(letters, min_size=40, max_size=70),
    st.sampled_from(["<S>", "</S>", "<UNK>", "The", ".", " ", "\t"]),
)
sentences = st.lists(st.lists(words, max_size=5), min_size=1, max_size=3)
quick = settings(deadline=None, max_examples=40)


@pytest.fixture(scope="module")
def reference(tiny_elmo):
    return ReferenceBiLM(tiny_elmo / "options.json", tiny_elmo / "weights.hdf5")


@pytest.fixture(scope="module")
def make(tiny_elmo):
    made = {}

    def layer(length):
        if length not in made:
            made[length] = ElmoEmbeddingLayer(
                str(tiny_elmo), length, output="layers", initial_state="zeros"
            )
        return made[length]

    return layer


def padded(rows, extra=0):
    time = max(map(len, rows)) + extra
    rows = [row + [""] * (time - len(row)) for row in rows]
    return tf.constant(rows, tf.string, shape=[len(rows), time])


@quick
@given(st.lists(st.one_of(words, st.just("")), max_size=5), st.integers(3, 60))
def test_any_word_is_spelled_as_numpy_spells_it(tokens, max_chars):
    got = spell(tf.constant(tokens, tf.string, shape=[len(tokens)]), max_chars)
    np.testing.assert_array_equal(got, spell_tokens(tokens, max_chars))


@quick
@given(st.lists(words, min_size=1, max_size=5), st.integers(1, 7))
def test_only_padding_is_cut_from_the_spelling(tokens, margin):
    whole = spell_tokens(tokens, 50)
    got = spell(tf.constant(tokens), 50, margin).numpy()
    np.testing.assert_array_equal(got, whole[:, : got.shape[1]])
    assert (whole[:, got.shape[1] :] == 261).all()
    end = (whole != 261).sum(axis=1).max()
    assert got.shape[1] == min(end + margin, 50)


@quick
@given(sentences, st.integers(0, 4), st.integers(0, 4))
def test_tokens_are_counted_whatever_they_are_and_padding_is_not(rows, before, after):
    tokens = tf.pad(padded(rows, after), [[0, 0], [before, 0]])
    got = as_tokens(tokens, None)
    assert got.lengths.numpy().tolist() == [len(row) for row in rows]
    assert got.starts.numpy().tolist() == [before if row else 0 for row in rows]
    assert got.words.numpy().tolist() == [word.encode() for row in rows for word in row]
    assert as_tensor(rows).shape[0] == len(rows)


@quick
@given(sentences, st.integers(1, 6))
def test_tokens_are_cut_at_their_end_and_no_more_than_needed(rows, length):
    got = as_tokens(padded(rows, 2), length)
    cut = [row[:length] for row in rows]
    assert got.lengths.numpy().tolist() == [len(row) for row in cut]
    assert got.words.numpy().tolist() == [word.encode() for row in cut for word in row]


@quick
@given(sentences, st.integers(1, 4), st.integers(1, 3))
@pytest.mark.slow
def test_vectors_are_the_references_on_the_cut_tokens_and_zero_elsewhere(
    make, reference, rows, length, extra
):
    layer = make(length)
    tokens = padded(rows, extra)
    got = np.array(layer(tokens))
    assert got.shape == (len(rows), 3, length, 10)
    mask = np.zeros((len(rows), length), bool)
    for row, sentence in enumerate(rows):
        cut = sentence[:length]
        mask[row, : max(len(cut), 1)] = True  # a row without tokens keeps one step
        assert not got[row, :, len(cut) :].any()
        if cut:
            expected, _ = reference.layers(cut)
            np.testing.assert_allclose(got[row, :, : len(cut)], expected, atol=1e-5)
    layer.output_name = "elmo"  # `layers` has no mask
    try:
        np.testing.assert_array_equal(layer.compute_mask(tokens), mask)
    finally:
        layer.output_name = "layers"


@quick
@given(st.lists(words, min_size=1, max_size=4))
def test_words_of_fewer_character_positions_have_the_same_vectors(make, tokens):
    encoder = make(1).bilm.token_encoder
    options = make(1).bilm.options
    widest = max(width for width, _ in options.filters)
    tokens = [token[:7] for token in tokens]
    trimmed = spell(tf.constant(tokens), options.max_chars, widest)
    whole = spell(tf.constant(tokens), options.max_chars)
    np.testing.assert_allclose(encoder(trimmed), encoder(whole), atol=1e-6)


@quick
@given(st.lists(words.filter(lambda word: " " not in word), min_size=1, max_size=6))
def test_a_text_is_its_tokens_with_any_spaces_between(make, tokens):
    layer = make(8)
    text = "  ".join(tokens) + " "
    np.testing.assert_allclose(
        layer(tf.constant([text])), layer(padded([tokens], 1)), atol=1e-6
    )
