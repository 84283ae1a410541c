"""The report of an evaluation by TFX's own Evaluator, and its lines of failure.

The models are small: their answers are written in the texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn_metrics
from tfx.components.evaluator.executor import Executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import proto_utils

from pipeline.config import EvaluationConfig
from pipeline.evaluation import report as report_module
from pipeline.evaluation.facts import Certain
from pipeline.evaluation.measures import change_interval
from pipeline.evaluation.report import failures, read_evaluation
from pipeline.evaluation.thresholds import eval_config
from pipeline.features import LABEL, LABEL_ID, LENGTH_BUCKET, SLICES, TEXT
from pipeline.metadata.runs import MadeArtifact, NodeRecord, RunRecord
from pipeline.runs.summarize import evaluation_of
from pipeline.training.history import HISTORY_FILE

_EXAMPLES = [tf.TensorSpec([None], tf.string, name="examples")]
_STRING = tf.io.FixedLenFeature([], tf.string)


class _Oracle(tf.Module):
    """Reads its probabilities out of the text: one word for each class.

    Its length bucket is `long` where the first probability is above `limit`. It gives
    the first `known` probabilities, or all, or all of them in reverse order. Below
    `unsure` it says that it is unsure.
    """

    def __init__(
        self, num_classes: int, *, known=None, reverse=False, limit=0.5, unsure=None
    ) -> None:
        super().__init__(name="oracle")
        self._num_classes = num_classes
        self._known = known
        self._reverse = reverse
        self._limit = limit
        self._unsure = unsure

    @tf.function(input_signature=_EXAMPLES)
    def serving_default(self, examples):
        probabilities = self._probabilities(examples)
        if self._reverse:
            probabilities = tf.reverse(probabilities, axis=[1])
        outputs = {"probabilities": probabilities[:, : self._known]}
        if self._unsure is not None:
            outputs["unsure"] = tf.reduce_max(probabilities, axis=1) < self._unsure
        return outputs

    @tf.function(input_signature=_EXAMPLES)
    def transform_features(self, examples):
        label = tf.io.parse_example(examples, {LABEL: _STRING})[LABEL]
        is_long = self._probabilities(examples)[:, 0] > self._limit
        return {
            LABEL_ID: tf.strings.to_number(label, tf.int64),
            LENGTH_BUCKET: tf.where(is_long, "long", "short"),
        }

    def _probabilities(self, examples):
        text = tf.io.parse_example(examples, {TEXT: _STRING})[TEXT]
        words = tf.strings.split(text).to_tensor("0")
        return tf.reshape(tf.strings.to_number(words), [-1, self._num_classes])

    def save(self, folder: Path) -> None:
        signatures = {
            "serving_default": self.serving_default,
            "transform_features": self.transform_features,
        }
        tf.saved_model.save(self, str(folder), signatures=signatures)


class _Outcome(NamedTuple):
    report: dict[str, Any]
    blessed: int | None  # the blessing's property that the Pusher reads
    files: list[str]  # in the blessing's folder
    folder: str  # of the evaluation


def _bytes(value: str) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))


def _artifact(kind: type, folder: Path):
    artifact = kind()
    artifact.uri = str(folder)
    artifact.id = 7
    folder.mkdir(parents=True)
    return artifact


def _model_artifact(model: _Oracle, folder: Path):
    artifact = _artifact(standard_artifacts.Model, folder)
    model.save(folder / "Format-Serving")
    return artifact


@pytest.fixture
def evaluate(tmp_path: Path) -> Callable[..., _Outcome]:
    def run(
        labels,
        probabilities,
        model,
        *,
        baseline=None,
        slices_of=None,
        data=None,
        **options,
    ) -> _Outcome:
        examples = _artifact(standard_artifacts.Examples, tmp_path / "examples")
        examples.split_names = artifact_utils.encode_split_names(["train", "test"])
        split = tmp_path / "examples" / "Split-test"
        split.mkdir()
        with tf.io.TFRecordWriter(str(split / "data-00000-of-00001.gz"), "GZIP") as out:
            for place, row in enumerate(probabilities):
                label = labels[place]
                text = " ".join(f"{value:.9g}" for value in row)
                feature = {TEXT: _bytes(text), LABEL: _bytes(str(label))}
                if slices_of is not None and slices_of[place]:
                    values = [value.encode() for value in slices_of[place]]
                    feature[SLICES] = tf.train.Feature(
                        bytes_list=tf.train.BytesList(value=values)
                    )
                if data is not None and place >= 10:  # of ten, it is not known
                    data.write(f"{text},{label}\n")
                    feature["row_source"] = _bytes(data.name)
                    line = tf.train.Int64List(value=[place - 9])
                    feature["row_position"] = tf.train.Feature(int64_list=line)
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                out.write(example.SerializeToString())
        inputs = {
            "examples": [examples],
            "model": [_model_artifact(model, tmp_path / "model")],
        }
        if baseline is not None:
            before = _model_artifact(baseline, tmp_path / "baseline_model")
            inputs["baseline_model"] = [before]
        evaluation = _artifact(
            standard_artifacts.ModelEvaluation, tmp_path / "evaluation"
        )
        blessing = _artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing")
        context = Executor.Context(
            # With an image that is not used, TFX does not pack itself for the workers.
            beam_pipeline_args=["--runner=FnApiRunner", "--sdk_container_image=unused"],
            tmp_dir=str(tmp_path / "tmp"),
            unique_id="1",
        )
        section = EvaluationConfig(**{"thresholds": {}, "max_drop": {}, **options})
        Executor(context).Do(
            inputs,
            {"evaluation": [evaluation], "blessing": [blessing]},
            {
                "eval_config": proto_utils.proto_to_json(
                    eval_config(section, sliced=slices_of is not None)
                ),
                "example_splits": json.dumps(["test"]),
                "fairness_indicator_thresholds": "null",
            },
        )
        return _Outcome(
            read_evaluation(evaluation.uri),
            blessing.get_int_custom_property("blessed"),
            [path.name for path in Path(blessing.uri).iterdir()],
            evaluation.uri,
        )

    return run


def _rows(num_rows: int, num_classes: int):
    """Labels (rows,) and float32 probabilities (rows, classes) that often fit them."""
    random = np.random.default_rng(0)
    labels = random.integers(0, num_classes, num_rows)
    probabilities = random.dirichlet(np.ones(num_classes), num_rows)
    probabilities[np.arange(num_rows), labels] += 0.3
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return labels, probabilities.astype(np.float32)


def test_a_first_model_is_measured_and_blessed_without_a_comparison(evaluate):
    labels, probabilities = _rows(60, 2)
    labels[7] = -1  # not among the training labels
    # No threshold but on the drop, which TFX leaves out without a blessed model.
    report, blessed, files, _ = evaluate(
        labels, probabilities, _Oracle(2), max_drop={"accuracy": 0.0}
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
        *_rows(40, 6),
        _Oracle(6),
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
    labels, probabilities = _rows(40, 6)
    report, blessed, *_ = evaluate(
        labels,
        probabilities,
        _Oracle(6),
        baseline=_Oracle(6, known=3),
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
    labels, probabilities = _rows(60, 6)
    report, blessed, files, _ = evaluate(
        labels,
        probabilities,
        _Oracle(6, reverse=True),
        baseline=_Oracle(6, limit=0.1),
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
        f"accuracy changed by {change:+.4f} against the last blessed model; "
        "it may be worse by 0.1"
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
    labels, probabilities = _rows(200, 3)
    labels[12] = 3  # not known
    with Path(tmp_path, "data.csv").open("w") as data:
        report, blessed, *_ = evaluate(
            labels,
            probabilities,
            _Oracle(3),
            baseline=_Oracle(3),
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
    labels, probabilities = _rows(80, 2)
    sure = probabilities.max(axis=1) >= np.float32(0.75)
    is_odd = np.arange(80) % 2 == 1
    report, blessed, _, folder = evaluate(
        labels,
        probabilities,
        _Oracle(2, unsure=0.75),
        baseline=_Oracle(2),  # of before there was such an option
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
    labels, probabilities = _rows(60, 2)
    right = probabilities.argmax(axis=1) == labels
    # A model that is right for one language, and wrong for the other; of ten rows,
    # as an earlier version wrote them, none is known.
    languages = np.where(right, "de", "en")
    slices_of = [[f"language={each}", f"stars={5}"] for each in languages]
    slices_of[:10] = [None] * 10
    report, blessed, *_ = evaluate(
        labels,
        probabilities,
        _Oracle(2),
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
    labels, probabilities = _rows(20, 2)
    probabilities[3] = np.nan
    report, blessed, *_ = evaluate(labels, probabilities, _Oracle(2), thresholds={})
    assert blessed == 0
    assert report["metrics"] == dict.fromkeys(report["metrics"])  # all None
    assert report["failures"] == [
        "accuracy is undefined: the model gives probabilities that are not numbers"
    ]
    assert report["notes"][0].startswith("1 of 20 predictions are not numbers")


def test_an_empty_test_split_blesses_nothing(evaluate):
    report, blessed, *_ = evaluate([], [], _Oracle(2), thresholds={"auc": 0.1})
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
            "auc changed by -0.0200 against the last blessed model; "
            "it may be worse by 0.01",
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
