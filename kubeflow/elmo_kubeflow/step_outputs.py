"""What KFP's interface shows of a run: figures, pages, and the model's address."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2

from elmo_kubeflow import step_names as names
from elmo_kubeflow.platforms import address_of
from pipeline.config import Config
from pipeline.metadata.runs import NodeRecord, RunRecord
from pipeline.output_folder import OutputFolder
from pipeline.report.page import (
    FeatureStatistics,
    SplitStatistics,
    evaluation_page,
    statistics_page,
)
from pipeline.runs.summarize import evaluation_of, summarize_run
from pipeline.runs.summary_text import as_text

_SPLIT_PREFIX = "Split-"
_STATISTICS_FILE = "FeatureStats.pb"
_MOST_VALUES = 20
_LONGEST_VALUE = 80  # characters


@dataclass(frozen=True)
class Shown:
    """What is shown of one node.

    Args:
        page: A page of HTML, or None.
        metadata: Name of the output artifact -> names and values.
        uris: Name of the output artifact -> address, if it is not the one KFP chose.
    """

    page: str | None = None
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    uris: Mapping[str, str] = field(default_factory=dict)


def shown_of(record: NodeRecord, config: Config, run_id: str) -> Shown | None:
    """Returns what is shown of a node that has ended well; None for most nodes."""
    if record.node == "StatisticsGen":
        (statistics,) = record.outputs["statistics"]
        return Shown(page_of_statistics(statistics.uri))
    if record.node == "Evaluator":
        metadata = OutputFolder(config.output).open_metadata()
        return _evaluation(metadata.runs.of(run_id))
    if record.node == "Pusher":
        return _pushed(record, config)
    return None


def write_summary(
    path: Path, config: Config, run_id: str, removed: Sequence[int]
) -> str:
    """Writes the summary of a run as Markdown, and returns it as text.

    Args:
        path: The file.
        config: The run's.
        run_id: Id of the run.
        removed: Versions of the model that the end of the run has removed.
    """
    output = OutputFolder(config.output)
    run = output.open_metadata().runs.of(run_id)
    text = as_text(summarize_run(config, output, run, log=None))
    if removed:
        text += f"{'Removed':12}old versions {', '.join(map(str, removed))}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"```\n{text}```\n", encoding="utf-8")
    return text


def _evaluation(run: RunRecord) -> Shown:
    evaluation = evaluation_of(run)
    if evaluation is None:
        return Shown()
    metrics = {
        name: round(value, 4)
        for name, value in evaluation.metrics.items()
        if value is not None
    }
    metrics["blessed"] = int(evaluation.blessed)
    return Shown(evaluation_page(evaluation), {names.METRICS: metrics})


def _pushed(record: NodeRecord, config: Config) -> Shown:
    (model,) = record.outputs["pushed_model"]
    if model.properties.get("pushed") != 1:
        return Shown(metadata={names.MODEL: {"pushed": "no"}})
    path = str(model.properties["pushed_destination"])
    version = posixpath.basename(path)
    return Shown(
        metadata={names.MODEL: {"pushed": "yes", "version": version, "path": path}},
        uris={names.MODEL: address_of(path, config)},
    )


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
