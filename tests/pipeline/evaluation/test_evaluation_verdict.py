from __future__ import annotations

import pytest

from pipeline.evaluation.report import failures


def _report(measure: str, kind: str, bound: float, value: float | None, **facts):
    missed = {"measure": measure, "kind": kind, "bound": bound, "value": value}
    met = {"measure": "accuracy", "kind": "least", "bound": 0.0, "value": 1.0}
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
def test_each_missed_threshold_is_told_in_one_line(report, line):
    assert failures(report) == [line]
