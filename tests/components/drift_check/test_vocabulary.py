from __future__ import annotations

import numpy as np
import pytest

from components.drift_check import vocabulary
from components.drift_check.vocabulary import (
    CHARACTERS,
    WORDS,
    Distinct,
    pack,
    tokens_of,
    unknown_shares,
)


def _numbers(*texts: str):
    return vocabulary.units(tokens_of([text.encode() for text in texts]))


def test_words_are_the_tokens_of_the_pipeline_in_their_case():
    words = _numbers("Do n't, don't!", "do")[WORDS].to_list()
    assert [len(row) for row in words] == [6, 1]  # Do n't , do n't !
    assert words[0][1] == words[0][4]
    assert words[0][3] == words[1][0] != words[0][0]


def test_characters_are_the_code_points_of_each_text():
    characters = _numbers("aé", "", "b 語")[CHARACTERS].to_list()
    assert characters == [[ord("a"), ord("é")], [], [ord("b"), ord("語")]]


def test_no_texts_have_no_units():
    assert _numbers()[WORDS].to_list() == []


def test_the_share_counts_a_unit_as_often_as_it_stands_in_the_text():
    known = pack(_numbers("a b")[WORDS].flat_values.numpy())
    words = _numbers("a c c b", "", "b", "z")[WORDS]
    assert unknown_shares(words, known) == [0.5, None, 0.0, 1.0]


def test_everything_is_unknown_where_nothing_is_known():
    assert unknown_shares(_numbers("a b", "")[WORDS], b"") == [1.0, None]


@pytest.fixture
def many():
    draw = np.random.default_rng(0)
    return [draw.integers(0, 500, 100) for _ in range(50)]


def test_packed_numbers_are_united_in_any_grouping(many):
    distinct = Distinct()
    first, second = distinct.create_accumulator(), distinct.create_accumulator()
    for place, numbers in enumerate(many):
        if place % 3:
            first = distinct.add_input(first, pack(numbers))
        else:
            second = distinct.add_input(second, pack(numbers))
    empty = distinct.create_accumulator()
    merged = distinct.merge_accumulators([first, empty, distinct.compact(second)])
    expected = pack(np.unique(np.concatenate(many)))
    assert distinct.extract_output(merged) == expected
    assert distinct.extract_output([b"", *merged]) == expected


def test_what_waits_to_be_united_stays_small(many, monkeypatch):
    monkeypatch.setattr(vocabulary, "_LEAST_PENDING", 1000)
    distinct = Distinct()
    accumulator = distinct.create_accumulator()
    for numbers in many * 4:
        accumulator = distinct.add_input(accumulator, pack(numbers))
        assert sum(map(len, accumulator)) <= 2 * 8 * 500 + 800
