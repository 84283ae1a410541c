from __future__ import annotations

import pickle

import apache_beam as beam
import cloudpickle
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from apache_beam.testing.util import assert_that

from pipeline.config import EvaluationConfig
from pipeline.evaluation.details import read_details
from pipeline.evaluation.tfma_metrics import (
    ClassificationCombiner,
    ClassificationMetrics,
    EqualBatches,
    _joined,
    custom_extractors,
)
from pipeline.evaluation.thresholds import eval_config


def _row(label, probabilities) -> tfma.metrics.StandardMetricInputs:
    return tfma.metrics.StandardMetricInputs(
        labels=np.array([label], np.int64),
        predictions=np.array(probabilities, np.float32),
        example_weights=None,
        input=_example("text", f"label {label}"),
    )


def _example(text: str, label: str) -> bytes:
    example = tf.train.Example()
    for name, value in (("text", text), ("label", label)):
        example.features.feature[name].bytes_list.value.append(value.encode())
    return example.SerializeToString()


def _named(values) -> dict:
    return {
        (key.name, key.sub_key.class_id if key.sub_key else None): value
        for key, value in values.items()
    }


def _check(outputs) -> None:
    (values,) = map(_named, outputs)
    assert values["accuracy", None] == 0.6
    assert values["example_count", None] == 5
    assert values["unknown_labels", None] == 1
    assert values["recall", 0] == 1
    assert values["support", 2] == 2
    assert values["precision", 1] == 0.5
    details = read_details(values["details", None], None)
    assert {(one["label"], one["predicted"]) for one in details["confused"]} == {
        ("2", "1"),
        ("label -1", "0"),
    }
    assert [one["text"] for one in details["wrong"]] == ["text", "text"]
    assert ("coverage", None) not in values


_ROWS = [
    _row(0, [0.8, 0.1, 0.1]),
    _row(1, [0.2, 0.7, 0.1]),
    _row(2, [0.1, 0.2, 0.7]),
    _row(2, [0.1, 0.7, 0.2]),
    _row(-1, [0.4, 0.3, 0.3]),  # not a label of the training split
]


def test_beam_combines_rows_to_one_set_of_values():
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        values = (
            pipeline
            | beam.Create([pickle.dumps(dict(row)) for row in _ROWS], reshuffle=True)
            | beam.Map(_load)
            | beam.CombineGlobally(ClassificationCombiner())
        )
        assert_that(values, _check)


def _load(pickled: bytes) -> tfma.metrics.StandardMetricInputs:
    return tfma.metrics.StandardMetricInputs(pickle.loads(pickled))


def test_tallies_of_parts_merge_and_empty_parts_do_not_matter():
    combiner = ClassificationCombiner()
    parts = [combiner.add_input(None, row) for row in _ROWS]
    merged = combiner.merge_accumulators([None, *parts[:2], None, *parts[2:], None])
    _check([combiner.extract_output(merged)])


def test_no_rows_give_undefined_measures():
    combiner = ClassificationCombiner()
    merged = combiner.merge_accumulators(
        [combiner.compact(combiner.create_accumulator()) for _ in range(2)]
    )
    values = _named(combiner.extract_output(merged))
    assert np.isnan(values["accuracy", None])


def test_a_batch_of_rows_counts_like_its_rows():
    combiner = ClassificationCombiner()
    batch = tfma.metrics.StandardMetricInputs(
        labels=np.array([[0], [1]]),
        predictions=np.array([[0.9, 0.1], [0.8, 0.2]], np.float32),
        example_weights=None,
        input=np.array([_example("a", "0"), _example("b", "1")], object),
    )
    values = _named(combiner.extract_output(combiner.add_input(None, batch)))
    details = read_details(values["details", None], None)
    assert [one["text"] for one in details["wrong"]] == ["b"]
    assert (values["accuracy", None], values["example_count", None]) == (0.5, 2)


def test_a_model_without_a_probability_per_class_is_refused():
    with pytest.raises(ValueError, match="`num_classes` must be at least 2"):
        ClassificationCombiner().add_input(None, _row(1, [0.7]))


def test_the_combiner_is_pickled_by_reference():
    pickled = cloudpickle.dumps(ClassificationCombiner(model_name="candidate"))
    assert b"pipeline.evaluation.tfma_metrics" in pickled
    assert len(pickled) < 500


def test_candidate_and_baseline_get_keys_of_their_own():
    computations = ClassificationMetrics().computations(
        model_names=["candidate", "baseline"]
    )
    assert [c.keys[0].model_name for c in computations] == ["candidate", "baseline"]
    values = computations[1].combiner.extract_output(None)
    assert {key.model_name for key in values} == {"baseline"}


def test_rows_that_the_model_is_unsure_of_make_the_coverage():
    config = eval_config(EvaluationConfig())
    combiner = ClassificationCombiner(eval_config=config)
    parts = []
    for row, unsure in zip(_ROWS[:4], (True, False, False, False), strict=True):
        outputs = {"probabilities": row.predictions, "unsure": np.array(unsure)}
        answer = tfma.metrics.StandardMetricInputs({**row, "predictions": outputs})
        parts.append(combiner.add_input(None, answer))
    values = _named(combiner.extract_output(combiner.merge_accumulators(parts)))
    assert values["coverage", None] == 0.75


def test_only_the_model_that_is_judged_has_details():
    combiner = ClassificationCombiner(model_name="baseline")
    row = {**_ROWS[0], "predictions": {"baseline": _ROWS[0].predictions}}
    counts = combiner.add_input(None, tfma.metrics.StandardMetricInputs(row))
    values = _named(combiner.extract_output(counts))
    assert values["example_count", None] == 1
    assert ("details", None) not in values


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1] * 23, [5, 5, 5, 5, 3]),
        ([23], [5, 5, 5, 5, 3]),
        ([], []),
        ([0, 5, 18], [5, 5, 5, 5, 3]),
        ([3, 1, 19], [5, 5, 5, 4, 4]),
    ],
)
def test_rows_come_in_batches_of_one_size_whatever_size_they_had(sizes, expected):
    numbers, batches = iter(range(23)), []
    for size in sizes:
        rows = [[next(numbers)] for _ in range(size)]
        column = pa.array(rows, pa.list_(pa.int64()))
        batch = pa.RecordBatch.from_arrays([column], ["n"])
        batches.append({tfma.constants.ARROW_RECORD_BATCH_KEY: batch})

    def check(made):
        found = [each[tfma.constants.ARROW_RECORD_BATCH_KEY] for each in made]
        rows = [row for batch in found for row in batch.to_pydict()["n"]]
        assert sorted(rows) == [[n] for n in range(sum(sizes))]
        assert sorted((batch.num_rows for batch in found), reverse=True) == expected

    # One bundle: the batches of another begin anew.
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        made = (
            pipeline
            | beam.Create([batches])
            | beam.FlatMap(lambda each: each)
            | EqualBatches(5)
        )
        assert_that(made, check)


def test_batches_are_joined_though_some_lack_a_column():
    """A column that no row of a batch has is not in it, as Beam reads examples."""
    kind = pa.large_list(pa.large_binary())
    both = pa.RecordBatch.from_arrays(
        [pa.array([["a"], None], kind), pa.array([[b"x"], [b"y"]], kind)], ["a", "s"]
    )
    one = pa.RecordBatch.from_arrays([pa.array([["b"]], kind)], ["a"])
    none = pa.RecordBatch.from_arrays(
        [pa.nulls(1), pa.array([["c"]], kind)], ["s", "a"]
    )
    for batches in ([both, one, none], [none, one, both], [one, one]):
        [joined] = _joined(batches).values()
        rows = [row for batch in batches for row in batch.to_pylist()]
        assert joined.to_pydict()["a"] == [row["a"] for row in rows]
        if "s" in joined.schema.names:
            assert joined.to_pydict()["s"] == [row.get("s") for row in rows]


def test_the_equal_batches_come_before_the_extractors_of_tfma():
    config = eval_config(EvaluationConfig(max_drop={}))
    first, *others = custom_extractors(None, config, None)
    assert isinstance(first.ptransform, EqualBatches)
    usual = tfma.default_extractors(eval_config=config)
    assert [each.stage_name for each in others] == [each.stage_name for each in usual]
