"""The words that decided, asked of a SavedModel."""

from __future__ import annotations

import pytest

from pipeline.evaluation import explanations
from pipeline.evaluation.explanations import explain_texts
from pipeline.evaluation.facts import WordWeight
from pipeline.serving.versions import ModelError
from tests.pipeline.batch.toy_classifier import write_toy


def test_each_text_gets_its_tokens_in_order_whatever_its_batch(toy_model, monkeypatch):
    texts = ["a good film", "", "one two three four five six", "bad\udcff", "good"]
    together = explain_texts(str(toy_model), texts)
    assert together[0] == [
        WordWeight(token="a", weight=-0.3),
        WordWeight(token="good", weight=1.5),
        WordWeight(token="film", weight=-0.1),
    ]
    assert together[1] == []
    # What the model does not read has no weight.
    assert " ".join(word.token for word in together[2]) == "one two three four five"
    assert [word.token for word in together[3]] == ["bad\ufffd"]
    monkeypatch.setattr(explanations, "_BATCH", 2)
    assert explain_texts(str(toy_model), texts) == together


def test_no_texts_need_no_model():
    assert explain_texts("nowhere", []) == []


def test_a_model_of_an_earlier_version_is_told_in_one_clear_error(tmp_path):
    folder = write_toy(tmp_path / "1", explains=False)
    with pytest.raises(ModelError, match="an earlier version made it, without the"):
        explain_texts(str(folder), ["good"])
