"""The report of an evaluation by TFX's own Evaluator, and its lines of failure.

The models are small: their answers are written in the texts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from pipeline.evaluation import report as report_module
from pipeline.evaluation.facts import Certain
from pipeline.evaluation.measures import change_interval
from pipeline.evaluation.report import failures, read_evaluation
from pipeline.metadata.runs import MadeArtifact, NodeRecord, RunRecord
from pipeline.runs.summarize import evaluation_of
from pipeline.training.history import HISTORY_FILE
from tests.pipeline.evaluation.evaluating import Oracle, evaluator, rows_of


@pytest.fixture
def evaluate(tmp_path):
    return evaluator(tmp_path)


def test_a_first_model_is_measured_and_blessed_without_a_comparison(evaluate):
    labels, probabilities = rows_of(60, 2)
    labels[7] = -1  # not among the training labels
    # No threshold but on the drop, which TFX leaves out without a blessed model.
    report, blessed, files, _ = evaluate(
        labels, probabilities, Oracle(2), max_drop={"accuracy": 0.0}
    )
    predicted = probabilities.argmax(axis=1)
    assert (blessed, files, report["ok"]) == (1, ["BLESSED"], True)
    assert (report["rows"], report["unknown_labels"]) == (60, 1)
    assert report["metrics"]["accuracy"] == np.mean(predicted == labels)
    areas = [
        sklearn_metrics.roc_auc_score(labels == i, probabilities[:, i]) for i in (0, 1)
    ]
    assert report["metrics"]["auc"] == pytest.approx(np.mean(areas))
    assert report["classes"][1]["recall"] == np.mean(predicted[labels == 1] == 1)
    assert report["classes"][1]["support"] == (labels == 1).sum()
    is_long = probabilities[:, 0] > 0.5
    assert list(report["by_length"]) == ["short", "long"]
    assert report["by_length"]["long"]["rows"] == is_long.sum()
    assert report["by_length"]["long"]["accuracy"] == pytest.approx(
        np.mean((predicted == labels)[is_long])
    )
    assert report["baseline"] is None
    assert report["change"] is None
    assert report["failures"] == []
    assert report["thresholds"] == []
    assert "1 of 60 test rows have a label" in report["notes"][0]


def test_a_first_model_that_misses_a_threshold_is_refused(evaluate):
    report, blessed, files, _ = evaluate(
        *rows_of(40, 6),
        Oracle(6),
        thresholds={"accuracy": 0.999, "calibration_error": 0.001, "auc": 0.1},
    )
    assert (blessed, files, report["ok"]) == (0, ["NOT_BLESSED"], False)
    accuracy, calibration = report["failures"]
    assert accuracy == f"accuracy {report['metrics']['accuracy']:.6g} is below 0.999"
    assert calibration.startswith("calibration_error 0.")
    assert calibration.endswith("is above 0.001")
    assert [threshold["ok"] for threshold in report["thresholds"]] == [
        False,
        True,
        False,
    ]


def _change(labels, now, before) -> dict:
    is_right, was_right = now == labels, before == labels
    gained, lost = np.sum(is_right & ~was_right), np.sum(~is_right & was_right)
    return {
        "gained": gained,
        "lost": lost,
        "both": np.sum(is_right & was_right),
        "neither": np.sum(~is_right & ~was_right),
        "interval": change_interval(gained, lost, len(labels)),
    }


def test_a_model_better_than_a_blessed_one_with_fewer_classes_is_blessed(evaluate):
    labels, probabilities = rows_of(40, 6)
    report, blessed, *_ = evaluate(
        labels,
        probabilities,
        Oracle(6),
        baseline=Oracle(6, known=3),
        thresholds={"macro_f1": 0.3},
        max_drop={"accuracy": 0.0},
    )
    assert (blessed, report["ok"], report["failures"]) == (1, True, [])
    least, change = sorted(
        report["thresholds"], key=lambda t: t["measure"] != "macro_f1"
    )
    assert least == {
        "slice": "",
        "measure": "macro_f1",
        "kind": "least",
        "bound": 0.3,
        "value": report["metrics"]["macro_f1"],
        "ok": True,
    }
    predicted = probabilities[:, :3].argmax(axis=1)
    assert report["baseline"]["accuracy"] == np.mean(predicted == labels)
    assert (change["kind"], change["bound"], change["ok"]) == ("change", 0.0, True)
    gain = report["metrics"]["accuracy"] - report["baseline"]["accuracy"]
    assert change["value"] == gain > 0
    assert report["change"] == _change(labels, probabilities.argmax(axis=1), predicted)
    assert report["change"]["gained"] > 0
    assert len(report["classes"]) == 6
    assert report["notes"] == []


def test_a_model_worse_than_the_blessed_one_is_refused(evaluate):
    labels, probabilities = rows_of(60, 6)
    report, blessed, files, _ = evaluate(
        labels,
        probabilities,
        Oracle(6, reverse=True),
        baseline=Oracle(6, limit=0.1),
        max_drop={"accuracy": 0.1},
    )
    assert (blessed, files) == (0, ["NOT_BLESSED"])
    predicted = probabilities.argmax(axis=1)
    assert report["metrics"]["accuracy"] == np.mean(5 - predicted == labels)
    assert report["baseline"]["accuracy"] == np.mean(predicted == labels)
    counted = _change(labels, 5 - predicted, predicted)
    assert report["change"] == counted
    assert counted["interval"][1] < 0 < min(counted["gained"], counted["lost"])
    change = report["metrics"]["accuracy"] - report["baseline"]["accuracy"]
    assert report["failures"] == [
        f"accuracy is {-change:.4g} lower than that of the last blessed model: at "
        "most 0.1 is allowed"
    ]
    first = probabilities[:, 0]
    moved = np.sum((first > 0.1) & (first <= 0.5))  # short for one, long for the other
    assert report["notes"] == [
        f"{moved} test rows count as two lengths, such as short and medium: the limits "
        "between them have moved since the last model"
    ]


def test_rows_that_are_wrong_say_where_they_stand_and_what_was_thought(
    evaluate, tmp_path
):
    labels, probabilities = rows_of(200, 3)
    labels[12] = 3  # not known
    with Path(tmp_path, "data.csv").open("w") as data:
        report, blessed, *_ = evaluate(
            labels,
            probabilities,
            Oracle(3),
            baseline=Oracle(3),
            data=data,
            precision=0.9,
            thresholds={"coverage": 0.0},
        )
    lines = Path(data.name).read_text().splitlines()
    predicted = probabilities.argmax(axis=1)
    num_wrong = np.sum(predicted != labels)
    assert len(report["wrong"]) == min(50, num_wrong) > 20
    assert sum(pair["rows"] for pair in report["confused"]) == num_wrong
    assert {"label": "3", "predicted": str(predicted[12]), "rows": 1} in report[
        "confused"
    ]
    known = [row for row in report["wrong"] if row["source"] is not None]
    assert known
    for row in report["wrong"]:
        values = [float(word) for word in row["text"].split()]
        assert row["predicted"] == [str(np.argmax(values))]
        assert row["probability"] == pytest.approx(max(values))
    for row in known:
        assert row["source"] == data.name
        assert lines[row["position"] - 1] == f"{row['text']},{row['labels'][0]}"
    assert sum(each["rows"] for each in report["bins"]) == 200
    assert [curve["name"] for curve in report["curves"]] != []
    low, high = report["accuracy_interval"]
    assert low < report["metrics"]["accuracy"] < high
    for one in report["classes"]:
        low, high = one["precision_interval"]
        assert low < one["precision"] < high
    assert "coverage" not in report["metrics"]
    assert blessed == 0
    assert report["failures"] == [
        "coverage is undefined: the model has no output that says whether it is unsure"
    ]


def test_a_model_that_may_be_unsure_is_judged_by_its_coverage(evaluate, tmp_path):
    labels, probabilities = rows_of(80, 2)
    sure = probabilities.max(axis=1) >= np.float32(0.75)
    is_odd = np.arange(80) % 2 == 1
    report, blessed, _, folder = evaluate(
        labels,
        probabilities,
        Oracle(2, unsure=0.75),
        baseline=Oracle(2),  # of before there was such an option
        slices_of=[[f"side={'odd' if odd else 'even'}"] for odd in is_odd],
        precision=0.9,
        thresholds={"coverage": 0.99},
        slices={"side=odd": {"coverage": 0.01}, "side=even": {"coverage": 0.99}},
    )
    right = probabilities.argmax(axis=1) == labels
    assert report["metrics"]["coverage"] == sure.mean()
    assert report["accuracy_of_answers"] == right[sure].mean()
    assert [one["coverage"] for one in report["slices"]] == [
        sure[~is_odd].mean(),
        sure[is_odd].mean(),
    ]
    assert blessed == 0
    assert report["failures"] == [
        f"coverage {sure.mean():.6g} is below 0.99",
        f"side=even: coverage {sure[~is_odd].mean():.6g} is below 0.99",
    ]
    assert [each["ok"] for each in report["thresholds"]] == [False, True, False]

    on_eval = {"precision": 0.9, "threshold": 0.75, "coverage": 0.5}
    history = {"class_counts": {"a": 50, "b": 30}, "certain": on_eval}
    evaluation = evaluation_of(_record(folder, tmp_path / "run", history))
    assert evaluation.certain == Certain(
        precision=0.9,
        threshold=0.75,
        coverage=sure.mean(),
        accuracy=right[sure].mean(),
    )
    assert {pair.label for pair in evaluation.confused} <= {"a", "b"}
    assert evaluation.slices[0].coverage == sure[~is_odd].mean()


def _record(evaluation: str, folder: Path, history: dict[str, Any]) -> RunRecord:
    """Returns a run of which an evaluation and some facts of the training are left."""
    folder.mkdir()
    training = {"epochs": [], "best_epoch": 1, "steps": 1, "ended_by": "epochs"}
    training |= {"stopped_early": False, "resumed_after": 0, "warm_start": None}
    (folder / HISTORY_FILE).write_text(json.dumps(training | history))
    blessing = MadeArtifact(str(folder), {"blessed": 0})
    evaluator = {"evaluation": [MadeArtifact(evaluation, {})], "blessing": [blessing]}
    trainer = {"model_run": [MadeArtifact(str(folder), {})]}
    return RunRecord(
        "1",
        [
            NodeRecord("Trainer", "done", 1.0, trainer),
            NodeRecord("Evaluator", "done", 1.0, evaluator),
        ],
    )


def test_an_evaluation_of_an_earlier_version_has_no_details_but_intervals(
    monkeypatch,
):
    values = {("example_count", None): 263.0, ("accuracy", None): 81 / 263}
    values |= {("recall", 0): 0.5, ("precision", 0): 0.25, ("support", 0): 8.0}
    monkeypatch.setattr(
        report_module, "_read_slices", lambda folder: ({"": values}, {}, None)
    )
    report = read_evaluation("/none")
    assert report["accuracy_interval"] == pytest.approx((0.2553, 0.3662), abs=1e-4)
    [one] = report["classes"]
    assert one["recall_interval"] is not None
    assert one["precision_interval"] is None
    assert report["wrong"] == report["confused"] == report["curves"] == []
    assert "coverage" not in report["metrics"]


def test_slices_are_measured_and_judged_on_their_own(evaluate):
    labels, probabilities = rows_of(60, 2)
    right = probabilities.argmax(axis=1) == labels
    # A model that is right for one language, and wrong for the other; of ten rows,
    # as an earlier version wrote them, none is known.
    languages = np.where(right, "de", "en")
    slices_of = [[f"language={each}", f"stars={5}"] for each in languages]
    slices_of[:10] = [None] * 10
    report, blessed, *_ = evaluate(
        labels,
        probabilities,
        Oracle(2),
        slices_of=slices_of,
        slices={
            "language=de": {"accuracy": 0.8, "auc": 0.5},
            "language=en": {"accuracy": 0.1},
            "stars=5": {"accuracy": 0.1},
            "stars=4": {"accuracy": 0.1, "macro_f1": 0.1},
        },
    )
    of_language = {one["name"]: one for one in report["slices"]}
    assert list(of_language) == ["language=de", "language=en", "stars=5"]
    assert [one["accuracy"] for one in report["slices"]] == [
        1.0,
        0.0,
        pytest.approx(right[10:].mean()),
    ]
    assert of_language["language=de"]["rows"] == right[10:].sum()
    assert of_language["stars=5"]["rows"] == 50
    assert list(report["by_length"]) == ["short", "long"]
    assert (blessed, report["ok"]) == (0, False)
    assert sorted(report["failures"]) == [
        "language=en: accuracy 0 is below 0.1",
        "stars=4: not measured: either no test row has this value, or it is not one of "
        "the 100 most frequent of the values of `stars`",
    ]


def test_predictions_that_are_not_numbers_are_refused_without_a_threshold(evaluate):
    labels, probabilities = rows_of(20, 2)
    probabilities[3] = np.nan
    report, blessed, *_ = evaluate(labels, probabilities, Oracle(2), thresholds={})
    assert blessed == 0
    assert report["metrics"] == dict.fromkeys(report["metrics"])  # all None
    assert report["failures"] == [
        "accuracy is undefined: the model gives probabilities that are not numbers"
    ]
    assert report["notes"][0].startswith("1 of 20 predictions are not numbers")


def test_an_empty_test_split_blesses_nothing(evaluate):
    report, blessed, *_ = evaluate([], [], Oracle(2), thresholds={"auc": 0.1})
    assert blessed == 0
    assert report["rows"] == 0
    assert report["failures"] == [
        "the test split is empty, so nothing could be measured"
    ]


def _report(measure: str, kind: str, bound: float, value: float | None, **facts):
    missed = {"measure": measure, "kind": kind, "bound": bound, "value": value}
    met = {"measure": "accuracy", "kind": "least", "bound": 0.0, "value": 1.0}
    missed["slice"] = met["slice"] = ""
    return {
        "ok": False,
        "rows": 9,
        "invalid_predictions": 0,
        "metrics": {measure: value},
        "baseline": None,
        "thresholds": [{**met, "ok": True}, {**missed, "ok": False}],
        **facts,
    }


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (_report("auc", "least", 0.6, 0.59996), "auc 0.59996 is below 0.6"),
        (
            _report("calibration_error", "most", 0.1, 0.2),
            "calibration_error 0.2 is above 0.1",
        ),
        (
            _report("auc", "change", -0.01, -0.02),
            "auc is 0.02 lower than that of the last blessed model: at most 0.01 is "
            "allowed",
        ),
        (
            _report("auc", "least", 0.6, None),
            "auc is undefined: the test split holds one class only",
        ),
        (
            _report("auc", "least", 0.6, None, invalid_predictions=1),
            "auc is undefined: the model gives probabilities that are not numbers",
        ),
        (
            _report("auc", "change", -0.01, None, metrics={"auc": 0.7}),
            "auc is undefined: it is undefined for the last blessed model",
        ),
        (
            _report("auc", "least", 0.6, None, rows=0),
            "the test split is empty, so nothing could be measured",
        ),
    ],
)
def test_each_missed_threshold_gets_one_line(report, line):
    assert failures(report, {}) == [line]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"stars": 100}, "no test row has this value"),
        (
            {"stars": 1101},
            "not measured: either no test row has this value, or it is not one of the "
            "100 most frequent of the 1,101 values of `stars`",
        ),
    ],
)
def test_a_slice_without_rows_says_why_once(values, why):
    report = _report("auc", "least", 0.6, None) | {"slices": []}
    report["thresholds"] = [{**report["thresholds"][1], "slice": "stars=4"}] * 2
    assert failures(report, values) == [f"stars=4: {why}"]
