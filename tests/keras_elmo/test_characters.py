"""Character ids, worked out by hand."""

from __future__ import annotations

from keras_elmo.characters import spell_tokens


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
