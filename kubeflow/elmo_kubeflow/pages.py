"""The pages of a run: one HTML file each, which KFP's interface shows in a frame."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow_data_validation as tfdv
from tabulate import tabulate
from tensorflow_metadata.proto.v0 import statistics_pb2

from pipeline.evaluation.facts import Evaluation

_STYLE = (
    "body{font:14px sans-serif;margin:1em}table{border-collapse:collapse;margin:1em 0}"
    "td,th{border-bottom:1px solid #ccc;padding:.3em .8em;text-align:left}"
)
_SPLIT_PREFIX = "Split-"
_STATISTICS_FILE = "FeatureStats.pb"
_MOST_VALUES = 20
_LONGEST_VALUE = 80  # characters


def evaluation_page(evaluation: Evaluation) -> str:
    """Returns a page of what the Evaluator measured."""
    baseline = evaluation.baseline or {}
    verdict = "blessed" if evaluation.blessed else "refused"
    return _page(
        "Evaluation",
        _paragraph(f"The model is {verdict}, on {evaluation.rows:,} test rows."),
        *map(_paragraph, evaluation.failures),
        _table(
            ("measure", "this model", "last blessed model"),
            [
                (name, value, baseline.get(name))
                for name, value in evaluation.metrics.items()
            ],
        ),
        _table(
            ("class", "precision", "recall", "F1", "rows"),
            [
                (one.name, one.precision, one.recall, one.f1, one.support)
                for one in evaluation.classes
            ],
        ),
        _table(
            ("length", "accuracy", "AUC", "macro F1", "rows"),
            [
                (name, third.accuracy, third.auc, third.macro_f1, third.rows)
                for name, third in evaluation.by_length.items()
            ],
        ),
        *map(_paragraph, evaluation.notes),
    )


def statistics_page(folder: str) -> str:
    """Returns a page of an `ExampleStatistics` artifact: two tables for each split.

    Args:
        folder: The artifact's.
    """
    parts = []
    for name in sorted(os.listdir(folder)):
        if name.startswith(_SPLIT_PREFIX):
            path = os.path.join(folder, name, _STATISTICS_FILE)
            split = name.removeprefix(_SPLIT_PREFIX)
            parts += _statistics_of(split, tfdv.load_stats_binary(path))
    return _page("Statistics of the examples", *parts)


def _statistics_of(
    split: str, statistics: statistics_pb2.DatasetFeatureStatisticsList
) -> list[str]:
    (dataset,) = statistics.datasets
    features = []
    values = []
    for feature in dataset.features:
        name = ".".join(feature.path.step)
        kind = feature.WhichOneof("stats")
        counts = getattr(feature, kind).common_stats
        strings = feature.string_stats
        is_text = kind == "string_stats"
        features.append(
            (
                name,
                int(counts.num_non_missing),
                int(counts.num_missing),
                int(strings.unique) if is_text else None,
                float(strings.avg_length) if is_text else None,
            )
        )
        values += [
            (name, ranked.label, int(ranked.sample_count))
            for ranked in strings.rank_histogram.buckets[:_MOST_VALUES]
            if len(ranked.label) < _LONGEST_VALUE
        ]
    return [
        f"<h2>{html.escape(split)}: {int(dataset.num_examples):,} examples</h2>",
        _table(
            ("feature", "values", "missing", "distinct", "mean length (bytes)"),
            features,
        ),
        _table(("feature", "value", "n"), values, text_columns=2),
    ]


def _page(title: str, *parts: str) -> str:
    """Returns a whole page; `parts` are HTML already."""
    name = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}'
        f"</title><style>{_STYLE}</style></head><body><h1>{name}</h1>"
        f"{''.join(parts)}</body></html>\n"
    )


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _table(
    headers: Sequence[str], rows: Iterable[Sequence[Any]], text_columns: int = 1
) -> str:
    """Returns a table; "-" stands for None, and floats get three digits.

    Args:
        headers: One for each column.
        rows: Values, not yet HTML.
        text_columns: How many columns, from the first, hold text; "1.0" stays so.
    """
    rows = list(rows)
    return tabulate(
        rows,
        headers,
        tablefmt="html",
        floatfmt=".3f",
        intfmt=",",
        missingval="-",
        # tabulate wants no column named of a table that has no rows.
        disable_numparse=list(range(text_columns)) if rows else True,
    )
