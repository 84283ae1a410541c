"""Reads what the Evaluator measured and why it refused a model."""

from __future__ import annotations

import math
from typing import Any

import tensorflow_model_analysis as tfma

from pipeline.features import LENGTH_BUCKET
from pipeline.measures import MEASURES


def read_evaluation(folder: str) -> dict[str, Any]:
    """Returns the measures and the failures that an `evaluation` artifact holds.

    Returns:
        `metrics`: measure -> value (no unit) or None, over all test rows;
        `by_length`: third of the texts by length -> the same, in no given order;
        `failures`: one line for each threshold that was missed.
    """
    slices: dict[str, dict[str, float | None]] = {}
    for key, outputs in tfma.load_eval_result(folder).slicing_metrics:
        values = outputs[""][""]
        slices[_slice_name(key)] = {name: _number(values, name) for name in MEASURES}
    validation = tfma.load_validation_result(folder)
    return {
        "metrics": slices.pop("", {}),
        "by_length": slices,
        "failures": [] if validation is None else _failures(validation),
    }


def _slice_name(key: Any) -> str:
    """Returns a length bucket, and the empty string for all rows."""
    return ", ".join(
        str(value) if name == LENGTH_BUCKET else f"{name}={value}"
        for name, value in key
    )


def _number(values: dict[str, Any], name: str) -> float | None:
    # In protobuf's JSON a NaN is text.
    number = float(values.get(name, {}).get("doubleValue", "NaN"))
    return None if math.isnan(number) else number


def _failures(validation: Any) -> list[str]:
    failures = []
    for of_slice in validation.metric_validations_per_slice:
        for failure in of_slice.failures:
            value = failure.metric_value.double_value.value
            threshold = failure.metric_threshold
            name = failure.metric_key.name
            if failure.metric_key.is_diff or threshold.HasField("change_threshold"):
                drop = abs(threshold.change_threshold.absolute.value)
                failures.append(
                    f"{name} changed by {value:+.4f} against the last blessed model; "
                    f"it may be worse by {drop:g}"
                )
            elif threshold.value_threshold.HasField("upper_bound"):
                bound = threshold.value_threshold.upper_bound.value
                failures.append(f"{name} {value:.4f} is above {bound:g}")
            else:
                bound = threshold.value_threshold.lower_bound.value
                failures.append(f"{name} {value:.4f} is below {bound:g}")
    return failures
