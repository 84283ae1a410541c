"""What the Evaluator measures, and what a model must reach to be blessed."""

from __future__ import annotations

from google.protobuf import wrappers_pb2

# TFMA 0.52 leaves some of these messages out of its top level.
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.proto import config_pb2

from pipeline import features
from pipeline.config import EvaluationConfig
from pipeline.evaluation.measures import ACCURACY, LOWER_IS_BETTER, MEASURES
from pipeline.evaluation.tfma_metrics import ClassificationMetrics


def eval_config(evaluation: EvaluationConfig) -> config_pb2.EvalConfig:
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
            that of the last blessed model.
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
    for name in MEASURES:
        if name not in bounds and name not in max_drop:
            continue
        lower_is_better = name in LOWER_IS_BETTER
        threshold = config_pb2.MetricThreshold()
        if name in bounds:
            value = wrappers_pb2.DoubleValue(value=bounds[name])
            side = "upper_bound" if lower_is_better else "lower_bound"
            getattr(threshold.value_threshold, side).CopyFrom(value)
        if name in max_drop:
            change = (
                threshold.change_threshold
            )  # the candidate's value less the other's
            drop = max_drop[name] if lower_is_better else -max_drop[name]
            change.absolute.CopyFrom(wrappers_pb2.DoubleValue(value=drop))
            change.direction = (
                config_pb2.LOWER_IS_BETTER
                if lower_is_better
                else config_pb2.HIGHER_IS_BETTER
            )
        # An empty slicing spec is all rows; without one, each slice would count.
        spec.per_slice_thresholds[name].thresholds.add(
            slicing_specs=[config_pb2.SlicingSpec()], threshold=threshold
        )
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
        slicing_specs=[
            config_pb2.SlicingSpec(),
            config_pb2.SlicingSpec(feature_keys=[features.LENGTH_BUCKET]),
        ],
        metrics_specs=[spec],
        options=config_pb2.Options(
            include_default_metrics=wrappers_pb2.BoolValue(value=False)
        ),
    )
