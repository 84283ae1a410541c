"""Tests of evaluation_record on results in the form that TFMA gives them."""

from __future__ import annotations

import pytest
import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from tensorflow_model_analysis.proto import validation_result_pb2

from pipeline import evaluation_record
from pipeline.evaluation_record import read_evaluation

_VALIDATION = """
metric_validations_per_slice {
  failures {
    metric_key { name: "auc" }
    metric_threshold { value_threshold { lower_bound { value: 0.6 } } }
    metric_value { double_value { value: 0.55 } }
  }
  failures {
    metric_key { name: "calibration_error" }
    metric_threshold { value_threshold { upper_bound { value: 0.1 } } }
    metric_value { double_value { value: 0.2 } }
  }
  failures {
    metric_key { name: "accuracy" is_diff: true }
    metric_threshold { change_threshold { absolute { value: -0.01 } } }
    metric_value { double_value { value: -0.05 } }
  }
}
"""


class _Result:
    def __init__(self, slicing_metrics) -> None:
        self.slicing_metrics = slicing_metrics


def _outputs(**values):
    return {"": {"": {name: {"doubleValue": value} for name, value in values.items()}}}


@pytest.fixture
def read(monkeypatch):
    def read(slicing_metrics, validation=None):
        result = _Result(slicing_metrics)
        monkeypatch.setattr(tfma, "load_eval_result", lambda folder: result)
        monkeypatch.setattr(tfma, "load_validation_result", lambda folder: validation)
        return read_evaluation("folder")

    return read


def test_measures_of_all_rows_and_of_each_length_are_told_apart(read):
    found = read(
        [
            ((), _outputs(accuracy=0.9, auc=0.95)),
            ((("length_bucket", "short"),), _outputs(accuracy=0.8)),
        ]
    )
    assert found["metrics"]["accuracy"] == 0.9
    assert found["metrics"]["macro_f1"] is None
    assert found["by_length"]["short"]["accuracy"] == 0.8
    assert found["failures"] == []


def test_a_measure_that_is_not_defined_is_none(read):
    found = read([((), _outputs(accuracy=1.0, auc="NaN"))])
    assert found["metrics"]["auc"] is None


def test_each_missed_threshold_is_named_with_value_and_bound(read):
    validation = text_format.Parse(
        _VALIDATION, validation_result_pb2.ValidationResult()
    )
    assert read([((), _outputs())], validation)["failures"] == [
        "auc 0.5500 is below 0.6",
        "calibration_error 0.2000 is above 0.1",
        "accuracy changed by -0.0500 against the last blessed model; "
        "it may be worse by 0.01",
    ]


def test_the_slices_are_those_of_the_evaluators_configuration():
    from pipeline.evaluation import eval_config

    [_, by_length] = eval_config().slicing_specs
    assert list(by_length.feature_keys) == [evaluation_record.LENGTH_BUCKET]
