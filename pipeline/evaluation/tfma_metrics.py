"""The measures of a classifier as one metric of TensorFlow Model Analysis (TFMA).

And the batches in which TFMA gives a model its rows.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from pipeline.evaluation.details import Details, is_right
from pipeline.evaluation.measures import (
    COVERAGE,
    MEASURES,
    MICRO_F1,
    ClassificationTally,
)
from pipeline.evaluation.multi_label import MultiLabelTally
from pipeline.features import CHOSEN, UNSURE

# Keys beside `MEASURES`, one value per slice.
EXAMPLE_COUNT = "example_count"
UNKNOWN_LABELS = "unknown_labels"
INVALID_PREDICTIONS = "invalid_predictions"

# Keys with one value per class, which `sub_key.class_id` names.
PER_CLASS = ("precision", "recall", "f1", "support")

# Key of a value of type bytes, which `pipeline.evaluation.details` writes and reads.
# TFMA does not tell which slice it is: each has one, though only that of all is shown.
DETAILS = "details"

_BATCH_ROWS = 128


@dataclass
class _Counts:
    """What is counted of a slice; details only of the model that is judged."""

    tally: ClassificationTally | MultiLabelTally
    details: Details | None


class ClassificationMetrics(tfma.metrics.Metric):
    """Computes `MEASURES`, three counts and, for each class, `PER_CLASS` in one pass.

    The number of classes is that of the model's probabilities, so the wiring need not
    know it. Thresholds go into `MetricsSpec.per_slice_thresholds` under these names.
    `ClassificationMeasures` says what each value means; of a model that gives a text
    several labels, `MultiLabelTally`, and `MICRO_F1` is one more value. The candidate
    has `DETAILS` too, and `COVERAGE` if it can say that it is unsure.

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
            keys=[combiner.key(name)],
            # The examples too, as `Details` shows some of them.
            preprocessors=[metric_types.InputPreprocessor(include_default_inputs=True)],
            combiner=combiner,
        )
    ]


def _example(element: tfma.metrics.StandardMetricInputs, row: int) -> bytes:
    """Returns an example as it was read, of one or of a batch."""
    return np.ravel(np.asarray(element[constants.INPUT_KEY], object))[row]


def _outputs(
    element: tfma.metrics.StandardMetricInputs, model_name: str
) -> Mapping[str, Any]:
    """Returns what a model gives; nothing, if that is the probabilities alone."""
    given = element.get_predictions(model_name or None)
    return given if isinstance(given, Mapping) else {}


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
        specs = eval_config.model_specs if eval_config else ()
        self._has_baseline = any(spec.is_baseline for spec in specs)

    def create_accumulator(self) -> _Counts | None:
        return None

    def add_input(
        self,
        accumulator: _Counts | None,
        element: tfma.metrics.StandardMetricInputs,
    ) -> _Counts | None:
        unsure = _outputs(element, self._model_name).get(UNSURE)
        for label, probabilities, chosen in self._answers(element, self._model_name):
            several = chosen is not None
            counts = accumulator or self._nothing(probabilities.shape[-1], several)
            if several:
                cast(MultiLabelTally, counts.tally).add(label, probabilities, chosen)
            else:
                cast(ClassificationTally, counts.tally).add(label, probabilities)
            if counts.details is not None:
                last = self._last_is_right(element, len(probabilities))
                for row, of_row in enumerate(probabilities):
                    counts.details.add(
                        label[row],
                        of_row,
                        functools.partial(_example, element, row),
                        chosen=chosen[row] if several else None,
                        unsure=None if unsure is None else np.ravel(unsure)[row],
                        last_is_right=last[row],
                    )
            accumulator = counts
        return accumulator

    def _last_is_right(
        self, element: tfma.metrics.StandardMetricInputs, rows: int
    ) -> list[bool | None]:
        """Returns for each row whether the baseline is right; None: there is none."""
        if not self._has_baseline:
            return [None] * rows
        found: list[bool | None] = []
        # Of its own labels: it may know other classes, or have them in another order.
        for label, probabilities, chosen in self._answers(
            element, constants.BASELINE_KEY
        ):
            of_rows = itertools.repeat(None) if chosen is None else chosen
            found += map(is_right, label, probabilities, of_rows)
        return found

    def _answers(
        self, element: tfma.metrics.StandardMetricInputs, model_name: str
    ) -> Iterator[tuple[np.ndarray, np.ndarray, Any]]:
        """Yields the labels, the probabilities and what was chosen of some rows.

        The labels are `(rows,)`; where a row may have several, `(rows, classes + 1)`,
        as in `Details.add`. What was chosen is `(rows, classes)`, or None.
        """
        chosen: Any = _outputs(element, model_name).get(CHOSEN)
        for label, prediction, _ in tfma.metrics.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=model_name,
            output_name=self._output_name,
            flatten=False,
        ):
            width = prediction.shape[-1]
            probabilities = np.asarray(prediction, np.float32).reshape(-1, width)
            if chosen is None:
                yield np.ravel(label), probabilities, None
            else:
                labels = label.reshape(-1, width + 1)
                yield labels, probabilities, np.asarray(chosen).reshape(-1, width)

    def _nothing(self, width: int, several: bool) -> _Counts:
        is_baseline = self._model_name == constants.BASELINE_KEY
        return _Counts(
            MultiLabelTally(width) if several else ClassificationTally(width),
            None if is_baseline else Details(),
        )

    def merge_accumulators(
        self, accumulators: Iterable[_Counts | None]
    ) -> _Counts | None:
        merged: _Counts | None = None
        for accumulator in accumulators:
            if merged is None:
                merged = accumulator
            elif accumulator is not None:
                cast(Any, merged.tally).merge(accumulator.tally)  # both of one class
                if merged.details is not None and accumulator.details is not None:
                    merged.details.merge(accumulator.details)
        return merged

    def compact(self, accumulator: _Counts | None) -> _Counts | None:
        if accumulator is not None:
            accumulator.tally.compact()
        return accumulator

    def extract_output(
        self, accumulator: _Counts | None
    ) -> dict[tfma.metrics.MetricKey, float | bytes]:
        if accumulator is None:
            return {self.key(name): math.nan for name in MEASURES}
        measures = accumulator.tally.measures()
        values: dict[tfma.metrics.MetricKey, float | bytes] = {
            self.key(EXAMPLE_COUNT): float(measures.rows)
        }
        if isinstance(accumulator.tally, MultiLabelTally):
            values[self.key(MICRO_F1)] = measures.micro_f1
        if accumulator.details is not None:
            coverage = accumulator.details.coverage
            if coverage is not None:
                values[self.key(COVERAGE)] = coverage
            values[self.key(DETAILS)] = accumulator.details.to_bytes(accumulator.tally)
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


def custom_extractors(
    eval_shared_model: Any, eval_config: Any, tensor_adapter_config: Any
) -> list[tfma.extractors.Extractor]:
    """Returns TFMA's extractors, after one that makes equal batches.

    TFX calls this by its name. It lets Beam choose how many rows a model gets at once,
    by the times of the batches before; where these vary, Beam may choose single rows,
    which take several times as long.
    """
    return [
        tfma.extractors.Extractor("EqualBatches", EqualBatches()),
        *tfma.default_extractors(
            eval_shared_model=eval_shared_model,
            eval_config=eval_config,
            tensor_adapter_config=tensor_adapter_config,
        ),
    ]


class EqualBatches(beam.PTransform):
    """Cuts and joins the RecordBatches of some extracts, so that few are small.

    Args:
        rows: Most of them in each.
    """

    def __init__(self, rows: int = _BATCH_ROWS) -> None:
        super().__init__()
        self._rows = rows

    def expand(self, extracts: beam.PCollection) -> beam.PCollection:
        """Adds the transform to a pipeline."""
        return (
            extracts
            | "Cut" >> beam.FlatMap(_cut, self._rows)
            | "Collect"
            >> beam.BatchElements(
                min_batch_size=self._rows,
                max_batch_size=self._rows,
                element_size_fn=lambda batch: batch.num_rows,
            )
            | "Join" >> beam.Map(_joined)
        )


def _cut(extracts: Mapping[str, Any], rows: int) -> Iterator[pa.RecordBatch]:
    batch = extracts[constants.ARROW_RECORD_BATCH_KEY]
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _joined(batches: list[pa.RecordBatch]) -> dict[str, pa.RecordBatch]:
    schema = pa.unify_schemas([batch.schema for batch in batches])
    alike = [_with_all_columns(batch, schema) for batch in batches]
    [batch] = pa.Table.from_batches(alike, schema).combine_chunks().to_batches()
    return {constants.ARROW_RECORD_BATCH_KEY: batch}


def _with_all_columns(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Returns a batch with these columns: one that none of its rows has, it lacks."""
    columns = [
        batch.column(field.name)
        if field in batch.schema
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
