"""What StatisticsGen counted, as a page."""

from __future__ import annotations

import os
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2

from elmo_kubeflow.html_page import page, table

_PREFIX = "Split-"
_FILE = "FeatureStats.pb"
_MOST_VALUES = 20


def statistics_page(folder: str) -> str:
    """Returns a page of an `ExampleStatistics` artifact: one table a split.

    Args:
        folder: Where the artifact lies.
    """
    parts = []
    for name in sorted(os.listdir(folder)):
        if name.startswith(_PREFIX):
            path = os.path.join(folder, name, _FILE)
            statistics = tfdv.load_stats_binary(path)
            parts.append(_of_split(name.removeprefix(_PREFIX), statistics))
    return page("Statistics of the examples", *parts)


def _of_split(
    split: str, statistics: statistics_pb2.DatasetFeatureStatisticsList
) -> str:
    (dataset,) = statistics.datasets
    features = []
    values = []
    for feature in dataset.features:
        name = ".".join(feature.path.step)
        features.append((name, *_counts(feature)))
        for ranked in feature.string_stats.rank_histogram.buckets[:_MOST_VALUES]:
            values.append((name, ranked.label, int(ranked.sample_count)))
    header = ("feature", "values", "missing", "distinct", "mean length (bytes)")
    title = f"<h2>{split}: {int(dataset.num_examples):,} examples</h2>"
    shown = [row for row in values if len(row[1]) < 80]
    return title + table(header, features) + table(("feature", "value", "n"), shown)


def _counts(feature: Any) -> tuple[int, int, int | None, float | None]:
    kind = feature.WhichOneof("stats")
    common = getattr(feature, kind).common_stats
    strings = feature.string_stats if kind == "string_stats" else None
    return (
        int(common.num_non_missing),
        int(common.num_missing),
        int(strings.unique) if strings else None,
        float(strings.avg_length) if strings else None,
    )
