from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv

from components.drift_check.comparison import Thresholds, compare_all
from components.drift_check.statistics import (
    known_units,
    labels_and_lengths,
    shares_of_unknown,
)


def _batch(texts, labels):
    return pa.RecordBatch.from_arrays(
        [pa.array(texts), pa.array(labels)], ["text", "label"]
    )


def _derived(batch):
    return labels_and_lengths(batch, text_feature="text", label_feature="label")


def test_the_length_is_the_logarithm_of_one_more_than_the_tokens():
    derived = _derived(_batch([[b"a b c"], [b"don't"], [b""]], [[b"x"]] * 3))
    lengths = [row[0] for row in derived.column(1).to_pylist()]
    assert derived.schema.names == ["label", "length"]
    assert lengths == pytest.approx([2, np.log2(3), 0])


def test_a_row_without_a_text_is_an_empty_one_and_one_without_a_label_has_none():
    derived = _derived(_batch([None, [b"a"], []], [[b"x"], None, []]))
    assert derived.column(0).to_pylist() == [[b"x"], None, None]
    assert [row[0] for row in derived.column(1).to_pylist()] == [0, 1, 0]


def test_a_label_that_is_an_integer_is_its_digits():
    derived = _derived(_batch([[b"a"], [b"b"]], [[0], [12]]))
    assert derived.column(0).to_pylist() == [[b"0"], [b"12"]]


def test_words_and_characters_are_known_by_their_names():
    known = dict(known_units(_batch([[b"ab"]], [[b"x"]]), text_feature="text"))
    shares = shares_of_unknown(
        _batch([[b"ab ba"], [b"ca"], None], [[b"x"]] * 3), known, text_feature="text"
    )
    assert shares.schema.names == ["unknown_words", "unknown_characters"]
    assert shares.column(0).to_pylist() == [[0.5], [1.0], None]
    assert shares.column(1).to_pylist() == [[0.0], [0.5], None]


def _statistics(lengths):
    texts = [[b"a " * length] for length in lengths]
    derived = _derived(_batch(texts, [[b"x"]] * len(texts)))
    frame = pd.DataFrame(
        {
            "label": ["x"] * len(texts),
            "length": np.array(derived.column(1).flatten(), np.float32),
        }
    )
    return tfdv.generate_statistics_from_dataframe(frame, n_jobs=1)


def test_one_very_long_text_among_many_is_no_drift():
    lengths = np.random.default_rng(0).lognormal(3, 0.6, (2, 1000)).astype(int)
    lengths[1, 0] = 50_000
    before, newest = map(_statistics, lengths)
    thresholds = Thresholds(label=0.1, length=0.1, unknown_words=0.1)
    distances, anomalies = compare_all(newest, before, thresholds)
    assert distances["length"]["value"] < 0.1
    assert not anomalies.anomaly_info
