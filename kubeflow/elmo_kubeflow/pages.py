"""Pages of HTML that need nothing from elsewhere: KFP shows them in a frame."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2

_STYLE = (
    "body{font:14px sans-serif;margin:1em}table{border-collapse:collapse;margin:1em 0}"
    "td,th{border-bottom:1px solid #ccc;padding:.3em .8em;text-align:right}"
    "td:first-child,th:first-child{text-align:left}"
)


def page(title: str, *parts: str) -> str:
    """Returns a whole page; `parts` are HTML already."""
    name = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}'
        f"</title><style>{_STYLE}</style></head><body><h1>{name}</h1>"
        f"{''.join(parts)}</body></html>\n"
    )


def paragraph(text: str) -> str:
    """Returns a text as a paragraph."""
    return f"<p>{html.escape(text)}</p>"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Returns a table; "-" stands for None, and shares get three digits."""
    lines = [_row("th", header), *(_row("td", row) for row in rows)]
    return f"<table>{''.join(lines)}</table>"


def _row(tag: str, cells: Sequence[Any]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_cell(cell)}</{tag}>' for cell in cells)}</tr>"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int):
        return f"{value:,}"
    return html.escape(str(value))


def evaluation_page(report: dict[str, Any]) -> str:
    """Returns a page of what `pipeline.evaluation.report.read_evaluation` gave.

    Args:
        report: And beside it `blessed`.
    """
    before = report["baseline"] or {}
    verdict = "blessed" if report["blessed"] else "refused"
    return page(
        "Evaluation",
        paragraph(f"The model is {verdict}, on {report['rows']:,} test rows."),
        *(paragraph(reason) for reason in report["failures"]),
        table(
            ("measure", "this model", "last blessed model"),
            [
                (name, value, before.get(name))
                for name, value in report["metrics"].items()
            ],
        ),
        table(
            ("class", "precision", "recall", "F1", "rows"),
            [
                (
                    one["name"],
                    one["precision"],
                    one["recall"],
                    one["f1"],
                    one["support"],
                )
                for one in report["classes"]
            ],
        ),
        table(
            ("length", "accuracy", "AUC", "macro F1", "rows"),
            [
                (name, of["accuracy"], of["auc"], of["macro_f1"], of["rows"])
                for name, of in report["by_length"].items()
            ],
        ),
        *(paragraph(note) for note in report["notes"]),
    )


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
