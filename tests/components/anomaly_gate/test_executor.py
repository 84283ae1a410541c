from __future__ import annotations

import json
import random
from pathlib import Path

import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.anomaly_gate.component import Clearance
from components.anomaly_gate.executor import AnomaliesFoundError, Executor
from components.drift_check.report import DriftReport, write_report

_WORDS = ("good", "bad", "film", "plot", "dull", "café", "the", "a", "is", "not")


def _frame(rows: int, labels: str, distinct: int = 0, seed: int = 0) -> pd.DataFrame:
    draw = random.Random(seed)
    pool = [" ".join(draw.choices(_WORDS, k=12)) for _ in range(distinct or rows)]
    return pd.DataFrame(
        {"text": draw.choices(pool, k=rows), "label": draw.choices(labels, k=rows)}
    )


def _stats(frame: pd.DataFrame):
    return tfdv.generate_statistics_from_dataframe(frame, n_jobs=1)


def _anomalies(train: pd.DataFrame, other: pd.DataFrame) -> anomalies_pb2.Anomalies:
    schema = tfdv.infer_schema(_stats(train), infer_feature_shape=True)
    return tfdv.validate_statistics(_stats(other), schema)


class Gate:
    """Runs the executor on artifacts made by hand in a folder of the test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clearance = Clearance()
        self.clearance.uri = str(root / "clearance")

    def run(
        self,
        anomalies,
        file="SchemaDiff.pb",
        labels=None,
        free_text=(),
        lists=(),
        drift=None,
        **properties,
    ):
        artifact = standard_artifacts.ExampleAnomalies()
        artifact.uri = str(self.root / "anomalies")
        artifact.split_names = artifact_utils.encode_split_names(list(anomalies))
        for split, proto in anomalies.items():
            folder = self.root / "anomalies" / f"Split-{split}"
            folder.mkdir(parents=True)
            (folder / file).write_bytes(proto.SerializeToString())
        inputs = {"anomalies": [artifact]}
        if labels is not None:
            examples = standard_artifacts.Examples()
            examples.uri = str(self.root / "examples")
            Path(examples.uri).mkdir()
            counts = Path(examples.uri) / "counts.json"
            counts.write_text(json.dumps({"labels": labels}), encoding="utf-8")
            inputs["examples"] = [examples]
        if drift is not None:
            report = DriftReport()
            report.uri = str(self.root / "drift")
            write_report(report.uri, {}, drift)
            inputs["drift"] = [report]
        exec_properties = {
            "on_schema_anomaly": "stop",
            "on_drift": "stop",
            "free_text_features": json.dumps(free_text),
            "list_features": json.dumps(lists),
            "label_feature": "label",
            **properties,
        }
        Executor().Do(inputs, {"clearance": [self.clearance]}, exec_properties)
        report = Path(self.clearance.uri) / "clearance.json"
        return json.loads(report.read_text(encoding="utf-8"))


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@pytest.fixture(scope="module")
def fitting():
    return _anomalies(_frame(400, "pn"), _frame(60, "pn", seed=1))


@pytest.fixture(scope="module")
def new_label():
    return _anomalies(_frame(400, "pn"), _frame(60, "pnx", seed=1))


@pytest.fixture(scope="module")
def drifted():
    before = _stats(_frame(300, "pn"))
    schema = tfdv.infer_schema(before, infer_feature_shape=True)
    comparator = tfdv.get_feature(schema, "label").drift_comparator
    comparator.infinity_norm.threshold = 0.1
    now = _stats(_frame(300, "p", seed=1))
    return tfdv.validate_statistics(now, schema, previous_statistics=before)


@pytest.mark.parametrize("file", ["SchemaDiff.pb", "Anomalies.pb"])
def test_free_text_that_fits_is_cleared_under_either_name_of_the_file(
    gate, fitting, file
):
    report = gate.run({"train": fitting, "eval": fitting}, file=file)
    nothing = {"examples": None, "anomalies": [], "ignored": []}
    assert report == {
        "verdict": "clear",
        "splits": {"train": nothing, "eval": nothing},
        "drift": None,
    }
    assert gate.clearance.get_string_custom_property("verdict") == "clear"


def test_a_label_missing_from_eval_is_not_an_anomaly(gate):
    anomalies = _anomalies(_frame(400, "pn"), _frame(60, "p", seed=1))
    labels = {"train": {"p": 200, "n": 200}, "eval": {"p": 60}}
    assert gate.run({"eval": anomalies}, labels=labels)["verdict"] == "clear"


def test_a_schema_anomaly_stops_with_split_feature_severity_and_what_to_do(
    gate, fitting, new_label
):
    with pytest.raises(AnomaliesFoundError) as caught:
        gate.run({"train": fitting, "eval": new_label})
    message = str(caught.value)
    assert "split `eval`, feature `label`: Unexpected string values" in message
    assert "[schema, ERROR]" in message
    assert "x (~" in message, "the value is named"
    assert "train" not in message
    hint = message.splitlines()[-1]
    assert hint.startswith("hint: ")
    assert "curated schema file" in hint and "`gate.on_schema_anomaly: warn`" in hint
    assert "drift" not in hint
    assert not Path(gate.clearance.uri).exists(), "no clearance for such data"


def test_a_schema_anomaly_only_warns_on_request_and_is_reported(gate, new_label):
    report = gate.run({"eval": new_label}, on_schema_anomaly="warn")
    assert report["verdict"] == "warned"
    (anomaly,) = report["splits"]["eval"]["anomalies"]
    assert anomaly["type"] == "ENUM_TYPE_UNEXPECTED_STRING_VALUES"
    assert (anomaly["feature"], anomaly["kind"]) == ("label", "schema")


def test_drift_stops_although_schema_anomalies_only_warn(gate, drifted):
    with pytest.raises(AnomaliesFoundError) as caught:
        gate.run({"train": drifted}, on_schema_anomaly="warn")
    message = str(caught.value)
    assert "feature `label`: High Linfty distance" in message
    assert "[drift, ERROR]" in message and "`gate.on_drift: warn`" in message
    assert "comparator in the schema file" in message


def test_drift_only_warns_on_request(gate, drifted):
    report = gate.run({"train": drifted}, on_drift="warn")
    assert report["splits"]["train"]["anomalies"][0]["kind"] == "drift"


@pytest.fixture
def unknown_words(drifted):
    """Drift of the label, which TFDV finds, and of words, for which it has no type."""
    report = anomalies_pb2.Anomalies.FromString(drifted.SerializeToString())
    info = report.anomaly_info["unknown_words"]
    info.severity = anomalies_pb2.AnomalyInfo.ERROR
    info.reason.add(
        type=anomalies_pb2.AnomalyInfo.CUSTOM_VALIDATION,
        short_description="High difference",
    )
    return report


def test_drift_between_spans_stops_and_names_the_options_that_it_went_above(
    gate, fitting, unknown_words
):
    with pytest.raises(AnomaliesFoundError) as caught:
        gate.run({"train": fitting}, on_schema_anomaly="warn", drift=unknown_words)
    message = str(caught.value)
    assert "newest span, feature `label`: High Linfty distance" in message
    assert "newest span, feature `unknown_words`: High difference [drift" in message
    hint = message.splitlines()[-1]
    assert "raise `drift.label`, `drift.unknown_words`; or let drift pass with " in hint
    assert "`gate.on_drift: warn`" in hint
    assert "schema" not in hint and "drift.length" not in hint


def test_drift_between_spans_only_warns_on_request_and_is_reported(
    gate, fitting, unknown_words
):
    report = gate.run({"train": fitting}, on_drift="warn", drift=unknown_words)
    assert report["verdict"] == "warned"
    assert report["splits"]["train"]["anomalies"] == []
    assert [(a["feature"], a["kind"]) for a in report["drift"]] == [
        ("label", "drift"),
        ("unknown_words", "drift"),
    ]


def test_spans_without_drift_are_cleared(gate, fitting):
    report = gate.run({"train": fitting}, drift=anomalies_pb2.Anomalies())
    assert (report["verdict"], report["drift"]) == ("clear", [])


def test_few_distinct_texts_are_not_a_category_when_the_feature_is_free_text(gate):
    anomalies = _anomalies(_frame(200, "pn", distinct=60), _frame(60, "pn", seed=1))
    with pytest.raises(AnomaliesFoundError, match="feature `text`"):
        Gate(gate.root / "strict").run({"eval": anomalies})
    report = gate.run({"eval": anomalies}, free_text=["text"])
    assert report["verdict"] == "clear"
    assert report["splits"]["eval"]["ignored"][0]["feature"] == "text"


def test_a_missing_text_column_stops_although_the_feature_is_free_text(gate):
    frame = _frame(400, "pn")
    anomalies = _anomalies(frame, frame[["label"]])
    with pytest.raises(AnomaliesFoundError, match="feature `text`: Column dropped"):
        gate.run({"eval": anomalies}, free_text=["text"])


def test_a_label_seen_only_outside_training_stops_where_tfdv_is_silent(gate, fitting):
    labels = {"train": {"1": 300, "2": 90}, "eval": {"1": 9, "3": 2}, "test": {"2": 4}}
    with pytest.raises(AnomaliesFoundError) as caught:
        gate.run({"eval": fitting}, labels=labels)
    message = str(caught.value)
    assert "split `eval`, feature `label`: Label not in the training" in message
    assert "2 rows have a label that no training row has: `3`" in message


def test_an_anomaly_of_severity_warning_does_not_stop(gate, new_label):
    milder = anomalies_pb2.Anomalies.FromString(new_label.SerializeToString())
    milder.anomaly_info["label"].severity = anomalies_pb2.AnomalyInfo.WARNING
    assert gate.run({"eval": milder})["verdict"] == "warned"


def test_a_split_without_examples_stops(gate):
    with pytest.raises(AnomaliesFoundError, match="split `test`.*No examples"):
        gate.run({"test": anomalies_pb2.Anomalies(data_missing=True)})


def test_several_reasons_for_one_feature_are_all_reported(gate, new_label):
    both = anomalies_pb2.Anomalies.FromString(new_label.SerializeToString())
    both.anomaly_info["label"].reason.add(
        type=anomalies_pb2.AnomalyInfo.COMPARATOR_L_INFTY_HIGH,
        short_description="High distance",
    )
    with pytest.raises(AnomaliesFoundError, match=r"2 anomalies"):
        gate.run({"eval": both})


def test_the_number_of_labels_that_training_rows_happen_to_have_is_no_rule(gate):
    anomalies = anomalies_pb2.Anomalies()
    reason = anomalies.anomaly_info["label"].reason.add()
    reason.type = anomalies_pb2.AnomalyInfo.FEATURE_TYPE_HIGH_NUMBER_VALUES
    anomalies.anomaly_info["label"].severity = anomalies_pb2.AnomalyInfo.ERROR
    gate.run({"eval": anomalies}, lists=["label"])
    report = json.loads(Path(gate.clearance.uri, "clearance.json").read_text())
    assert (report["verdict"], len(report["splits"]["eval"]["ignored"])) == ("clear", 1)
