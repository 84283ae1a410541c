from __future__ import annotations

import math

import pytest

from pipeline.config import EvaluationConfig
from pipeline.evaluation.config import eval_config


def _thresholds(config) -> dict:
    (spec,) = config.metrics_specs
    found = {}
    for name, thresholds in spec.per_slice_thresholds.items():
        (threshold,) = thresholds.thresholds
        (slicing,) = threshold.slicing_specs
        assert not slicing.ByteSize()  # all rows, and none of the thirds by length
        found[name] = threshold.threshold
    return found


def test_a_threshold_is_a_lower_bound_and_a_drop_a_change():
    found = _thresholds(
        eval_config({"thresholds": {"auc": 0.6}, "max_drop": {"auc": 0.02}})
    )
    assert found["auc"].value_threshold.lower_bound.value == 0.6
    assert not found["auc"].value_threshold.HasField("upper_bound")
    assert found["auc"].change_threshold.absolute.value == -0.02
    assert found["auc"].change_threshold.direction == 2  # higher is better


def test_the_calibration_error_is_bounded_from_above():
    found = _thresholds(
        eval_config(
            {
                "thresholds": {"calibration_error": 0.2},
                "max_drop": {"calibration_error": 0.05},
            }
        )
    )["calibration_error"]
    assert found.value_threshold.upper_bound.value == 0.2
    assert not found.value_threshold.HasField("lower_bound")
    assert found.change_threshold.absolute.value == 0.05
    assert found.change_threshold.direction == 1  # lower is better


def test_without_thresholds_one_that_any_sound_model_meets_is_left():
    found = _thresholds(eval_config({"thresholds": {}, "max_drop": {"auc": 0.1}}))
    assert found["accuracy"].value_threshold.HasField("lower_bound")
    assert found["accuracy"].value_threshold.lower_bound.value == 0
    assert not found["auc"].HasField("value_threshold")
    assert set(_thresholds(eval_config())) == {"accuracy"}


def test_the_section_of_the_configuration_will_do_as_well_as_a_mapping():
    section = EvaluationConfig(
        thresholds={"macro_f1": 0.5}, max_drop={"accuracy": 0.25}
    )
    assert eval_config(section) == eval_config(section.model_dump())
    assert set(_thresholds(eval_config(section))) == {"macro_f1", "accuracy"}


def test_the_classes_need_not_be_known():
    assert "class" not in str(eval_config()).replace("class_name", "")


@pytest.mark.parametrize("option", ["thresholds", "max_drop"])
def test_an_unknown_measure_is_refused_with_the_known_ones(option):
    with pytest.raises(ValueError, match="calibration_error. Received: 'f1'") as error:
        eval_config({option: {"f1": 0.5}})
    assert f"`{option}` must name measures of accuracy, auc," in str(error.value)


@pytest.mark.parametrize("value", [60, -0.1, math.nan, "0.6", True, None])
def test_a_bound_that_is_no_share_is_refused(value):
    with pytest.raises(ValueError, match="from 0 to 1 for auc. Received: "):
        eval_config({"thresholds": {"auc": value}})
