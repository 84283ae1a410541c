"""Tokens as ELMo's training text has them."""

from __future__ import annotations

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_elmo.text import normalize_text, tokenize

CASES = {
    "I don't like it. It's John's 3.5-star movie, isn't it?": (
        "I do n't like it . It 's John 's 3.5-star movie , is n't it ?"
    ),
    "He said \"hello\" (twice)... and left--then I'll go; we've $5.99 at 10:30.": (
        "He said \" hello \" ( twice ) ... and left -- then I 'll go ; we 've $ 5.99 "
        "at 10:30 ."
    ),
    "Mr. Smith went to the U.S. in 1,000 days.": (
        "Mr. Smith went to the U.S. in 1,000 days ."
    ),
    "'Quoted words', the boys' club": "' Quoted words ' , the boys ' club",
    "I cannot wait!!!<br /><br />What a film: great/good": (
        "I can not wait ! ! ! What a film : great / good"
    ),
    "“nice” it’s naïve — yes…": '" nice " it \'s naïve -- yes ...',
    "(He left.) Then CAN'T": "( He left . ) Then CA N'T",
    "你好，世界。": "你好 ， 世界 。",
    "already tokenised , is n't it ?": "already tokenised , is n't it ?",
    "": "",
}


def split(text):
    return [token.decode() for token in tokenize(tf.constant([text])).to_list()[0]]


@pytest.mark.parametrize(("text", "tokens"), CASES.items())
def test_words_punctuation_and_clitics_stand_apart(text, tokens):
    assert split(text) == tokens.split()


def test_invalid_utf8_is_replaced_and_control_characters_are_spaces():
    got = normalize_text(tf.constant([b"bad \xff utf8\x00\x07 \t\r\n end "]))
    assert got.numpy()[0].decode() == "bad \ufffd utf8 end"


def test_case_is_kept():
    assert split("ELMo Reads Case") == ["ELMo", "Reads", "Case"]


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=40))
def test_nothing_but_white_space_and_marks_is_lost(text):
    tokens = split(text)
    assert all(token and not token.isspace() for token in tokens)
    letters = [c for c in text if c.isalnum()]
    assert [c for token in tokens for c in token if c.isalnum()] == letters
