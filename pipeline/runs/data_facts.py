"""What a run made of its data: rows, spans, drift, lengths, and doubted labels."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.anomaly_gate import executor as anomaly_gate
from components.drift_check import report as drift_report
from components.text_example_gen.arrived_spans import arrived_spans
from components.text_example_gen.examples import COUNTS_FILE, REJECTED_FOLDER
from components.text_example_gen.notes import class_notes
from components.text_example_gen.spans import has_spans, span_name
from pipeline.config import DataConfig
from pipeline.errors import RunError
from pipeline.files import read_regular
from pipeline.metadata.runs import MadeArtifact, RunRecord
from pipeline.review.rows import find_rows
from pipeline.runs.damaged import reading
from pipeline.runs.summary import (
    Anomalies,
    Data,
    DoubtedRow,
    Drift,
    Rows,
    RunSummary,
    Spans,
)
from pipeline.runs.surroundings import rejected_examples
from pipeline.training.transform_graph import TransformGraph

# What is raised for files that are gone or damaged: by TensorFlow, by `TransformGraph`
# and by `find_rows`.
_UNREADABLE = (OSError, ValueError, tf.errors.OpError, RunError)
_LOGGER = logging.getLogger(__name__)
_MOST_CHARACTERS = 1000  # of a text
_SOURCE_BYTES = 1000


def read_json(artifact: MadeArtifact | None, name: str) -> dict[str, Any] | None:
    """Returns what a JSON file of an artifact holds; None: one of the two is absent.

    Raises:
        ResultDamaged: It holds no object of JSON.
    """
    if artifact is None:
        return None
    path = Path(artifact.uri) / name
    if not path.exists():
        return None
    with reading(artifact.uri):
        values = json.loads(read_regular(path))
        if not isinstance(values, dict):
            raise ValueError(f"{name} has no object")
        return values


def data_of(data: DataConfig | None, window: Sequence[MadeArtifact]) -> Data:
    """Returns which files were read.

    Args:
        data: None: it is not known any more.
        window: The examples, those of the newest span last.
    """
    newest = window[-1] if window else None
    layouts = (read_json(newest, COUNTS_FILE) or {}).get("layouts", {})
    examples = list(dict.fromkeys(made.uri for made in window))
    if data is None:
        return Data(pattern="", examples=examples, layouts=layouts)
    return Data(
        pattern=data.pattern,
        source=_source_line(data.pattern),
        examples=examples,
        held_out=data.held_out,
        split_column=data.split_column,
        group_column=data.group_column,
        layouts=layouts,
    )


def _source_line(pattern: str) -> str | None:
    """Returns the line with which `make data` says what the sample data is.

    A file of that name may be somebody else's, in any encoding and of any length.
    """
    path = Path(pattern).parent / "SOURCE.txt"
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            text = file.readline(_SOURCE_BYTES).decode("utf-8", "replace")
    except OSError as error:
        _LOGGER.warning("%s is not shown: %s", path, error.strerror)
        return None
    return text.strip() or None


def spans_of(
    data: DataConfig, newest: MadeArtifact | None, window: Sequence[MadeArtifact]
) -> Spans | None:
    """Returns which spans were read; None where the data has none."""
    if newest is None or not has_spans(data.pattern):
        return None
    rows_used = {}
    for examples in sorted(window, key=_span):
        counts = read_json(examples, COUNTS_FILE) or {}
        rows_used[_span(examples)] = counts.get("rows_used")
    last = _span(newest)
    wanted = range(last - data.window_spans + 1, last)
    unread = (set(arrived_spans(data.pattern)) & set(wanted)) - set(rows_used)
    return Spans(
        newest=span_name(last, data.pattern),
        window={span_name(n, data.pattern): rows for n, rows in rows_used.items()},
        unread=[span_name(number, data.pattern) for number in sorted(unread)],
    )


def _span(examples: MadeArtifact) -> int:
    return int(examples.properties["span"])


def rows_of(examples: MadeArtifact | None) -> Rows | None:
    """Returns what became of the rows; None without examples."""
    counts = read_json(examples, COUNTS_FILE)
    if examples is None or counts is None:
        return None
    rejected = os.path.join(examples.uri, REJECTED_FOLDER)
    return Rows(
        read=counts["rows_in"],
        used=counts["rows_used"],
        rejected=counts["rows_rejected"],
        reasons=counts["reasons"],
        duplicates=counts["duplicates"],
        replaced_utf8=counts["replaced_utf8"],
        rejected_folder=rejected if counts["rows_rejected"] else None,
        examples=rejected_examples(rejected) if counts["rows_rejected"] else [],
        labels=counts["labels"],
        cleaned=counts.get("cleaned", {}),
        cleaned_labels=counts.get("cleaned_labels", {}),
        left_out_files=counts.get("left_out_files", []),
        split_files=counts.get("split_files", []),
        given=counts.get("given", {}),
        leaked=counts.get("leaked", 0),
        corrections=counts.get("corrections"),
        notes=class_notes(counts["labels"]),
    )


def drift_of(pattern: str, drift: MadeArtifact | None) -> Drift | None:
    """Returns how far the newest span lies from those before; None: not compared."""
    report = read_json(drift, drift_report.REPORT_NAME)
    if report is None or not report["before"]:
        return None
    before = [span_name(number, pattern) for number in report["before"]]
    return Drift(before=before, distances=report["distances"])


def anomalies_of(clearance: MadeArtifact | None) -> Anomalies | None:
    """Returns what the AnomalyGate said; None where there was none."""
    report = read_json(clearance, anomaly_gate.REPORT_NAME)
    if report is None:
        return None
    anomalies = [a for split in report["splits"].values() for a in split["anomalies"]]
    # A clearance that was made by an earlier version says nothing about drift.
    anomalies += report.get("drift") or []
    return Anomalies(verdict=report["verdict"], found=anomalies)


def facts_of_texts(
    summary: RunSummary, record: RunRecord, before: RunSummary | None
) -> dict[str, Any]:
    """Returns `doubted` and `length_limits` of a summary, as far as they are found.

    A run that pushed its model does not fail because of them: what cannot be read is
    named in the log.

    Args:
        summary: Of the run.
        record: Of the same.
        before: Of the run before: of the same examples, the rows need not be found
            again.
    """
    made = record.output("Transform", "transform_graph")
    if made is None:
        return {}
    found: dict[str, Any] = {}
    try:
        graph = TransformGraph(made.uri)
        found["length_limits"] = graph.length_limits()
        found["doubted"] = _doubted_rows(summary, graph, before)
    except _UNREADABLE as error:
        _LOGGER.warning("The rows of doubted labels are not shown: %s", error)
    return found


def _doubted_rows(
    summary: RunSummary, graph: TransformGraph, before: RunSummary | None
) -> list[DoubtedRow]:
    doubts = summary.training.doubts if summary.training else None
    if doubts is None or not doubts.found:
        return []
    if (
        before is not None
        and before.training is not None
        and before.training.doubts == doubts
        and before.data.examples == summary.data.examples
        and len(before.doubted) == len(doubts.found)
    ):
        return before.doubted
    places = [(bytes.fromhex(each.key), each.label) for each in doubts.found]
    rows = find_rows(summary.data.examples, graph, set(places))
    return [
        DoubtedRow(
            text=row.text[:_MOST_CHARACTERS],
            label=row.label,
            suggested=each.suggested,
            label_probability=each.label_probability,
            suggested_probability=each.suggested_probability,
            source=row.source or None,
            position=row.position,
            split=row.split,
            rows=row.rows,
        )
        for place, each in zip(places, doubts.found, strict=True)
        if (row := rows.get(place)) is not None
    ]
