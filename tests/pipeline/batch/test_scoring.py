"""Batches of like length, and rows that fail alone."""

from __future__ import annotations

import random

import pytest
import tensorflow as tf

from pipeline.batch import scoring
from pipeline.batch.scoring import Failure, batches, score_rows


def _texts(number: int) -> list[str]:
    rng = random.Random(0)
    return ["x" * rng.choice([1, 5, 30, 400, 5000]) for _ in range(number)]


def test_every_text_is_in_one_batch():
    texts = _texts(3000)
    places = list(batches(texts))
    assert sorted(row for batch in places for row in batch) == list(range(3000))


def test_no_batch_is_larger_than_allowed_but_for_one_long_text(monkeypatch):
    monkeypatch.setattr(scoring, "_BATCH_ROWS", 10)
    monkeypatch.setattr(scoring, "_BATCH_BYTES", 1000)
    texts = _texts(300)
    for batch in batches(texts):
        longest = max(len(texts[row]) for row in batch)
        assert len(batch) <= 10
        assert len(batch) == 1 or longest * len(batch) <= 1000


def test_a_batch_of_chinese_has_a_third_of_the_characters(monkeypatch):
    monkeypatch.setattr(scoring, "_BATCH_BYTES", 900)
    sizes = [len(batch) for batch in batches(["电" * 30] * 30 + ["a" * 30] * 30)]
    assert sizes == [10, 10, 10, 30]


def test_texts_of_a_batch_have_like_lengths(monkeypatch):
    monkeypatch.setattr(scoring, "_BATCH_ROWS", 10)
    texts = _texts(300)
    spans = [sorted(len(texts[row]) for row in batch) for batch in batches(texts)]
    for shorter, longer in zip(spans[1:], spans, strict=False):
        assert shorter[-1] <= longer[0]


def test_no_texts_make_no_batch():
    assert list(batches([])) == []


def _length_unless_bad(texts):
    if any("boom" in text for text in texts):
        raise tf.errors.InvalidArgumentError(None, None, "boom\nand more")
    return [{"length": len(text)} for text in texts]


def test_results_come_in_the_order_of_the_texts():
    texts = _texts(500)
    results = score_rows(_length_unless_bad, texts)
    assert [result["length"] for result in results] == [len(text) for text in texts]


@pytest.mark.parametrize("bad", [[0], [6], [2, 3, 5], list(range(7))])
def test_a_bad_row_fails_alone(bad):
    texts = ["boom" if row in bad else "fine" for row in range(7)]
    results = score_rows(_length_unless_bad, texts)
    assert [row for row, result in enumerate(results) if result == "boom"] == bad
    assert all(isinstance(results[row], Failure) for row in bad)


def test_a_fault_of_the_program_is_not_a_bad_row():
    def faulty(texts):
        raise AttributeError("a fault")

    with pytest.raises(AttributeError):
        score_rows(faulty, ["a"])
