"""Character ids: worked out by hand, and TensorFlow's against numpy's."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_elmo.characters import spell_tokens
from keras_elmo.runtime.words import spell


def test_a_word_is_its_bytes_between_marks():
    # "a" is byte 97, so id 98; "é" is the bytes 195 and 169.
    row = [259, 98, 196, 170, 260, 261, 261, 261]
    assert spell_tokens(["aé"], 8).tolist() == [row]


def test_a_word_too_long_is_cut_and_still_ends():
    assert spell_tokens(["abcdef"], 5).tolist() == [[259, 98, 99, 100, 260]]


def test_the_sentence_marks_have_rows_of_their_own():
    rows = spell_tokens(["<S>", "</S>"], 4).tolist()
    assert rows == [[259, 257, 260, 261], [259, 258, 260, 261]]


def test_an_unknown_token_is_spelled_out_like_any_word():
    assert spell_tokens(["<UNK>"], 10)[0, 1] == ord("<") + 1


words = st.one_of(st.text(max_size=60), st.sampled_from(["<S>", "</S>", ""]))


@settings(deadline=None, max_examples=60)
@given(st.lists(words, max_size=5))
def test_tensorflow_spells_as_numpy_does(tokens):
    got = spell(tf.constant(tokens, tf.string, shape=[len(tokens)]), 50)
    np.testing.assert_array_equal(got.numpy(), spell_tokens(tokens, 50))


def test_positions_past_the_longest_word_are_cut_on_request():
    got = spell(tf.constant(["abc", "d"]), 50, 2)
    assert got.shape == (2, 3 + 2 + 2)
    np.testing.assert_array_equal(got, spell_tokens(["abc", "d"], 50)[:, :7])


def test_no_tokens_give_no_rows():
    assert spell(tf.constant([], tf.string), 50, 3).shape[0] == 0
