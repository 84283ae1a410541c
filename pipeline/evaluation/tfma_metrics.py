"""The measures of a classifier as one metric of TensorFlow Model Analysis (TFMA)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from pipeline.evaluation.measures import MEASURES, MICRO_F1, ClassificationTally
from pipeline.evaluation.multi_label import MultiLabelTally
from pipeline.features import CHOSEN

# Keys beside `MEASURES`, one value per slice.
EXAMPLE_COUNT = "example_count"
UNKNOWN_LABELS = "unknown_labels"
INVALID_PREDICTIONS = "invalid_predictions"

# Keys with one value per class, which `sub_key.class_id` names.
PER_CLASS = ("precision", "recall", "f1", "support")


_Tally = ClassificationTally | MultiLabelTally


class ClassificationMetrics(tfma.metrics.Metric):
    """Computes `MEASURES`, three counts and, for each class, `PER_CLASS` in one pass.

    The number of classes is that of the model's probabilities, so the wiring need not
    know it. Thresholds go into `MetricsSpec.per_slice_thresholds` under these names.
    `ClassificationMeasures` says what each value means; of a model that gives a text
    several labels, `MultiLabelTally`, and `MICRO_F1` is one more value.

    Args:
        name: Not part of any key; TFMA wants each metric to have one.
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
    combiner = ClassificationCombiner(
        eval_config=eval_config, model_name=model_name, output_name=output_name
    )
    return [
        tfma.metrics.MetricComputation(
            keys=[combiner.key(name)], preprocessors=None, combiner=combiner
        )
    ]


class ClassificationCombiner(beam.CombineFn):
    """Tallies the rows of a slice; None stands for the tally of no rows.

    Args:
        eval_config: Names the keys of the model's label and prediction.
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

    def create_accumulator(self) -> _Tally | None:
        return None

    def add_input(
        self,
        accumulator: _Tally | None,
        element: tfma.metrics.StandardMetricInputs,
    ) -> _Tally | None:
        chosen = self._chosen(element)
        for label, prediction, _ in tfma.metrics.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=self._model_name,
            output_name=self._output_name,
            flatten=False,
        ):
            width = prediction.shape[-1]
            probabilities = prediction.reshape(-1, width)
            if chosen is not None:
                several = cast(MultiLabelTally, accumulator or MultiLabelTally(width))
                several.add(
                    label.reshape(-1, width + 1),
                    probabilities,
                    np.asarray(chosen).reshape(-1, width),
                )
                accumulator = several
            else:
                one = cast(
                    ClassificationTally, accumulator or ClassificationTally(width)
                )
                one.add(np.ravel(label), probabilities)
                accumulator = one
        return accumulator

    def _chosen(self, element: tfma.metrics.StandardMetricInputs) -> Any:
        """Returns the labels that the model chose; None where a text has one."""
        outputs = element.get_predictions(self._model_name or None)
        return outputs.get(CHOSEN) if isinstance(outputs, Mapping) else None

    def merge_accumulators(
        self, accumulators: Iterable[_Tally | None]
    ) -> _Tally | None:
        merged: Any = None  # all are of one class
        for accumulator in accumulators:
            if merged is None:
                merged = accumulator
            elif accumulator is not None:
                merged.merge(accumulator)
        return merged

    def compact(self, accumulator: _Tally | None) -> _Tally | None:
        if accumulator is not None:
            accumulator.compact()
        return accumulator

    def extract_output(
        self, accumulator: _Tally | None
    ) -> dict[tfma.metrics.MetricKey, float]:
        if accumulator is None:
            return {self.key(name): math.nan for name in MEASURES}
        measures = accumulator.measures()
        values = {self.key(EXAMPLE_COUNT): float(measures.rows)}
        if isinstance(accumulator, MultiLabelTally):
            values[self.key(MICRO_F1)] = measures.micro_f1
        for name in (*MEASURES, UNKNOWN_LABELS, INVALID_PREDICTIONS):
            values[self.key(name)] = float(getattr(measures, name))
        for name in PER_CLASS:
            for class_id, value in enumerate(getattr(measures, name)):
                values[self.key(name, class_id)] = float(value)
        return values

    def key(self, name: str, class_id: int | None = None) -> tfma.metrics.MetricKey:
        """Returns the key of a value of this model; `class_id`: of one class."""
        sub_key = None if class_id is None else tfma.metrics.SubKey(class_id=class_id)
        return tfma.metrics.MetricKey(
            name=name,
            model_name=self._model_name,
            output_name=self._output_name,
            sub_key=sub_key,
            # A threshold by name matches only keys that leave this open.
            example_weighted=None,
        )
