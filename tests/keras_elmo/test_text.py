"""Tokens as ELMo's training text has them."""

from __future__ import annotations

import time

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_elmo.text import TOKENIZERS, first_tokens, normalize_text, tokenize

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


TOKENIZED = {
    "whitespace": {
        "A film , isn't it?": ["A", "film", ",", "isn't", "it?"],
        "今天 天氣<br/>真好。": ["今天", "天氣", "真好。"],
        "": [],
    },
    "unicode_script": {
        "Hello, world 2024!": ["Hello", ",", "world", "2024!"],
        "你好，世界。ELMo很好": ["你好", "，", "世界", "。", "ELMo", "很好"],
        "食べるのが好き": ["食", "べるのが", "好", "き"],
        "cafe\u0301s привет": ["cafe\u0301s", "привет"],
        "\u0301": ["\u0301"],
        "می\u200cخواهم ELMo": ["می\u200cخواهم", "ELMo"],
        "": [],
    },
    "characters": {
        "这部电影 很好。": list("这部电影很好。"),
        "ผมชื่อ": ["ผ", "ม", "ชื่", "อ"],
        "e\u0301a 1": ["e\u0301", "a", "1"],
        "क्\u200dष": ["क्\u200d", "ष"],
        "\u0301x": ["\u0301", "x"],
        "": [],
    },
}


@pytest.mark.parametrize("tokenizer", TOKENIZED)
def test_other_tokenizers_cut_where_they_say(tokenizer):
    texts = TOKENIZED[tokenizer]
    tokens = tokenize(tf.constant(list(texts)), tokenizer).to_list()
    assert [[t.decode() for t in row] for row in tokens] == list(texts.values())
    assert tokenize(tf.zeros([0], tf.string), tokenizer).to_list() == []


# One text with a character that no one sees at each place, and as it is read.
SEEN = "电影 good film"
UNSEEN = [chr(code) for code in (0xAD, 0x200B, 0x200F, 0x202A, 0x2060, 0xFEFF, 0xFFF9)]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_invisible_characters_change_no_token(tokenizer):
    texts = [unseen + unseen.join(SEEN) + unseen for unseen in UNSEEN]
    expected = tokenize(tf.constant([SEEN]), tokenizer).to_list() * len(UNSEEN)
    assert tokenize(tf.constant(texts), tokenizer).to_list() == expected
    assert first_tokens(tf.constant(texts), 9, tokenizer=tokenizer)[0].to_list() == (
        expected
    )
    assert tokenize(tf.constant(UNSEEN), tokenizer).to_list() == [[]] * len(UNSEEN)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_the_tokens_of_a_text_do_not_depend_on_those_before_it(tokenizer):
    texts = ["b", "\u200dab", "б", "\u200dab", "\u0301б", "", "\u0301", "a"]
    together = tokenize(tf.constant(texts), tokenizer).to_list()
    alone = [tokenize(tf.constant([text]), tokenizer).to_list()[0] for text in texts]
    assert together == alone


def test_a_tokenizer_that_is_none_is_refused():
    with pytest.raises(
        ValueError, match="must be one of elmo, whitespace, unicode_scr"
    ):
        tokenize(tf.constant(["a"]), "jieba")


def test_of_texts_of_any_usual_length_the_first_tokens_are_all_tokens():
    texts = [*CASES, "A <br\x01> and\x00 \xa0 more. " * 1000]
    tokens, counts = first_tokens(tf.constant(texts), 3)
    expected = tokenize(tf.constant(texts))
    assert tokens.to_list() == expected.to_list()
    assert counts.numpy().tolist() == expected.row_lengths().numpy().tolist()


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize(
    "text",
    [
        b"A good film, isn't it? " * 500_000,
        "好的电影。 ".encode() * 500_000,
        b"a. " * 4_000_000,
        b"\xff<br/> \n" * 1_000_000,
    ],
)
def test_an_endless_text_has_the_tokens_of_its_beginning_and_costs_no_more(
    text, tokenizer
):
    began = time.process_time()
    tokens, counts = first_tokens(tf.constant([text]), 400, tokenizer=tokenizer)
    assert time.process_time() - began < 2  # 10 megabytes take tokenize 20 s
    short = text[: 400 * 40]
    expected = first_tokens(tf.constant([short]), 400, tokenizer=tokenizer)[0]
    assert tokens[0, :390].numpy().tolist() == expected[0, :390].numpy().tolist()
    assert counts[0] > 400


@pytest.mark.parametrize("text", ["x" * 2_000_000, " " * 2_000_000 + "late"])
def test_a_token_or_a_gap_without_end_counts_as_cut(text):
    tokens, counts = first_tokens(tf.constant([text]), 400)
    assert len(tokens[0]) <= 1
    assert counts[0] == len(tokens[0]) + 1


def test_words_after_many_blanks_are_read():
    tokens, counts = first_tokens(tf.constant([" \n" * 200_000 + "a film"]), 1)
    assert tokens.to_list() == [[b"a", b"film"]]
    assert counts.numpy().tolist() == [2]


def test_so_many_tokens_that_no_text_has_them_are_kept_whole():
    tokens, _ = first_tokens(tf.constant(["a film"]), 2**62)
    assert tokens.to_list() == [[b"a", b"film"]]
