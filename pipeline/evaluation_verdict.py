"""Which thresholds a model met, and in words which it missed."""

from __future__ import annotations

from typing import Any

from tensorflow_model_analysis.proto import config_pb2

from pipeline.measures import ACCURACY, AUC, LOWER_IS_BETTER, MEASURES


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
