"""One run of the whole benchmark: what is measured, in which order."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.elmo.contenders import REFERENCE, Contender
from benchmarks.elmo.figures import Results, measured
from benchmarks.elmo.runs import Bench, WorkerError
from benchmarks.errors import NotMeasured
from benchmarks.machine import cpu_name
from benchmarks.progress import say

_TRAINING = {"frozen": False, "trainable": True}


def run_all(
    bench: Bench,
    *,
    source: str,
    models: Sequence[str],
    contenders: Mapping[str, Contender],
    training: bool,
) -> Results:
    """Measures the peak, then each model with each contender.

    Returns:
        The raw results, as JSON can hold them; the table is computed from these.
    """
    load_before = os.getloadavg()[0]
    bench.write_sentences()
    say("the machine's matrix product")
    results: Results = {"peak": bench.work("peak", {}), "models": {}}
    for shape in models:
        files = bench.write_model(shape)
        results["models"][shape] = {
            "contenders": _contenders(bench, shape, files, contenders),
            "training": _training(bench, shape, files) if training else {},
        }
    results["conditions"] = {
        "date": datetime.date.today().isoformat(),
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": load_before,
        "load_after": os.getloadavg()[0],
        "source": source,
        "sentences": len(bench.sentences),
        "tokens": sum(map(len, bench.sentences)),
        "repeats": bench.repeats,
        "versions": _versions(results["models"].values()),
    }
    return results


def failures(results: Results) -> Iterator[str]:
    """Yields what should have been measured and failed."""
    for name, model in results["models"].items():
        for part in (model["contenders"], model["training"]):
            for each, result in part.items():
                if result.get("failed"):
                    yield f"{name}, {each}: {result['missing']}"


def _contenders(
    bench: Bench,
    shape: str,
    files: dict[str, str],
    contenders: Mapping[str, Contender],
) -> Results:
    results: Results = {}
    for name, contender in contenders.items():
        try:
            result = bench.measure_contender(name, contender, shape, files)
        except NotMeasured as error:
            result = _missing(shape, name, error)
        else:
            if REFERENCE in measured({"contenders": results}):
                result |= bench.compare(shape, name, REFERENCE)
        results[name] = result
    return results


def _training(bench: Bench, shape: str, files: dict[str, str]) -> Results:
    results: Results = {}
    for kind, trainable in _TRAINING.items():
        say(f"{shape}: fit steps with the biLM {kind}")
        try:
            results[kind] = bench.measure_training(files, trainable=trainable)
        except NotMeasured as error:
            results[kind] = _missing(shape, kind, error)
    return results


def _missing(shape: str, name: str, error: NotMeasured) -> dict[str, Any]:
    say(f"{shape}, {name}: not measured: {error}")
    return {"missing": str(error), "failed": isinstance(error, WorkerError)}


def _versions(models: Any) -> Results:
    return {
        contender: each["versions"]
        for model in models
        for contender, each in measured(model).items()
    }
