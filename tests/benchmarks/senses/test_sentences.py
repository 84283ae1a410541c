from __future__ import annotations

import pytest

from benchmarks.senses.sentences import OWN, place_of, read_own, split
from benchmarks.session import BenchmarkError


def test_the_sentences_of_each_sense_and_the_others_are_read():
    text = "# remark\n\n## cast: actors\na cast\n## cast: threw\nI cast\nhe cast\n"
    words, others = read_own(text + "## others\nA dog.\n")
    assert list(words) == ["cast"] and others == ["A dog."]
    assert [(s.name, s.texts) for s in words["cast"]] == [
        ("actors", ["a cast"]),
        ("threw", ["I cast", "he cast"]),
    ]


def test_a_word_in_one_sense_is_refused():
    with pytest.raises(BenchmarkError, match="cast must have 2 senses. Received: 1"):
        read_own("## cast: actors\na cast\n")


def test_the_sentences_of_the_page_hold_their_word_once_and_ten_for_each_sense():
    words, others = read_own(OWN.read_text("utf-8"))
    texts = list(others)
    for word, senses in words.items():
        for sense in senses:
            assert len(sense.texts) == 10, sense
            for tokens in split(sense.texts):
                place_of(word, tokens)
            texts += sense.texts
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("tokens", [["a", "dog"], ["cast", "a", "Cast"]])
def test_a_sentence_without_the_word_or_with_two_is_refused(tokens):
    with pytest.raises(BenchmarkError, match="must hold cast once"):
        place_of("cast", tokens)
