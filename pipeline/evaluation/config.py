"""What the Evaluator measures, and what a model must reach to be blessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import wrappers_pb2

# TFMA 0.52 leaves some of these messages out of its top level.
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.proto import config_pb2

from pipeline.evaluation.measures import ACCURACY, LOWER_IS_BETTER, MEASURES
from pipeline.evaluation.metrics import ClassificationMetrics
from pipeline.features import LABEL_ID, LENGTH_BUCKET

# The signatures of the exported model.
SERVING_SIGNATURE = "serving_default"
TRANSFORM_SIGNATURE = "transform_features"
PROBABILITIES = "probabilities"


def eval_config(evaluation: Any = None) -> config_pb2.EvalConfig:
    """Returns the Evaluator's configuration, for any number of classes.

    All test rows together are judged by `thresholds` and `max_drop`; the thirds by
    length of text are measured too, but never refuse a model: they can be small.

    TFX leaves `max_drop` out while there is no blessed model to compare with. It
    blesses nothing when no threshold is left then, so that no model would ever come
    first; hence the threshold "accuracy at least 0", which only a model whose
    predictions are no numbers fails.

    Args:
        evaluation: The configuration's `evaluation` section or a mapping like it:
            `thresholds`, measure -> least value (most, for `calibration_error`), and
            `max_drop`, measure -> most it may be worse than that of the last blessed
            model. Measures are those of `pipeline.evaluation.measures`, values from 0
            to 1.

    Raises:
        ValueError: A measure is unknown, or its value no share.
    """
    thresholds = _shares(evaluation, "thresholds")
    max_drop = _shares(evaluation, "max_drop")
    spec = config_pb2.MetricsSpec(
        metrics=[
            config_pb2.MetricConfig(
                class_name=ClassificationMetrics.__name__,
                module=ClassificationMetrics.__module__,
            )
        ]
    )
    for name in MEASURES:
        threshold = config_pb2.MetricThreshold()
        if name in thresholds or name == ACCURACY:
            bound = _value_threshold(name, thresholds.get(name, 0.0))
            threshold.value_threshold.CopyFrom(bound)
        if name in max_drop:
            threshold.change_threshold.CopyFrom(_change_threshold(name, max_drop[name]))
        if name in thresholds or name in max_drop or name == ACCURACY:
            # An empty slicing spec is all rows; without one, each slice would count.
            spec.per_slice_thresholds[name].thresholds.add(
                slicing_specs=[config_pb2.SlicingSpec()], threshold=threshold
            )
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                # Named, so that TFMA does not first try to load it as a Keras model.
                model_type=constants.TF_GENERIC,
                signature_name=SERVING_SIGNATURE,
                preprocessing_function_names=[TRANSFORM_SIGNATURE],
                label_key=LABEL_ID,
                prediction_key=PROBABILITIES,
            )
        ],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            config_pb2.SlicingSpec(feature_keys=[LENGTH_BUCKET]),
        ],
        metrics_specs=[spec],
        options=config_pb2.Options(
            include_default_metrics=wrappers_pb2.BoolValue(value=False)
        ),
    )


def _shares(evaluation: Any, option: str) -> dict[str, float]:
    if evaluation is None:
        return {}
    if isinstance(evaluation, Mapping):
        values = evaluation.get(option) or {}
    else:
        values = getattr(evaluation, option)
    for name, value in values.items():
        if name not in MEASURES:
            raise ValueError(
                f"`{option}` must name measures of {', '.join(MEASURES)}. "
                f"Received: {name!r}"
            )
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= 1:  # NaN is no share either
            raise ValueError(
                f"`{option}` must give a share from 0 to 1 for {name}. "
                f"Received: {value!r}"
            )
    return {name: float(value) for name, value in values.items()}


def _value_threshold(name: str, bound: float) -> config_pb2.GenericValueThreshold:
    value = wrappers_pb2.DoubleValue(value=bound)
    if name in LOWER_IS_BETTER:
        return config_pb2.GenericValueThreshold(upper_bound=value)
    return config_pb2.GenericValueThreshold(lower_bound=value)


def _change_threshold(name: str, max_drop: float) -> config_pb2.GenericChangeThreshold:
    # The change is the candidate's value less that of the blessed model.
    if name in LOWER_IS_BETTER:
        return config_pb2.GenericChangeThreshold(
            absolute=wrappers_pb2.DoubleValue(value=max_drop),
            direction=config_pb2.LOWER_IS_BETTER,
        )
    return config_pb2.GenericChangeThreshold(
        absolute=wrappers_pb2.DoubleValue(value=-max_drop),
        direction=config_pb2.HIGHER_IS_BETTER,
    )
