"""What TensorFlow Model Analysis is asked to measure and to judge."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from pipeline.config import EvaluationConfig
from pipeline.evaluation.thresholds import eval_config


def _thresholds(**options) -> dict:
    """Returns measure -> threshold of a configuration with these options alone."""
    section = EvaluationConfig(**{"thresholds": {}, "max_drop": {}, **options})
    (spec,) = eval_config(section).metrics_specs
    by_measure = {}
    for name, thresholds in spec.per_slice_thresholds.items():
        (threshold,) = thresholds.thresholds
        (slicing,) = threshold.slicing_specs
        assert not slicing.ByteSize()  # all rows, and none of the thirds by length
        by_measure[name] = threshold.threshold
    return by_measure


def test_a_threshold_is_a_lower_bound_and_a_drop_a_change():
    auc = _thresholds(thresholds={"auc": 0.6}, max_drop={"auc": 0.02})["auc"]
    assert auc.value_threshold.lower_bound.value == 0.6
    assert not auc.value_threshold.HasField("upper_bound")
    assert auc.change_threshold.absolute.value == -0.02
    assert auc.change_threshold.direction == 2  # higher is better


def test_the_calibration_error_is_bounded_from_above():
    error = _thresholds(
        thresholds={"calibration_error": 0.2}, max_drop={"calibration_error": 0.05}
    )["calibration_error"]
    assert error.value_threshold.upper_bound.value == 0.2
    assert not error.value_threshold.HasField("lower_bound")
    assert error.change_threshold.absolute.value == 0.05
    assert error.change_threshold.direction == 1  # lower is better


def test_without_thresholds_one_that_any_sound_model_meets_is_left():
    thresholds = _thresholds(max_drop={"auc": 0.1})
    assert thresholds["accuracy"].value_threshold.HasField("lower_bound")
    assert thresholds["accuracy"].value_threshold.lower_bound.value == 0
    assert not thresholds["auc"].HasField("value_threshold")
    assert set(_thresholds()) == {"accuracy"}


def test_measures_without_a_bound_are_not_judged():
    thresholds = _thresholds(thresholds={"macro_f1": 0.5}, max_drop={"accuracy": 0.25})
    assert set(thresholds) == {"macro_f1", "accuracy"}


def test_the_classes_need_not_be_known():
    config = str(eval_config(EvaluationConfig()))
    assert "class" not in config.replace("class_name", "")


@pytest.mark.parametrize("option", ["thresholds", "max_drop"])
def test_an_unknown_measure_is_refused_with_the_known_ones(option):
    with pytest.raises(ValidationError, match="'accuracy', 'auc'.*'f1'"):
        EvaluationConfig(**{option: {"f1": 0.5}})


@pytest.mark.parametrize("value", [60, -0.1, math.nan, "much", None])
def test_a_bound_that_is_not_a_share_is_refused(value):
    with pytest.raises(ValidationError, match="thresholds.auc"):
        EvaluationConfig(thresholds={"auc": value})


def test_a_slice_has_thresholds_of_its_own():
    slices = {"language=de": {"calibration_error": 0.2}}
    config = eval_config(EvaluationConfig(slices=slices), sliced=True)
    (spec,) = config.metrics_specs
    (threshold,) = spec.per_slice_thresholds["calibration_error"].thresholds
    (slicing,) = threshold.slicing_specs
    assert dict(slicing.feature_values) == {"slices": "language=de"}
    assert threshold.threshold.value_threshold.upper_bound.value == 0.2
    assert [list(each.feature_keys) for each in config.slicing_specs] == [
        [],
        ["length_bucket"],
        ["slices"],
    ]
    assert len(eval_config(EvaluationConfig()).slicing_specs) == 2
