"""Reads the anomalies, then either stops the run or writes the clearance."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from typing import Any

from absl import logging
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.anomaly_gate.anomalies import (
    DRIFT,
    SCHEMA,
    Anomaly,
    describe,
    find_new_labels,
    is_guess_about_number,
    is_guess_about_text,
    read_anomalies,
    read_drift,
    refusal_message,
)
from components.drift_check.report import read_report_anomalies
from components.text_example_gen.examples import COUNTS_FILE

REPORT_NAME = "clearance.json"


class AnomaliesFoundError(RuntimeError):
    """The data does not fit the schema, or drifted; the message lists where and how.

    Attributes:
        is_drift: Whether nothing but drift was found.
    """

    def __init__(self, message: str, *, is_drift: bool = False) -> None:
        super().__init__(message)
        self.is_drift = is_drift


class Executor(base_executor.BaseExecutor):
    """Lets a run go on, with or without a warning, or stops it."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Judges the anomalies of every split, and the drift of the newest span.

        Args:
            input_dict: `anomalies`, one ExampleAnomalies; `statistics`, one
                ExampleStatistics or none; `examples`, one Examples or none; `drift`,
                one DriftReport or none.
            output_dict: `clearance`, one Clearance. Gets `clearance.json`:
                `verdict` (clear or warned), `splits` (per split `examples`, a
                number or null, and the lists `anomalies` and `ignored`, in the form
                of `anomalies.Anomaly`) and `drift` (such a list, null without a
                DriftReport); the verdict is a custom property as well.
            exec_properties: `on_schema_anomaly` and `on_drift`, each stop or warn;
                `free_text_features` and `list_features`, JSON lists; `label_feature`.

        Raises:
            AnomaliesFoundError: An anomaly of severity ERROR is of a kind to stop on.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        anomalies = artifact_utils.get_single_instance(input_dict["anomalies"])
        clearance = artifact_utils.get_single_instance(output_dict["clearance"])
        free_text = set(json.loads(exec_properties["free_text_features"]))
        lists = set(json.loads(exec_properties.get("list_features") or "[]"))
        actions = {
            SCHEMA: exec_properties["on_schema_anomaly"],
            DRIFT: exec_properties["on_drift"],
        }
        names = artifact_utils.decode_split_names(anomalies.split_names)
        labels = _label_counts(input_dict.get("examples"))
        of_splits = [a for name in names for a in _read_split(anomalies, name)]
        of_splits += find_new_labels(labels, exec_properties["label_feature"])
        ignored = [
            a
            for a in of_splits
            if is_guess_about_text(a, free_text) or is_guess_about_number(a, lists)
        ]
        drift = _drift(input_dict.get("drift"))
        judged = [a for a in of_splits if a not in ignored] + (drift or [])

        fatal = [
            a for a in judged if a.severity == "ERROR" and actions[a.kind] == "stop"
        ]
        if fatal:
            raise AnomaliesFoundError(
                refusal_message(fatal), is_drift=all(a.kind == DRIFT for a in fatal)
            )
        for anomaly in judged:
            logging.warning("AnomalyGate: %s", describe(anomaly))

        verdict = "warned" if judged else "clear"
        examples = _example_counts(input_dict.get("statistics"))
        report = {
            "verdict": verdict,
            "splits": {
                name: {
                    "examples": examples.get(name),
                    "anomalies": _as_dicts(a for a in judged if a.split == name),
                    "ignored": _as_dicts(a for a in ignored if a.split == name),
                }
                for name in [*names, *sorted(set(labels) - set(names))]
            },
            "drift": None if drift is None else _as_dicts(drift),
        }
        io_utils.write_string_file(
            os.path.join(clearance.uri, REPORT_NAME), json.dumps(report, indent=2)
        )
        clearance.set_string_custom_property("verdict", verdict)


def _as_dicts(anomalies: Iterable[Anomaly]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(anomaly) for anomaly in anomalies]


def _read_split(artifact: types.Artifact, split: str) -> list[Anomaly]:
    folder = artifact_utils.get_split_uri([artifact], split)
    # The file's name changed between releases of TFX (Anomalies.pb, SchemaDiff.pb),
    # and each release reads and writes only its own: the folder holds nothing else.
    path = io_utils.get_only_uri_in_dir(folder)
    proto = anomalies_pb2.Anomalies.FromString(io_utils.read_bytes_file(path))
    return read_anomalies(proto, split)


def _example_counts(artifacts: list[types.Artifact] | None) -> dict[str, int]:
    if not artifacts:
        return {}
    artifact = artifact_utils.get_single_instance(artifacts)
    counts = {}
    for split in artifact_utils.decode_split_names(artifact.split_names):
        proto = stats_artifact_utils.load_statistics(artifact, split).proto()
        counts[split] = sum(int(dataset.num_examples) for dataset in proto.datasets)
    return counts


def _label_counts(artifacts: list[types.Artifact] | None) -> dict[str, dict[str, int]]:
    if not artifacts:
        return {}
    path = os.path.join(artifact_utils.get_single_uri(artifacts), COUNTS_FILE)
    if not fileio.exists(path):
        return {}
    return json.loads(io_utils.read_string_file(path)).get("labels", {})


def _drift(artifacts: list[types.Artifact] | None) -> list[Anomaly] | None:
    """Returns what DriftCheck found; None where there was no DriftCheck."""
    if not artifacts:
        return None
    uri = artifact_utils.get_single_uri(artifacts)
    return read_drift(read_report_anomalies(uri))
