"""What came of a run, gathered from its artifacts."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.text_example_gen.input_files import arrived_spans
from components.text_example_gen.spans import has_spans, span_name
from pipeline.config import Config, DataConfig
from pipeline.evaluation.baseline import tfidf_baseline
from pipeline.evaluation.measures import MEASURES
from pipeline.evaluation.report import read_evaluation
from pipeline.files import write_whole
from pipeline.local_runner import RunResult
from pipeline.metadata.runs import MadeArtifact, RunRecord
from pipeline.output_folder import OutputFolder
from pipeline.runs.summary_text import as_text
from pipeline.training.history import HISTORY_FILE

__all__ = ["as_text", "evaluation_of", "summarize", "summarize_run"]


def summarize(result: RunResult) -> dict[str, Any]:
    """Does what `summarize_run` does, of a run on this machine."""
    return summarize_run(result.config, result.output, result.record, log=result.log)


def summarize_run(
    config: Config, output: OutputFolder, record: RunRecord, *, log: Path | None
) -> dict[str, Any]:
    """Returns what came of a run, and writes it to `summary.json` in its output.

    Nodes that were taken from the cache count like those that ran. Sections whose
    artifact does not exist are None. Seconds are wall time; shares have no unit.

    Args:
        config: What was run.
        output: What it wrote into.
        record: What its nodes did.
        log: Its log, or None where each node has one of its own.
    """
    training = _training(record.output("Trainer", "model_run"))
    examples = record.output("TextExampleGen", "examples")
    window = [
        *record.all_outputs("SpanWindow", "examples"),
        *record.all_outputs("TextExampleGen", "examples"),
    ]
    facts: dict[str, Any] = {
        "output": str(output.path),
        "log": str(log) if log else None,
        "data": {
            "pattern": config.data.pattern,
            "source": _source(config.data.pattern),
        },
        "spans": _spans(config.data, examples, window),
        "rows": _rows(examples),
        "drift": _drift(config.data.pattern, record.output("DriftCheck", "drift")),
        "anomalies": _anomalies(record.output("AnomalyGate", "clearance")),
        "training": training,
        "evaluation": evaluation_of(record),
        "tfidf": _tfidf(window, config),
        "serving_check": _serving_check(record.output("ServingCheck", "blessing")),
        "push": _push(record),
        "nodes": [
            {"node": n.node, "state": n.state, "seconds": round(n.seconds, 1)}
            for n in record.nodes
        ],
    }
    facts["score_command"] = _score_command(facts["push"])
    write_whole(output.summary, json.dumps(facts, indent=2) + "\n")
    return facts


def _read_json(artifact: MadeArtifact | None, name: str) -> dict[str, Any] | None:
    if artifact is None:
        return None
    path = Path(artifact.uri) / name
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def _source(pattern: str) -> str | None:
    """Returns the line with which `make data` says what the sample data is."""
    path = Path(pattern).parent / "SOURCE.txt"
    return path.read_text("utf-8").strip() if path.is_file() else None


def _spans(
    data: DataConfig, newest: MadeArtifact | None, window: Sequence[MadeArtifact]
) -> dict[str, Any] | None:
    """Returns the span that was read, those of the window with their rows, and others.

    `unread` are those that the window would have, if a run had read them.
    """
    if newest is None or not has_spans(data.pattern):
        return None
    used = {}
    for examples in sorted(window, key=_span):
        counts = _read_json(examples, "counts.json") or {}
        used[_span(examples)] = counts.get("rows_used")
    last = _span(newest)
    there = range(last - data.window_spans + 1, last)
    unread = sorted((set(arrived_spans(data.pattern)) & set(there)) - set(used))
    return {
        "newest": span_name(last, data.pattern),
        "window": {span_name(n, data.pattern): rows for n, rows in used.items()},
        "unread": [span_name(number, data.pattern) for number in unread],
    }


def _span(examples: MadeArtifact) -> int:
    return int(examples.properties["span"])


def _rows(examples: MadeArtifact | None) -> dict[str, Any] | None:
    counts = _read_json(examples, "counts.json")
    if examples is None or counts is None:
        return None
    rejected = os.path.join(examples.uri, "rejected")
    return {
        "read": counts["rows_in"],
        "used": counts["rows_used"],
        "rejected": counts["rows_rejected"],
        "reasons": counts["reasons"],
        "duplicates": counts["duplicates"],
        "rejected_folder": rejected if counts["rows_rejected"] else None,
        "labels": counts["labels"],
    }


def _drift(pattern: str, drift: MadeArtifact | None) -> dict[str, Any] | None:
    """Returns the spans that the newest was compared with, and the distances."""
    report = _read_json(drift, "drift.json")
    if report is None or not report["before"]:
        return None
    return {
        "before": [span_name(number, pattern) for number in report["before"]],
        "distances": report["distances"],
    }


def _anomalies(clearance: MadeArtifact | None) -> dict[str, Any] | None:
    report = _read_json(clearance, "clearance.json")
    if report is None:
        return None
    found = [a for split in report["splits"].values() for a in split["anomalies"]]
    # A clearance that was made by an earlier version says nothing about drift.
    found += report.get("drift") or []
    return {"verdict": report["verdict"], "found": found}


def _training(model_run: MadeArtifact | None) -> dict[str, Any] | None:
    return _read_json(model_run, HISTORY_FILE)


def evaluation_of(record: RunRecord) -> dict[str, Any] | None:
    """Returns what `read_evaluation` gives of a run's Evaluator, and `blessed`.

    It is None where there was no evaluation.
    """
    evaluation = record.output("Evaluator", "evaluation")
    blessing = record.output("Evaluator", "blessing")
    if evaluation is None or blessing is None:
        return None
    # The Trainer counts its classes in the order of the probabilities.
    training = _training(record.output("Trainer", "model_run"))
    names = list((training or {}).get("class_counts", ())) or None
    return {
        **read_evaluation(evaluation.uri, class_names=names),
        "blessed": blessing.properties.get("blessed") == 1,
    }


def _tfidf(window: Sequence[MadeArtifact], config: Config) -> dict[str, Any] | None:
    """Returns what words alone reach on the same splits; None without examples."""
    if not window:
        return None
    start = time.monotonic()
    folders = dict.fromkeys(examples.uri for examples in window)
    result = tfidf_baseline(*folders, seed=config.train.seed)
    measures = result.measures and dataclasses.asdict(result.measures)
    return {
        "metrics": {name: _finite((measures or {}).get(name)) for name in MEASURES},
        "notes": list(result.notes),
        "seconds": round(time.monotonic() - start, 1),
    }


def _finite(value: float | None) -> float | None:
    """Returns None for what JSON has no word for."""
    return None if value is None or not math.isfinite(value) else float(value)


def _serving_check(blessing: MadeArtifact | None) -> dict[str, Any] | None:
    report = _read_json(blessing, "report.json")
    if report is None:
        return None
    return {name: report.get(name) for name in ("blessed", "reasons", "facts")}


def _push(record: RunRecord) -> dict[str, Any] | None:
    model = record.output("Pusher", "pushed_model")
    if model is None:
        return None
    pushed = model.properties.get("pushed") == 1
    state = next(node.state for node in record.nodes if node.node == "Pusher")
    return {
        "pushed": pushed,
        "path": model.properties.get("pushed_destination") if pushed else None,
        "now": pushed and state == "done",
    }


def _score_command(push: dict[str, Any] | None) -> str | None:
    if push is None or not push["pushed"]:
        return None
    path = shlex.quote(os.path.relpath(push["path"]))
    return f'{_program()} score --model {path} "Type a text here."'


def _program() -> str:
    """Returns what to type for `elmo-tfx` in this folder."""
    script = Path(sys.executable).with_name("elmo-tfx")
    found = shutil.which("elmo-tfx")
    if found and os.path.realpath(found) == os.path.realpath(script):
        return "elmo-tfx"
    if script.exists():
        return shlex.quote(min(str(script), os.path.relpath(script), key=len))
    return f"{shlex.quote(sys.executable)} -m pipeline.cli"
