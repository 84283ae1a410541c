"""The measures of a classifier as one TensorFlow Model Analysis metric."""

from __future__ import annotations

import math
from collections.abc import Iterable

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from pipeline.evaluation.measures import MEASURES, ClassificationTally

# Keys beside `MEASURES`, one value per slice.
EXAMPLE_COUNT = "example_count"
UNKNOWN_LABELS = "unknown_labels"
INVALID_PREDICTIONS = "invalid_predictions"
COUNTS = (EXAMPLE_COUNT, UNKNOWN_LABELS, INVALID_PREDICTIONS)

# Keys with one value per class, told apart by `sub_key.class_id`.
PER_CLASS = ("precision", "recall", "f1", "support")


class ClassificationMetrics(tfma.metrics.Metric):
    """Gives `MEASURES`, `COUNTS` and, for each class, `PER_CLASS`, from one pass.

    The number of classes is that of the model's probabilities, so the wiring need not
    know it. Thresholds go into `MetricsSpec.per_slice_thresholds` under the names
    above. What each value means, `ClassificationMeasures` says.

    Args:
        name: Not used in any key; TFMA wants each metric to have one.
    """

    def __init__(self, name: str = "classification") -> None:
        super().__init__(
            tfma.metrics.merge_per_key_computations(_computations), name=name
        )


def _computations(
    name: str,
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
) -> list[tfma.metrics.MetricComputation]:
    key = _key(name, model_name, output_name)
    combiner = ClassificationCombiner(
        eval_config=eval_config, model_name=model_name, output_name=output_name
    )
    return [
        tfma.metrics.MetricComputation(
            keys=[key], preprocessors=None, combiner=combiner
        )
    ]


class ClassificationCombiner(beam.CombineFn):
    """Tallies the rows of a slice; None stands for the tally of no rows.

    Args:
        eval_config: Says under which keys the model has label and prediction.
        model_name: Candidate or baseline; empty where there is only one model.
        output_name: Empty, as our models have one output.
    """

    def __init__(
        self,
        *,
        eval_config: config_pb2.EvalConfig | None = None,
        model_name: str = "",
        output_name: str = "",
    ) -> None:
        self._eval_config = eval_config
        self._model_name = model_name
        self._output_name = output_name

    def create_accumulator(self) -> ClassificationTally | None:
        return None

    def add_input(
        self,
        accumulator: ClassificationTally | None,
        element: tfma.metrics.StandardMetricInputs,
    ) -> ClassificationTally | None:
        for label, prediction, _ in tfma.metrics.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=self._model_name,
            output_name=self._output_name,
            flatten=False,
        ):
            if accumulator is None:
                accumulator = ClassificationTally(prediction.shape[-1])
            probabilities = prediction.reshape(-1, prediction.shape[-1])
            accumulator.add(np.ravel(label), probabilities)
        return accumulator

    def merge_accumulators(
        self, accumulators: Iterable[ClassificationTally | None]
    ) -> ClassificationTally | None:
        merged = None
        for accumulator in accumulators:
            if merged is None:
                merged = accumulator
            elif accumulator is not None:
                merged.merge(accumulator)
        return merged

    def compact(
        self, accumulator: ClassificationTally | None
    ) -> ClassificationTally | None:
        if accumulator is not None:
            accumulator.compact()
        return accumulator

    def extract_output(
        self, accumulator: ClassificationTally | None
    ) -> dict[tfma.metrics.MetricKey, float]:
        if accumulator is None:
            return {self._key(name): math.nan for name in MEASURES}
        measures = accumulator.measures()
        values = {self._key(name): getattr(measures, name) for name in MEASURES}
        values[self._key(EXAMPLE_COUNT)] = float(measures.rows)
        values[self._key(UNKNOWN_LABELS)] = float(measures.unknown_labels)
        values[self._key(INVALID_PREDICTIONS)] = float(measures.invalid_predictions)
        for name in PER_CLASS:
            for class_id, value in enumerate(getattr(measures, name)):
                values[self._key(name, class_id)] = float(value)
        return values

    def _key(self, name: str, class_id: int | None = None) -> tfma.metrics.MetricKey:
        return _key(name, self._model_name, self._output_name, class_id)


def _key(
    name: str, model_name: str, output_name: str, class_id: int | None = None
) -> tfma.metrics.MetricKey:
    return tfma.metrics.MetricKey(
        name=name,
        model_name=model_name,
        output_name=output_name,
        sub_key=None if class_id is None else tfma.metrics.SubKey(class_id=class_id),
        # A threshold by name matches only keys that leave this open.
        example_weighted=None,
    )
