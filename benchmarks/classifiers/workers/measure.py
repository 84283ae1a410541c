"""How each contender is measured: the same loops, whatever the library."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BATCH_SIZES = (32, 512)  # the faster one counts
_WARM_UP = "A fine film ."

Classify = Callable[[list[str]], list[str]]  # texts to their labels


@dataclass(frozen=True)
class Labelled:
    """Texts with their labels."""

    texts: list[str]
    labels: list[str]

    def __add__(self, other: Labelled) -> Labelled:
        return Labelled(self.texts + other.texts, self.labels + other.labels)


@dataclass(frozen=True)
class Lesson:
    """What may be learnt from: no test text is among it.

    Args:
        train: To learn from.
        evaluate: To choose settings by, and to learn from then.
        options: Of the job, such as the precision.
    """

    train: Labelled
    evaluate: Labelled
    options: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A way to classify.

    Args:
        train: Learns, and writes the model into an empty folder; returns what the
            report shall say beside the time, by name.
        load: Loads the model with a number of threads.
        versions: Returns the versions that the figures depend on.
        prepare: Writes what no text decides into that folder before; not timed.
        curve: Learns from each of several lessons anew and returns what each makes of
            texts, where that can be had sooner than by `train` and `load`.
    """

    train: Callable[[Lesson, Path], dict[str, Any]]
    load: Callable[[Path, int], Classify]
    versions: Callable[[], dict[str, str]]
    prepare: Callable[[Path], None] = lambda _: None
    curve: Callable[[Sequence[Lesson], list[str]], list[list[str]]] | None = None


def main(worker: Worker) -> None:
    """Reads the job named on the command line, measures, writes the result."""
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    result = _STAGES[job["stage"]](worker, job)
    Path(job["result"]).write_text(json.dumps(result), "utf-8")


def batches(texts: Sequence[str], size: int) -> list[list[int]]:
    """Returns the places of texts of like length, shortest first."""
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    return [order[at : at + size] for at in range(0, len(order), size)]


def predictions(classify: Classify, texts: Sequence[str], size: int) -> list[str]:
    """Returns the label of each text, in the order of the texts."""
    labels = [""] * len(texts)
    for places in batches(texts, size):
        answers = classify([texts[place] for place in places])
        for place, label in zip(places, answers, strict=True):
            labels[place] = label
    return labels


def _train(worker: Worker, job: dict[str, Any]) -> dict[str, Any]:
    folder = Path(job["model"])
    folder.mkdir()
    worker.prepare(folder)
    start = time.perf_counter()
    said = worker.train(_lesson(job["lesson"], job), folder)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "versions": worker.versions(), **said}


def _score(worker: Worker, job: dict[str, Any]) -> dict[str, Any]:
    """Classifies the texts several times; the fastest pass of each batch size counts.

    What counts is the time of the core, which other processes do not lengthen.
    """
    classify, texts = worker.load(Path(job["model"]), 1), job["texts"]
    best: dict[str, Any] = {"texts_per_second": 0.0}
    for size in BATCH_SIZES:
        labels = predictions(classify, texts, size)  # the warm-up
        seconds = min(
            _core_seconds(classify, texts, size) for _ in range(job["repeats"])
        )
        rate = len(texts) / seconds
        if rate > best["texts_per_second"]:
            best = {"texts_per_second": rate, "batch": size, "labels": labels}
    return best


def _core_seconds(classify: Classify, texts: list[str], size: int) -> float:
    start = time.process_time()
    predictions(classify, texts, size)
    return time.process_time() - start


def _start(worker: Worker, job: dict[str, Any]) -> dict[str, Any]:
    """Classifies one text; how long that takes is measured from outside."""
    return {"labels": worker.load(Path(job["model"]), job["threads"])([_WARM_UP])}


def _curve(worker: Worker, job: dict[str, Any]) -> dict[str, Any]:
    """Learns from each lesson anew and classifies the texts."""
    lessons = [_lesson(each, job) for each in job["lessons"]]
    if worker.curve:
        return {"labels": worker.curve(lessons, job["texts"])}
    answers = []
    with tempfile.TemporaryDirectory() as name:
        prepared = Path(name) / "prepared"
        prepared.mkdir()
        worker.prepare(prepared)
        for number, lesson in enumerate(lessons):
            folder = Path(name) / str(number)
            shutil.copytree(prepared, folder)
            worker.train(lesson, folder)
            classify = worker.load(folder, job["threads"])
            answers.append(predictions(classify, job["texts"], BATCH_SIZES[0]))
            shutil.rmtree(folder)
    return {"labels": answers}


def _lesson(parts: dict[str, Any], job: dict[str, Any]) -> Lesson:
    train, evaluate = (Labelled(**parts[name]) for name in ("train", "evaluate"))
    return Lesson(train, evaluate, job.get("options", {}))


_STAGES = {"train": _train, "score": _score, "start": _start, "curve": _curve}
