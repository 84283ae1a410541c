"""Reads what the Evaluator measured and why it refused a model."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.proto import config_pb2

from components.text_example_gen.notes import MOST_SLICES
from pipeline.evaluation.details import read_details
from pipeline.evaluation.measures import (
    ACCURACY,
    AUC,
    COVERAGE,
    JUDGED,
    LOWER_IS_BETTER,
    MEASURES,
    MICRO_F1,
    change_interval,
    wilson_interval,
)
from pipeline.evaluation.tfma_metrics import (
    DETAILS,
    EXAMPLE_COUNT,
    INVALID_PREDICTIONS,
    PER_CLASS,
    UNKNOWN_LABELS,
)
from pipeline.features import LENGTH_BUCKET, LENGTH_BUCKETS, SLICES

_COLUMNS = (LENGTH_BUCKET, SLICES)
_DETAILS = ("confused", "bins", "curves", "wrong")
_Values = dict[tuple[str, int | None], float]  # (name, class or None) -> value


def read_evaluation(
    folder: str,
    *,
    class_names: Sequence[str] | None = None,
    values: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Returns the contents of an `evaluation` artifact as plain values.

    A measure is a share without unit, or None where it is undefined.

    Args:
        folder: Where the artifact lies.
        class_names: In the order of the probabilities; None: numbers are the names.
        values: Column that was kept -> number of its different values; None: unknown.

    Returns:
        `metrics`: measure -> value, over all test rows; `micro_f1` only where a row
        may have several labels, `coverage` only where the model may be unsure;
        `accuracy_interval`: between which values it lies with 95 % confidence, or None;
        `accuracy_of_answers`: share of the answered rows that are right, None where
        the model answers none, or always;
        `baseline`: the same of the last blessed model, None where there was none;
        `change`: as in `facts.Change`, None where there was none;
        `rows`, `unknown_labels`, `invalid_predictions`: counts of test rows;
        `classes`: one dict per class: `name`, `precision`, `recall`, `f1`, `support`,
        `precision_interval`, `recall_interval`;
        `confused`, `bins`, `curves`, `wrong`: as in `facts.Evaluation`, empty where an
        earlier version made the artifact;
        `by_length`: third of the texts by length, shortest first -> measures, `rows`;
        `slices`: one dict per value of a column that was kept, those of a column
        together and the most frequent first: `name` (`column=value`), measures, `rows`;
        `ok`: whether all thresholds were met, None if none was checked;
        `thresholds`: one dict each: `slice` ("": all rows), `measure`, `kind` ("least",
        "most", or "change" against the baseline), `bound`, `value`, `ok`;
        `failures`: one line for each threshold that was missed;
        `notes`: lines on what makes the figures less certain than they look.
    """
    candidate, baseline, written = _read_slices(folder)
    overall = candidate.get("", {})
    details = read_details(written, class_names) if written is not None else {}
    answered, answered_rightly = details.get("answered") or (0, 0)
    metrics, rows = _measures(overall), int(overall.get((EXAMPLE_COUNT, None), 0))
    report: dict[str, Any] = {
        "metrics": metrics,
        "accuracy_interval": _interval(metrics[ACCURACY], rows),
        "accuracy_of_answers": answered_rightly / answered if answered else None,
        "baseline": _measures(baseline[""]) if "" in baseline else None,
        "change": _change(details.get("beside_last")),
        "rows": rows,
        "unknown_labels": int(overall.get((UNKNOWN_LABELS, None), 0)),
        "invalid_predictions": int(overall.get((INVALID_PREDICTIONS, None), 0)),
        "classes": _classes(overall, class_names, details.get("predicted", [])),
        **{name: details.get(name, []) for name in _DETAILS},
        "by_length": {
            bucket: {
                **_measures(candidate[bucket]),
                "rows": int(candidate[bucket][EXAMPLE_COUNT, None]),
            }
            for bucket in LENGTH_BUCKETS
            if bucket in candidate
        },
        "slices": _slices(candidate),
    }
    report["ok"], report["thresholds"] = None, []
    if tf.io.gfile.glob(os.path.join(folder, f"{constants.VALIDATIONS_KEY}*")):
        validation = tfma.load_validation_result(folder)
        report["ok"] = bool(validation.validation_ok)
        report["thresholds"] = _thresholds(_read_config(folder), validation, report)
    report["failures"] = failures(report, values or {})
    report["notes"] = _notes(report)
    return report


def _change(rows: Sequence[int] | None) -> dict[str, Any] | None:
    """Returns `facts.Change` of the counts that `read_details` returns."""
    if rows is None:
        return None
    both, gained, lost, neither = rows
    return {
        "gained": gained,
        "lost": lost,
        "both": both,
        "neither": neither,
        "interval": change_interval(gained, lost, sum(rows)),
    }


def _read_slices(
    folder: str,
) -> tuple[dict[str, _Values], dict[str, _Values], bytes | None]:
    """Returns slice -> values of the candidate and of the baseline; "" is all rows.

    And the details of all rows; None where an earlier version made the artifact.
    """
    details = None
    candidate: dict[str, _Values] = {}
    baseline: dict[str, _Values] = {}
    for of_slice in tfma.load_metrics(folder):
        keys = of_slice.slice_key.single_slice_keys
        if len(keys) > 1 or any(key.column not in _COLUMNS for key in keys):
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
            if entry.key.name != DETAILS:
                values[entry.key.name, class_id] = entry.value.double_value.value
            elif not name and not is_baseline:
                details = entry.value.bytes_value
    return candidate, baseline, details


def _slices(candidate: Mapping[str, _Values]) -> list[dict[str, Any]]:
    """Returns the slices of columns that were kept: each is named `column=value`."""
    slices = [
        {"name": name, **_measures(values), "rows": int(values[EXAMPLE_COUNT, None])}
        for name, values in candidate.items()
        if "=" in name
    ]
    return sorted(
        slices,
        key=lambda one: (one["name"].partition("=")[0], -one["rows"], one["name"]),
    )


def _read_config(folder: str) -> config_pb2.EvalConfig:
    """Returns the configuration as it was used: without changes if no baseline was."""
    with tf.io.gfile.GFile(os.path.join(folder, "eval_config.json")) as file:
        return json_format.Parse(file.read(), config_pb2.EvalRun()).eval_config


def _measures(values: _Values) -> dict[str, float | None]:
    more = [name for name in (MICRO_F1, COVERAGE) if (name, None) in values]
    return {name: _defined(values.get((name, None))) for name in (*MEASURES, *more)}


def _defined(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _interval(share: float | None, rows: int) -> tuple[float, float] | None:
    return None if share is None else wilson_interval(round(share * rows), rows)


def _classes(
    values: _Values, class_names: Sequence[str] | None, predicted: Sequence[int]
) -> list[dict[str, Any]]:
    class_ids = sorted({class_id for _, class_id in values if class_id is not None})
    names = dict(enumerate(class_names or ()))
    classes = []
    for class_id in class_ids:
        one: dict[str, Any] = {"name": names.get(class_id, str(class_id))}
        one.update({name: _defined(values.get((name, class_id))) for name in PER_CLASS})
        one["support"] = int(one["support"] or 0)
        one["recall_interval"] = _interval(one["recall"], one["support"])
        of_class = predicted[class_id] if class_id < len(predicted) else 0
        one["precision_interval"] = _interval(one["precision"], of_class)
        classes.append(one)
    return classes


def _thresholds(
    config: config_pb2.EvalConfig, validation: Any, report: dict[str, Any]
) -> list[dict[str, Any]]:
    """Returns the `thresholds` of `read_evaluation`, in the order of `JUDGED`.

    Args:
        config: As TFMA used it: without changes if there was no baseline.
        validation: TFMA's ValidationResult, which decides.
        report: `metrics`, `baseline` and `rows` of the evaluation.
    """
    missed = {
        (
            _name_of(of_slice.slice_key),
            failure.metric_key.name,
            failure.metric_key.is_diff,
        )
        for of_slice in validation.metric_validations_per_slice
        for failure in of_slice.failures
    }
    by_slice = {"": report} | {one["name"]: one for one in report["slices"]}
    thresholds = []
    for of_slice, name, kind, bound in _bounds(config):
        measured = by_slice.get(of_slice, {"rows": 0})
        value = measured.get("metrics", measured).get(name)
        if kind == "change":
            before = (report["baseline"] or {}).get(name)
            known = value is not None and before is not None
            value = value - before if known else None
        is_missed = (of_slice, name, kind == "change") in missed
        ok = measured["rows"] > 0 and not is_missed
        if ok and (of_slice, name, kind, bound) == ("", ACCURACY, "least", 0.0):
            continue  # always there, see `eval_config`
        thresholds.append(
            {
                "slice": of_slice,
                "measure": name,
                "kind": kind,
                "bound": bound,
                "value": value,
                "ok": ok,
            }
        )
    return thresholds


def _name_of(slice_key: Any) -> str:
    return "".join(key.bytes_value.decode() for key in slice_key.single_slice_keys)


def failures(report: dict[str, Any], values: Mapping[str, int]) -> list[str]:
    """Returns one line for each threshold of the report that was missed.

    Args:
        report: As `read_evaluation` returns it.
        values: Column that was kept -> number of its different values, where known.
    """
    if report["ok"] is False and report["rows"] == 0:
        return ["the test split is empty, so nothing could be measured"]
    lines = []
    for threshold in report["thresholds"]:
        name, kind = threshold["measure"], threshold["kind"]
        value, bound = threshold["value"], threshold["bound"]
        of_slice = threshold["slice"]
        if threshold["ok"]:
            continue
        of = f"{of_slice}: " if of_slice else ""
        if of_slice and not any(one["name"] == of_slice for one in report["slices"]):
            line = f"{of}{_why_unmeasured(of_slice, values)}"
            if line not in lines:
                lines.append(line)
        elif value is None:
            lines.append(
                f"{of}{name} is undefined: {_why_undefined(name, threshold, report)}"
            )
        elif kind == "change":
            side = "higher" if value > 0 else "lower"
            lines.append(
                f"{name} is {abs(value):.4g} {side} than that of the last blessed "
                f"model: at most {abs(bound):g} is allowed"
            )
        else:
            side = "above" if name in LOWER_IS_BETTER else "below"
            lines.append(f"{of}{name} {value:.6g} is {side} {bound:g}")
    return lines


def _why_unmeasured(of_slice: str, values: Mapping[str, int]) -> str:
    column = of_slice.partition("=")[0]
    number = values.get(column)
    if number is not None and number <= MOST_SLICES:
        return "no test row has this value"
    many = "" if number is None else f" {number:,}"
    return (
        f"not measured: either no test row has this value, or it is not one of the "
        f"{MOST_SLICES} most frequent of the{many} values of `{column}`"
    )


def _why_undefined(
    name: str, threshold: Mapping[str, Any], report: dict[str, Any]
) -> str:
    if report["invalid_predictions"]:
        return "the model gives probabilities that are not numbers"
    if name == COVERAGE:
        return "the model has no output that says whether it is unsure"
    if threshold["slice"]:
        return "its test rows hold one class only"
    if name == AUC and report["metrics"][AUC] is None:
        return "the test split holds one class only"
    return "it is undefined for the last blessed model"


def _bounds(
    config: config_pb2.EvalConfig,
) -> Iterator[tuple[str, str, str, float]]:
    """Yields slice, measure, kind ("least", "most" or "change") and bound."""
    for name, spec in itertools.product(JUDGED, config.metrics_specs):
        if name not in spec.per_slice_thresholds:
            continue
        for entry in spec.per_slice_thresholds[name].thresholds:
            of_slice = "".join(entry.slicing_specs[0].feature_values.values())
            value = entry.threshold.value_threshold
            change = entry.threshold.change_threshold
            if value.HasField("lower_bound"):
                yield of_slice, name, "least", value.lower_bound.value
            if value.HasField("upper_bound"):
                yield of_slice, name, "most", value.upper_bound.value
            if change.HasField("absolute"):
                yield of_slice, name, "change", change.absolute.value


def _notes(report: dict[str, Any]) -> list[str]:
    notes = []
    if MICRO_F1 in report["metrics"]:
        notes.append(
            "a row counts for accuracy if all its labels are right, and no more"
        )
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
            f"{in_buckets - report['rows']:,} test rows count as two lengths, such as "
            "short and medium: the limits between them have moved since the last model"
        )
    return notes
