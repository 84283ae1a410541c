from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv

from components.drift_check.comparison import Thresholds, compare_all, compare_unknown
from components.drift_check.statistics import (
    known_units,
    labels_and_lengths,
    shares_of_unknown,
)
from tests.components.drift_check.conftest import texts

_THRESHOLDS = Thresholds(label=0.1, length=0.1, unknown_words=0.1)


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


def _statistics(batch):
    columns = {
        name: np.array([row[0] for row in batch.column(name).to_pylist()])
        for name in batch.schema.names
    }
    for name, values in columns.items():
        columns[name] = values.astype(str if name == "label" else np.float32)
    return tfdv.generate_statistics_from_dataframe(pd.DataFrame(columns), n_jobs=1)


def test_one_very_long_text_among_many_is_not_drift():
    lengths = np.random.default_rng(0).lognormal(3, 0.6, (2, 1000)).astype(int)
    lengths[1, 0] = 50_000
    before, newest = (
        _statistics(_derived(_batch([[b"a " * n] for n in side], [[b"x"]] * 1000)))
        for side in lengths
    )
    distances, anomalies = compare_all(newest, before, _THRESHOLDS)
    assert distances["length"]["value"] < 0.1
    assert not anomalies.anomaly_info


def _batch_of(rows):
    texts, labels = zip(*rows, strict=True)
    return _batch([[text.encode()] for text in texts], [[x.encode()] for x in labels])


def _measured(splits, known):
    """The statistics of a span, as the Beam job measures them."""
    held_out = _batch_of(splits["eval"] + splits["test"])
    shares = shares_of_unknown(held_out, known, text_feature="text")
    return _statistics(_derived(_batch_of(sum(splits.values(), [])))), _statistics(
        shares
    )


@pytest.mark.parametrize(
    ("shift", "feature"),
    [
        ({"spam": 0.9}, "label"),
        ({"tokens": (40, 90)}, "length"),
        ({"words": [f"neu{number}" for number in range(60)]}, "unknown_words"),
    ],
)
def test_a_shift_is_an_anomaly_of_its_own_feature_and_of_no_other(shift, feature):
    before, newest = texts(400, seed=1), texts(400, seed=2, **shift)
    known = dict(known_units(_batch_of(before["train"]), text_feature="text"))
    old, new = _measured(before, known), _measured(newest, known)
    distances, anomalies = compare_all(new[0], old[0], _THRESHOLDS)
    unknown, more = compare_unknown(new[1], old[1], _THRESHOLDS)
    assert [*anomalies.anomaly_info, *more.anomaly_info] == [feature]
    distance = (distances | unknown)[feature]
    assert distance["value"] > 0.3
    assert distance["threshold"] == 0.1


def test_all_labels_of_a_row_count():
    derived = _derived(_batch([[b"a"], [b"b"]], [[b"x", b"y"], [b"x"]]))
    assert derived.column(0).to_pylist() == [[b"x", b"y"], [b"x"]]


def test_a_word_is_what_the_tokenizer_says_it_is():
    before, newest = _batch([["电影很好".encode()]], [[b"x"]]), "电影不好"
    arguments = {"text_feature": "text", "tokenizer": "characters"}
    known = dict(known_units(before, **arguments))
    new = _batch([[newest.encode()]], [[b"x"]])
    shares = shares_of_unknown(new, known, **arguments)
    assert shares.to_pydict()["unknown_words"] == [[0.25]]
    shares = shares_of_unknown(new, known, text_feature="text")
    assert shares.to_pydict()["unknown_words"] == [[1.0]]
    lengths = labels_and_lengths(new, label_feature="label", **arguments)
    assert lengths.to_pydict()["length"] == [[pytest.approx(np.log2(5))]]
