"""Reads what the Evaluator measured, and why it refused a model."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.proto import config_pb2

from pipeline.evaluation_verdict import failures, thresholds
from pipeline.features import LENGTH_BUCKET, LENGTH_BUCKETS
from pipeline.measures import MEASURES
from pipeline.metrics import (
    EXAMPLE_COUNT,
    INVALID_PREDICTIONS,
    PER_CLASS,
    UNKNOWN_LABELS,
)

_Values = dict[tuple[str, int | None], float]  # (name, class or None) -> value


def read_evaluation(
    folder: str, *, class_names: Sequence[str] | None = None
) -> dict[str, Any]:
    """Returns the contents of an `evaluation` artifact as plain values.

    A measure is a share without unit, or None where it is undefined.

    Args:
        folder: Where the artifact lies.
        class_names: In the order of the probabilities; otherwise classes go by number.

    Returns:
        `metrics`: measure -> value, over all test rows;
        `baseline`: the same of the last blessed model, None where there was none;
        `rows`, `unknown_labels`, `invalid_predictions`: counts of test rows;
        `classes`: one dict per class: `name`, `precision`, `recall`, `f1`, `support`;
        `by_length`: third of the texts by length, shortest first -> measures, `rows`;
        `ok`: whether all thresholds were met, None if none was checked;
        `thresholds`: one dict each: `measure`, `kind` ("least", "most", or "change"
        against the baseline), `bound`, `value`, `ok`;
        `failures`: one line for each that was missed;
        `notes`: lines on what makes the figures less than they seem.
    """
    candidate, baseline = _read_slices(folder)
    overall = candidate.get("", {})
    counts = {
        name: int(overall.get((key, None), 0))
        for name, key in (
            ("rows", EXAMPLE_COUNT),
            ("unknown_labels", UNKNOWN_LABELS),
            ("invalid_predictions", INVALID_PREDICTIONS),
        )
    }
    before = _measures(baseline[""]) if "" in baseline else None
    report: dict[str, Any] = {
        "metrics": _measures(overall),
        "baseline": before,
        **counts,
        "classes": _classes(overall, class_names),
        "by_length": {
            bucket: {
                **_measures(candidate[bucket]),
                "rows": int(candidate[bucket][EXAMPLE_COUNT, None]),
            }
            for bucket in LENGTH_BUCKETS
            if bucket in candidate
        },
    }
    validation = _read_validation(folder)
    report["ok"] = None if validation is None else bool(validation.validation_ok)
    report["thresholds"] = []
    if validation is not None:
        report["thresholds"] = thresholds(_read_config(folder), validation, report)
    report["failures"] = failures(report)
    report["notes"] = _notes(report)
    return report


def _read_slices(folder: str) -> tuple[dict[str, _Values], dict[str, _Values]]:
    """Returns slice -> values of the candidate and of the baseline; "" is all rows."""
    candidate: dict[str, _Values] = {}
    baseline: dict[str, _Values] = {}
    for of_slice in tfma.load_metrics(folder):
        keys = of_slice.slice_key.single_slice_keys
        if len(keys) > 1 or any(key.column != LENGTH_BUCKET for key in keys):
            continue
        name = keys[0].bytes_value.decode() if keys else ""
        for entry in of_slice.metric_keys_and_values:
            if entry.key.is_diff:
                continue
            is_baseline = entry.key.model_name == constants.BASELINE_KEY
            values = (baseline if is_baseline else candidate).setdefault(name, {})
            sub_key = entry.key.sub_key
            has_class = sub_key.HasField("class_id")
            class_id = sub_key.class_id.value if has_class else None
            values[entry.key.name, class_id] = entry.value.double_value.value
    return candidate, baseline


def _read_validation(folder: str) -> Any:
    if not tf.io.gfile.glob(os.path.join(folder, f"{constants.VALIDATIONS_KEY}*")):
        return None
    return tfma.load_validation_result(folder)


def _read_config(folder: str) -> config_pb2.EvalConfig:
    """Returns the configuration as it was used: without changes if no baseline was."""
    with tf.io.gfile.GFile(os.path.join(folder, "eval_config.json")) as file:
        return json_format.Parse(file.read(), config_pb2.EvalRun()).eval_config


def _measures(values: _Values) -> dict[str, float | None]:
    return {name: _defined(values.get((name, None))) for name in MEASURES}


def _defined(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _classes(
    values: _Values, class_names: Sequence[str] | None
) -> list[dict[str, Any]]:
    class_ids = sorted({class_id for _, class_id in values if class_id is not None})
    names = dict(enumerate(class_names or ()))
    classes = []
    for class_id in class_ids:
        one: dict[str, Any] = {"name": names.get(class_id, str(class_id))}
        one.update({name: _defined(values.get((name, class_id))) for name in PER_CLASS})
        one["support"] = int(one["support"] or 0)
        classes.append(one)
    return classes


def _notes(report: dict[str, Any]) -> list[str]:
    notes = []
    if report["invalid_predictions"]:
        notes.append(
            f"{report['invalid_predictions']:,} of {report['rows']:,} predictions are "
            "not numbers, so no measure is defined"
        )
    if report["unknown_labels"]:
        notes.append(
            f"{report['unknown_labels']:,} of {report['rows']:,} test rows have a "
            "label that is not among the training labels; they count as wrong"
        )
    in_buckets = sum(bucket["rows"] for bucket in report["by_length"].values())
    if in_buckets > report["rows"]:
        # TFMA slices by the transformed features of both models.
        notes.append(
            f"{in_buckets - report['rows']:,} test rows stand in two of the thirds by "
            "length: their limits moved since the last blessed model"
        )
    return notes
