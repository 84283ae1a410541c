"""The comparison on statistics that TFDV makes of data frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv

from components.drift_check.comparison import Thresholds, compare_all, compare_unknown

_THRESHOLDS = Thresholds(label=0.1, length=0.1, unknown_words=0.1)


def _all(labels: str, lengths):
    frame = pd.DataFrame(
        {"label": list(labels), "length": np.array(lengths, np.float32)}
    )
    return tfdv.generate_statistics_from_dataframe(frame, n_jobs=1)


def _shares(words, characters=(0.0, 0.0)):
    frame = pd.DataFrame(
        {
            "unknown_words": np.array(words, np.float32),
            "unknown_characters": np.array(characters, np.float32),
        }
    )
    return tfdv.generate_statistics_from_dataframe(frame, n_jobs=1)


def test_the_label_s_distance_is_the_most_that_the_share_of_one_changes():
    lengths = [1.0] * 10
    before, newest = _all("aaaaabbbbb", lengths), _all("aaaaaaaabc", lengths)
    distances, anomalies = compare_all(newest, before, _THRESHOLDS)
    assert distances["label"] == {
        "measure": "L_INFTY",
        "value": pytest.approx(0.4),
        "threshold": 0.1,
    }
    assert distances["length"]["value"] == 0
    assert list(anomalies.anomaly_info) == ["label"]


def test_a_distance_as_large_as_the_threshold_is_not_drift():
    before, newest = _all("aabb", [1.0] * 4), _all("aaab", [1.0] * 4)
    thresholds = Thresholds(label=0.25, length=0.1, unknown_words=0.1)
    distances, anomalies = compare_all(newest, before, thresholds)
    assert distances["label"]["value"] == 0.25
    assert not anomalies.anomaly_info


def test_lengths_that_have_nothing_in_common_are_at_distance_one():
    before, newest = _all("abab", [1, 2, 3, 4]), _all("abab", [7, 8, 9, 9])
    distances, anomalies = compare_all(newest, before, _THRESHOLDS)
    assert distances["length"]["measure"] == "JENSEN_SHANNON_DIVERGENCE"
    assert distances["length"]["value"] == pytest.approx(1, abs=0.05)
    assert list(anomalies.anomaly_info) == ["length"]


def test_more_unknown_words_are_an_anomaly_that_names_both_shares():
    newest, before = _shares([0.5, 0.3], [0.2, 0.0]), _shares([0.1, 0.1])
    distances, anomalies = compare_unknown(newest, before, _THRESHOLDS)
    words = distances["unknown_words"]
    assert (words["newest"], words["before"]) == pytest.approx((0.4, 0.1))
    assert words["value"] == pytest.approx(0.3)
    info = anomalies.anomaly_info["unknown_words"]
    assert "is 0.4, and in held-out texts of these spans 0.1" in info.description
    assert info.reason[0].description == info.description


def test_fewer_unknown_words_are_drift_as_well():
    newest, before = _shares([0.0, 0.0]), _shares([0.5, 0.5])
    _, anomalies = compare_unknown(newest, before, _THRESHOLDS)
    assert list(anomalies.anomaly_info) == ["unknown_words"]


def test_unknown_characters_are_reported_and_are_never_an_anomaly():
    newest, before = _shares([0.0, 0.0], [1.0, 1.0]), _shares([0.0, 0.0])
    distances, anomalies = compare_unknown(newest, before, _THRESHOLDS)
    assert distances["unknown_characters"]["value"] == 1
    assert distances["unknown_characters"]["threshold"] is None
    assert not anomalies.anomaly_info
