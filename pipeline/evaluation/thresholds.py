"""What the Evaluator measures, and what a model must reach to be blessed."""

from __future__ import annotations

from google.protobuf import wrappers_pb2

# TFMA 0.52 leaves some of these messages out of its top level.
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.proto import config_pb2

from pipeline import features
from pipeline.config import EvaluationConfig
from pipeline.evaluation.measures import ACCURACY, JUDGED, LOWER_IS_BETTER
from pipeline.evaluation.tfma_metrics import ClassificationMetrics


def eval_config(
    evaluation: EvaluationConfig, *, sliced: bool = False
) -> config_pb2.EvalConfig:
    """Returns the Evaluator's configuration, for any number of classes.

    All test rows together are judged by `thresholds` and `max_drop`; the thirds by
    length of text are measured too, but never refuse a model: they can be small.

    TFX leaves `max_drop` out while there is no blessed model to compare with. It
    blesses nothing when no threshold is left then, so that no model would ever come
    first; hence the threshold "accuracy at least 0", which only a model whose
    predictions are not numbers fails.

    Args:
        evaluation: `thresholds`, measure -> least value (most, for
            `calibration_error`), and `max_drop`, measure -> most it may be worse than
            that of the last blessed model; `slices`, name of a slice -> `thresholds`
            of its rows alone. A slice without a test row misses them.
        sliced: Whether the examples have the feature SLICES.
    """
    spec = config_pb2.MetricsSpec(
        metrics=[
            config_pb2.MetricConfig(
                class_name=ClassificationMetrics.__name__,
                module=ClassificationMetrics.__module__,
            )
        ]
    )
    options = evaluation.model_dump()
    bounds, max_drop = {ACCURACY: 0.0, **options["thresholds"]}, options["max_drop"]
    for name in JUDGED:
        if name in bounds or name in max_drop:
            # An empty slicing spec is all rows; without one, each slice would count.
            spec.per_slice_thresholds[name].thresholds.add(
                slicing_specs=[config_pb2.SlicingSpec()],
                threshold=_threshold(name, bounds.get(name), max_drop.get(name)),
            )
        for of_slice, its_bounds in options["slices"].items():
            if name in its_bounds:
                values = {features.SLICES: of_slice}
                spec.per_slice_thresholds[name].thresholds.add(
                    slicing_specs=[config_pb2.SlicingSpec(feature_values=values)],
                    threshold=_threshold(name, its_bounds[name], None),
                )
    slicing_specs = [
        config_pb2.SlicingSpec(),
        config_pb2.SlicingSpec(feature_keys=[features.LENGTH_BUCKET]),
    ]
    if sliced:
        slicing_specs.append(config_pb2.SlicingSpec(feature_keys=[features.SLICES]))
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                # Named, so that TFMA does not first try to load it as a Keras model.
                model_type=constants.TF_GENERIC,
                signature_name=features.SERVE_EXAMPLES,
                preprocessing_function_names=[features.TRANSFORM_FEATURES],
                label_key=features.LABEL_ID,
                prediction_key=features.PROBABILITIES,
            )
        ],
        slicing_specs=slicing_specs,
        metrics_specs=[spec],
        options=config_pb2.Options(
            include_default_metrics=wrappers_pb2.BoolValue(value=False)
        ),
    )


def _threshold(
    name: str, bound: float | None, drop: float | None
) -> config_pb2.MetricThreshold:
    """Returns what a measure must reach, and how much of it may be lost, or either."""
    threshold = config_pb2.MetricThreshold()
    lower_is_better = name in LOWER_IS_BETTER
    if bound is not None:
        value = wrappers_pb2.DoubleValue(value=bound)
        side = "upper_bound" if lower_is_better else "lower_bound"
        getattr(threshold.value_threshold, side).CopyFrom(value)
    if drop is not None:
        change = threshold.change_threshold  # the candidate's value less the other's
        most = drop if lower_is_better else -drop
        change.absolute.CopyFrom(wrappers_pb2.DoubleValue(value=most))
        change.direction = (
            config_pb2.LOWER_IS_BETTER
            if lower_is_better
            else config_pb2.HIGHER_IS_BETTER
        )
    return threshold
