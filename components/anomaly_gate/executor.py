"""Reads the anomalies, then either stops the run or writes the clearance."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

from absl import logging
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.anomaly_gate import anomalies as reading
from components.anomaly_gate.anomalies import line_of, refusal
from components.drift_check.report import read_report_anomalies


class AnomaliesFoundError(RuntimeError):
    """The data does not fit the schema, or drifted; the message lists where and how."""


ANOMALIES_KEY = "anomalies"
STATISTICS_KEY = "statistics"
EXAMPLES_KEY = "examples"
DRIFT_KEY = "drift"
CLEARANCE_KEY = "clearance"
ON_SCHEMA_ANOMALY_KEY = "on_schema_anomaly"
ON_DRIFT_KEY = "on_drift"
FREE_TEXT_KEY = "free_text_features"
LABEL_KEY = "label_feature"

REPORT_NAME = "clearance.json"
VERDICT_KEY = "verdict"
CLEAR = "clear"
WARNED = "warned"

_COUNTS_NAME = "counts.json"


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
                `free_text_features`, a JSON list; `label_feature`.

        Raises:
            AnomaliesFoundError: An anomaly of severity ERROR is of a kind to stop on.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(input_dict[ANOMALIES_KEY])
        clearance = artifact_utils.get_single_instance(output_dict[CLEARANCE_KEY])
        free_text = set(json.loads(exec_properties[FREE_TEXT_KEY]))
        actions = {
            reading.SCHEMA: exec_properties[ON_SCHEMA_ANOMALY_KEY],
            reading.DRIFT: exec_properties[ON_DRIFT_KEY],
        }

        found: list[reading.Anomaly] = []
        for split in artifact_utils.decode_split_names(artifact.split_names):
            found += reading.read_anomalies(_load(artifact, split), split)
        labels = _label_counts(input_dict.get(EXAMPLES_KEY))
        found += reading.find_new_labels(labels, exec_properties[LABEL_KEY])
        ignored = [a for a in found if reading.is_guess_about_text(a, free_text)]
        drift = _drift(input_dict.get(DRIFT_KEY))
        judged = [a for a in found if a not in ignored] + (drift or [])

        fatal = [
            a for a in judged if a.severity == "ERROR" and actions[a.kind] == "stop"
        ]
        if fatal:
            raise AnomaliesFoundError(refusal(fatal))
        for anomaly in judged:
            logging.warning("AnomalyGate: %s", line_of(anomaly))

        verdict = WARNED if judged else CLEAR
        splits = {}
        examples = _example_counts(input_dict.get(STATISTICS_KEY))
        names = artifact_utils.decode_split_names(artifact.split_names)
        for split in [*names, *sorted(set(labels) - set(names))]:
            splits[split] = {
                "examples": examples.get(split),
                "anomalies": [
                    dataclasses.asdict(a) for a in judged if a.split == split
                ],
                "ignored": [dataclasses.asdict(a) for a in ignored if a.split == split],
            }
        told = None if drift is None else [dataclasses.asdict(a) for a in drift]
        report = {VERDICT_KEY: verdict, "splits": splits, "drift": told}
        io_utils.write_string_file(
            os.path.join(clearance.uri, REPORT_NAME), json.dumps(report, indent=2)
        )
        clearance.set_string_custom_property(VERDICT_KEY, verdict)


def _load(artifact: types.Artifact, split: str) -> anomalies_pb2.Anomalies:
    folder = artifact_utils.get_split_uri([artifact], split)
    # The file's name changed between releases of TFX (Anomalies.pb, SchemaDiff.pb),
    # and each release reads and writes only its own: the folder holds nothing else.
    path = io_utils.get_only_uri_in_dir(folder)
    return anomalies_pb2.Anomalies.FromString(io_utils.read_bytes_file(path))


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
    uri = artifact_utils.get_single_uri(artifacts)
    path = os.path.join(uri, _COUNTS_NAME)
    if not fileio.exists(path):
        return {}
    return json.loads(io_utils.read_string_file(path)).get("labels", {})


def _drift(artifacts: list[types.Artifact] | None) -> list[reading.Anomaly] | None:
    """Gives what DriftCheck found; None where there was no DriftCheck."""
    if not artifacts:
        return None
    uri = artifact_utils.get_single_uri(artifacts)
    return reading.read_drift(read_report_anomalies(uri))
