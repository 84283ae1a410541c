"""The page of the statistics of a run's examples, as KFP's interface shows it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2

from pipeline.report.page import FeatureStatistics, SplitStatistics, statistics_page

_SPLIT_PREFIX = "Split-"
_STATISTICS_FILE = "FeatureStats.pb"
_MOST_VALUES = 20
_LONGEST_VALUE = 80  # characters


def page_of_statistics(folder: str) -> str:
    """Returns a page of an `ExampleStatistics` artifact: two tables for each split.

    Args:
        folder: The artifact's.
    """
    splits = []
    for name in sorted(os.listdir(folder)):
        if name.startswith(_SPLIT_PREFIX):
            path = os.path.join(folder, name, _STATISTICS_FILE)
            (dataset,) = tfdv.load_stats_binary(path).datasets
            splits.append(
                SplitStatistics(
                    name.removeprefix(_SPLIT_PREFIX),
                    int(dataset.num_examples),
                    list(_features(dataset)),
                )
            )
    return statistics_page(splits)


def _features(
    dataset: statistics_pb2.DatasetFeatureStatistics,
) -> Iterator[FeatureStatistics]:
    for feature in dataset.features:
        kind = feature.WhichOneof("stats")
        counts = getattr(feature, kind).common_stats
        strings = feature.string_stats
        is_text = kind == "string_stats"
        yield FeatureStatistics(
            ".".join(feature.path.step),
            values=int(counts.num_non_missing),
            missing=int(counts.num_missing),
            distinct=int(strings.unique) if is_text else None,
            mean_bytes=float(strings.avg_length) if is_text else None,
            frequent={
                ranked.label: int(ranked.sample_count)
                for ranked in strings.rank_histogram.buckets[:_MOST_VALUES]
                if len(ranked.label) < _LONGEST_VALUE
            },
        )
