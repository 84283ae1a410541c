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

from pipeline.evaluation.measures import ACCURACY, AUC, LOWER_IS_BETTER, MEASURES
from pipeline.evaluation.metrics import (
    EXAMPLE_COUNT,
    INVALID_PREDICTIONS,
    PER_CLASS,
    UNKNOWN_LABELS,
)
from pipeline.features import LENGTH_BUCKET, LENGTH_BUCKETS


def thresholds(
    config: config_pb2.EvalConfig, validation: Any, report: dict[str, Any]
) -> list[dict[str, Any]]:
    """Returns the `thresholds` of `read_evaluation`, in the order of `MEASURES`.

    Args:
        config: As TFMA used it: without changes if there was no baseline.
        validation: TFMA's ValidationResult, which decides.
        report: What is known already: `metrics`, `baseline` and `rows`.
    """
    missed = {
        (failure.metric_key.name, failure.metric_key.is_diff)
        for of_slice in validation.metric_validations_per_slice
        for failure in of_slice.failures
    }
    found = []
    for name, kind, bound in _all_bounds(config):
        value = report["metrics"][name]
        if kind == "change":
            before = (report["baseline"] or {}).get(name)
            known = value is not None and before is not None
            value = value - before if known else None
        ok = report["rows"] > 0 and (name, kind == "change") not in missed
        if ok and (name, kind, bound) == (ACCURACY, "least", 0.0):
            continue  # always there, see `eval_config`
        found.append(
            {"measure": name, "kind": kind, "bound": bound, "value": value, "ok": ok}
        )
    return found


def failures(report: dict[str, Any]) -> list[str]:
    """Returns one line for each threshold of the report that was missed."""
    if report["ok"] is False and report["rows"] == 0:
        return ["the test split is empty, so nothing could be measured"]
    lines = []
    for threshold in report["thresholds"]:
        name, kind = threshold["measure"], threshold["kind"]
        value, bound = threshold["value"], threshold["bound"]
        if threshold["ok"]:
            continue
        if value is None:
            lines.append(f"{name} is undefined: {_why_undefined(name, report)}")
        elif kind == "change":
            lines.append(
                f"{name} changed by {value:+.4f} against the last blessed model; "
                f"it may be worse by {abs(bound):g}"
            )
        else:
            side = "above" if name in LOWER_IS_BETTER else "below"
            lines.append(f"{name} {value:.6g} is {side} {bound:g}")
    return lines


def _why_undefined(name: str, report: dict[str, Any]) -> str:
    if report["invalid_predictions"]:
        return "the model gives probabilities that are not numbers"
    if name == AUC and report["metrics"][AUC] is None:
        return "the test split holds one class only"
    return "it is undefined for the last blessed model"


def _all_bounds(config: config_pb2.EvalConfig) -> list[tuple[str, str, float]]:
    found = []
    for spec in config.metrics_specs:
        for name in (name for name in MEASURES if name in spec.per_slice_thresholds):
            for entry in spec.per_slice_thresholds[name].thresholds:
                bounds = _bounds(entry.threshold)
                found += [(name, kind, bound) for kind, bound in bounds]
    return found


def _bounds(threshold: config_pb2.MetricThreshold) -> list[tuple[str, float]]:
    bounds = []
    if threshold.value_threshold.HasField("lower_bound"):
        bounds.append(("least", threshold.value_threshold.lower_bound.value))
    if threshold.value_threshold.HasField("upper_bound"):
        bounds.append(("most", threshold.value_threshold.upper_bound.value))
    if threshold.change_threshold.HasField("absolute"):
        bounds.append(("change", threshold.change_threshold.absolute.value))
    return bounds


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
