"""Compares the statistics of two sides: distances, and anomalies above a threshold."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeAlias

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.drift_check.statistics import LABEL, LENGTH, UNKNOWN_PREFIX
from components.drift_check.vocabulary import CHARACTERS, WORDS

Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList

UNKNOWN_WORDS = f"{UNKNOWN_PREFIX}{WORDS}"
UNKNOWN_CHARACTERS = f"{UNKNOWN_PREFIX}{CHARACTERS}"
_DIFFERENCE = "DIFFERENCE_OF_MEANS"  # the one measure here that TFDV does not have


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The distances above which there is drift, each from 0 to 1; no unit.

    Attributes:
        label: Of the labels: L-infinity, the most that the share of one changes.
        length: Of the texts' lengths in tokens: Jensen-Shannon divergence.
        unknown_words: Of the mean share of unknown words: the absolute difference.
    """

    label: float
    length: float
    unknown_words: float


def compare_all(
    newest: Statistics, before: Statistics, thresholds: Thresholds
) -> tuple[dict[str, Any], anomalies_pb2.Anomalies]:
    """Compares labels and lengths with the comparators of TFDV.

    Returns:
        Per feature `measure`, `value` (None where TFDV had nothing to measure) and
        `threshold`; and TFDV's anomalies.
    """
    anomalies = tfdv.validate_statistics(
        newest, _schema(thresholds), previous_statistics=before
    )
    distances: dict[str, Any] = {
        name: {"measure": None, "value": None, "threshold": threshold}
        for name, threshold in (
            (LABEL, thresholds.label),
            (LENGTH, thresholds.length),
        )
    }
    for info in anomalies.drift_skew_info:
        (measured,) = info.drift_measurements
        distances[".".join(info.path.step)] |= {
            "measure": type(measured).Type.Name(measured.type),
            "value": measured.value,
        }
    return distances, anomalies


def compare_unknown(
    newest: Statistics, before: Statistics, thresholds: Thresholds
) -> tuple[dict[str, Any], anomalies_pb2.Anomalies]:
    """Compares the mean shares of unknown words and characters.

    Returns:
        Per feature `measure`, `value` (None where a side has no held-out tokens),
        `threshold` (None for characters, which are only reported), and the mean
        shares `newest` and `before`; and an anomaly if words are above theirs.
    """
    distances: dict[str, Any] = {}
    for name, threshold in (
        (UNKNOWN_WORDS, thresholds.unknown_words),
        (UNKNOWN_CHARACTERS, None),
    ):
        current, earlier = _mean(newest, name), _mean(before, name)
        distances[name] = {
            "measure": _DIFFERENCE,
            "value": (
                None if current is None or earlier is None else abs(current - earlier)
            ),
            "threshold": threshold,
            "newest": current,
            "before": earlier,
        }
    anomalies = anomalies_pb2.Anomalies()
    words = distances[UNKNOWN_WORDS]
    if words["value"] is not None and words["value"] > thresholds.unknown_words:
        _add_anomaly(anomalies, words)
    return distances, anomalies


def _schema(thresholds: Thresholds) -> schema_pb2.Schema:
    """Returns a schema of nothing but drift, so that TFDV finds nothing else."""
    schema = schema_pb2.Schema()
    label = schema.feature.add(name=LABEL, type=schema_pb2.BYTES)
    label.drift_comparator.infinity_norm.threshold = thresholds.label
    length = schema.feature.add(name=LENGTH, type=schema_pb2.FLOAT)
    divergence = length.drift_comparator.jensen_shannon_divergence
    divergence.threshold = thresholds.length
    # On samples of equal distributions this measures the smaller distances.
    divergence.source.type = schema_pb2.HistogramSelection.STANDARD
    return schema


def _mean(statistics: Statistics, name: str) -> float | None:
    for dataset in statistics.datasets:
        for feature in dataset.features:
            if list(feature.path.step) == [name]:
                numbers = feature.num_stats
                return numbers.mean if numbers.common_stats.num_non_missing else None
    return None


def _add_anomaly(anomalies: anomalies_pb2.Anomalies, words: dict[str, Any]) -> None:
    info = anomalies.anomaly_info[UNKNOWN_WORDS]
    info.path.step.append(UNKNOWN_WORDS)
    info.severity = anomalies_pb2.AnomalyInfo.ERROR
    info.short_description = "High difference in the share of unknown words"
    info.description = (
        "The mean share of words that no training text of the spans before has "
        f"is {words['newest']:.6g}, and in held-out texts of these spans "
        f"{words['before']:.6g}: a difference of {words['value']:.6g}, above the "
        f"threshold {words['threshold']:.6g}."
    )
    info.reason.add(
        type=anomalies_pb2.AnomalyInfo.CUSTOM_VALIDATION,
        short_description=info.short_description,
        description=info.description,
    )
