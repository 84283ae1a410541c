"""Scoring with a SavedModel."""

from __future__ import annotations

import json
import pickle
import shutil

import pytest
import tensorflow as tf

from pipeline.batch import predicting
from pipeline.batch.formats.table import Kind
from pipeline.batch.predicting import Predictor
from pipeline.batch.scoring import Failure, score_rows
from pipeline.commands import score
from pipeline.serving.versions import ModelError
from tests.pipeline.batch.toy_classifier import write_toy


def test_it_knows_the_classes_and_its_columns(predictor):
    assert predictor.classes == ("bad", "good")
    assert list(predictor.fields) == [
        "predicted_label",
        "probability_bad",
        "probability_good",
        "text_is_cut",
        "model_version",
    ]


def test_a_row_gets_label_probabilities_version_and_whether_it_was_cut(predictor):
    score = pickle.loads(pickle.dumps(predictor)).load()
    assert score(["a good film", "one two three four five six"]) == [
        {
            "predicted_label": "good",
            "probability_bad": 0.25,
            "probability_good": 0.75,
            "text_is_cut": False,
            "model_version": "3",
        },
        {
            "predicted_label": "bad",
            "probability_bad": 0.75,
            "probability_good": 0.25,
            "text_is_cut": True,
            "model_version": "3",
        },
    ]


@pytest.fixture(scope="module")
def unsure_model(tmp_path_factory):
    return str(write_toy(tmp_path_factory.mktemp("unsure") / "3", says_unsure=True))


def test_a_row_says_whether_the_model_is_unsure_and_the_summary_counts_it(unsure_model):
    predictor = Predictor.inspect(unsure_model, None)
    assert list(predictor.fields)[-3:] == ["unsure", "text_is_cut", "model_version"]
    rows = predictor.load()(["good", "hm", "hm good"])
    assert [row["unsure"] for row in rows] == [False, True, True]
    assert [row["predicted_label"] for row in rows] == ["good", "bad", "good"]
    assert list(rows[0]) == list(predictor.fields)
    counts = predictor.tally(rows)
    assert counts == {"label good": 2, "label bad": 1, "cut": 0, "unsure": 2}


def test_score_says_whether_the_model_is_unsure(unsure_model, toy_model):
    sure, unsure = score._answers(unsure_model, ["good", "hm"])
    assert json.dumps(unsure) == (
        '{"text": "hm", "label": "bad", "unsure": true, '
        '"probabilities": {"bad": 0.75, "good": 0.25}}'
    )
    assert sure["unsure"] is False
    [answer] = score._answers(str(toy_model), ["hm"])
    assert "unsure" not in answer


def test_the_words_that_decided_come_strongest_first(toy_model):
    predictor = Predictor.inspect(str(toy_model), None, explain=True)
    assert list(predictor.fields.items())[-1] == ("words", Kind.STRING)
    score = pickle.loads(pickle.dumps(predictor)).load()
    many, empty = score(["a b good c d e f g h i j k", ""])
    assert many["words"] == [
        ["good", 1.5],
        ["a", -0.3],
        ["b", -0.2],
        ["d", 0.1],
        ["c", 0.0],
    ]
    assert empty["words"] == []


def test_no_more_words_are_written_than_the_bound_says(toy_model, monkeypatch):
    monkeypatch.setattr(predicting, "_MAX_WORDS", 2)
    [row] = Predictor.inspect(str(toy_model), None, explain=True).load()(["a b good"])
    assert row["words"] == [["good", 1.5], ["a", -0.3]]


def test_an_earlier_model_that_shall_explain_is_refused(tmp_path):
    folder = write_toy(tmp_path / "1", explains=False)
    with pytest.raises(ModelError, match="cannot say which words decided") as refused:
        Predictor.inspect(str(folder), None, explain=True)
    assert "\nhint: train again" in str(refused.value)


def test_in_bfloat16_the_answers_are_the_same(toy_model):
    predictor = Predictor.inspect(str(toy_model), None, precision="bfloat16")
    usual = Predictor.inspect(str(toy_model), None).load()(["good", "hm"])
    rows = pickle.loads(pickle.dumps(predictor)).load()(["good", "hm"])
    assert [row["predicted_label"] for row in rows] == ["good", "bad"]
    names = ("probability_good", "probability_bad")
    for row, expected in zip(rows, usual, strict=True):
        for name in names:
            assert row[name] == pytest.approx(expected[name], abs=0.01)


def test_what_the_model_fails_on_fails_alone(predictor):
    results = score_rows(predictor.load(), ["good"] * 5 + ["boom"] + ["bad"] * 5)
    assert [isinstance(result, Failure) for result in results].count(True) == 1
    assert isinstance(results[5], Failure)


def test_the_summary_counts_labels_and_cuts(predictor):
    rows = predictor.load()(["good", "good", "1 2 3 4 5 6"])
    assert predictor.tally(rows) == {"label good": 2, "label bad": 1, "cut": 1}


def test_a_worker_refuses_a_model_that_changed(predictor, toy_model, tmp_path):
    changed = tuple((name, "0" * 64) for name, _ in predictor.files)
    with pytest.raises(ModelError, match="has changed"):
        Predictor(str(toy_model), predictor.classes, changed).load()


def test_a_model_without_the_signature_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "m"))
    with pytest.raises(ModelError, match="must have the signature predict_text"):
        Predictor.inspect(str(tmp_path / "m"), None)


def test_a_model_in_a_folder_that_looks_like_a_pattern_is_refused(toy_model, tmp_path):
    folder = shutil.copytree(toy_model, tmp_path / "model [1]")
    with pytest.raises(ModelError, match="for wildcards .hint: rename the folder"):
        Predictor.inspect(str(folder), None)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b"StaticRegexFullMatch:output:0", b"StatiMRegexFullMatch:output:0"),
        (b"signatures", b"signatureX"),
    ],
)
def test_a_model_whose_graph_is_damaged_is_refused(toy_model, tmp_path, good, bad):
    folder = shutil.copytree(toy_model, tmp_path / "m")
    graph = folder / "saved_model.pb"
    content = graph.read_bytes()
    assert good in content
    graph.write_bytes(content.replace(good, bad))
    with pytest.raises(ModelError, match="m cannot be loaded: its graph is damaged"):
        Predictor.inspect(str(folder), None)


def test_a_model_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"no graph")
    with pytest.raises(ModelError, match="cannot be loaded"):
        Predictor.inspect(str(tmp_path), None)
