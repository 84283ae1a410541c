"""What is measured, in which order; each measurement in a fresh process."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from benchmarks import environments, processes
from benchmarks.classifiers.contenders import Contender, digest
from benchmarks.quality.texts import Fold, Texts, folds
from benchmarks.session import KEPT, NotMeasured, Session, say

CURVE_SIZES = (100, 300, 1000, 3000)
SEEDS = (0, 1, 2)
REPEATS = 2  # of the passes over the test texts
_STARTS = 2  # of which the faster counts
_EVAL_SHARE = 0.1  # as of the folds
# So that one core is used by one thread, whatever the library.
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")} | {
    f"TF_NUM_{name}OP_THREADS": "1" for name in ("INTRA", "INTER")
}
# Before the program starts, so that its libraries count one core.
_PIN = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); "
_PIN += "os.execv(sys.argv[2], sys.argv[2:])"

Results = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Task:
    """The texts, and which are learnt from.

    Args:
        texts: With their labels as numbers.
        names: Of the labels.
        fold: Which texts are learnt from, chosen by, and tested on.
    """

    texts: Texts
    names: list[str]
    fold: Fold

    @classmethod
    def of(cls, texts: list[str], labels: list[str]) -> Task:
        """Returns the first of the project's ten folds of some texts."""
        names, numbers = np.unique(labels, return_inverse=True)
        numbered = Texts("", texts, numbers.astype(np.int32))
        return cls(numbered, names.tolist(), next(folds(numbered, 1)))

    @property
    def identity(self) -> str:
        """A name that changes with the texts, their labels and the fold."""
        labels = [self.names[n] for n in self.texts.labels]
        places = [str(part.tolist()) for part in dataclasses.astuple(self.fold)]
        return digest(*self.texts.texts, *labels, *places)

    @property
    def lesson(self) -> Results:
        """What may be learnt from, as a job has it."""
        return self._lesson(self.fold.train, self.fold.evaluate)

    @property
    def test(self) -> list[str]:
        """The test texts."""
        return [self.texts.texts[place] for place in self.fold.test]

    def is_right(self, labels: Sequence[str]) -> list[bool]:
        """Returns of each label of a test text whether it is the text's."""
        wanted = [self.names[n] for n in self.texts.labels[self.fold.test]]
        return [a == b for a, b in zip(labels, wanted, strict=True)]

    def smaller(self, size: int, seed: int) -> Results:
        """Returns a lesson of so many texts, a tenth of them to choose by."""
        rest = np.concatenate([self.fold.train, self.fold.evaluate])
        labels = self.texts.labels
        chosen, _ = train_test_split(
            rest, train_size=size, stratify=labels[rest], random_state=seed
        )
        train, evaluate = train_test_split(
            chosen,
            test_size=_EVAL_SHARE,
            stratify=labels[chosen],
            random_state=seed,
        )
        return self._lesson(train, evaluate)

    def _lesson(self, train: np.ndarray, evaluate: np.ndarray) -> Results:
        return {"train": self._part(train), "evaluate": self._part(evaluate)}

    def _part(self, places: np.ndarray) -> dict[str, list[str]]:
        return {
            "texts": [self.texts.texts[place] for place in places],
            "labels": [self.names[self.texts.labels[place]] for place in places],
        }


def run_all(
    task: Task,
    contenders: Mapping[str, Contender],
    *,
    anew: Collection[str] = (),
    has_curve: bool = False,
) -> Results:
    """Measures contenders, or takes what was measured of them before.

    Args:
        task: The texts.
        contenders: By name.
        anew: Those that are measured again.
        has_curve: Whether to measure the learning curves, too.

    Returns:
        The raw results, as JSON can hold them; the tables are computed from these.
    """
    KEPT.mkdir(exist_ok=True)
    tables: Results = {"table": {}, "curve": {}}
    for name, contender in contenders.items():
        kinds = {"table": _measure}
        if has_curve and contender.has_curve:
            kinds["curve"] = _curve
        for kind, take in kinds.items():
            try:
                found = _kept(kind, name, contender, task, name in anew, take)
            except NotMeasured as error:
                say(f"{name}: not measured: {error}")
                failed = isinstance(error, processes.ProcessFailed)
                found = {"missing": str(error), "failed": failed}
            tables[kind][name] = found
    rows = {name: len(part) for name, part in vars(task.fold).items()}
    return {**tables, "rows": rows}


def _kept(
    kind: str,
    name: str,
    contender: Contender,
    task: Task,
    is_anew: bool,
    take: Callable[[_Process, Task], Results],
) -> Results:
    """Returns what was measured of a contender, which is kept for later runs."""
    if why := contender.lacks():
        raise NotMeasured(why)
    settings = {"task": task.identity, **contender.identity}
    if kind == "curve":
        settings |= {"sizes": CURVE_SIZES, "seeds": SEEDS}
    with (
        Session(
            f"classifiers-{kind}-{contender.worker}",
            settings,
            sources=contender.sources,
            is_kept=True,
            is_anew=is_anew,
        ) as session,
        tempfile.TemporaryDirectory(prefix="run-", dir=KEPT) as folder,
    ):

        def measure() -> Results:
            python: str | Path = sys.executable
            if contender.python:
                python = environments.interpreter(contender.worker, contender.python)
            say(f"{name}: {kind}")
            process = _Process(Path(folder), contender, python)
            return {**take(process, task), "conditions": session.conditions()}

        return session.measure(kind, measure)


def _measure(process: _Process, task: Task) -> Results:
    model = str(process.folder / "model")
    trained, _ = process.work({"stage": "train", "model": model, "lesson": task.lesson})
    say(f"trained in {trained['seconds']:.1f} s ({trained.get('chosen', '')})")
    job = {"stage": "score", "model": model, "texts": task.test, "repeats": REPEATS}
    scored, _ = process.work(job, one_core=True)
    is_right = task.is_right(scored["labels"])
    say(f"{np.mean(is_right):.1%}, {scored['texts_per_second']:,.0f} texts/s and core")
    start = {"stage": "start", "model": model, "threads": process.cores}
    usages = [process.work(start)[1] for _ in range(_STARTS)]
    return {
        "train_seconds": trained["seconds"],
        "whole_seconds": trained.get("whole_seconds"),
        "chosen": trained.get("chosen"),
        "versions": trained["versions"],
        "is_right": "".join(str(int(each)) for each in is_right),
        "texts_per_second": scored["texts_per_second"],
        "batch": scored["batch"],
        "bytes": folder_bytes(Path(model)),
        "start_seconds": min(usage.wall_seconds for usage in usages),
    }


def _curve(process: _Process, task: Task) -> Results:
    most = len(task.fold.train) + len(task.fold.evaluate)
    sizes = [size for size in CURVE_SIZES if size < most]
    if not sizes:
        raise NotMeasured(f"there are {most} texts to learn from")
    settings = list(itertools.product(sizes, SEEDS))
    lessons = [task.smaller(size, seed) for size, seed in settings]
    job = {"stage": "curve", "lessons": lessons, "texts": task.test}
    answers, _ = process.work({**job, "threads": process.cores})
    accuracies: dict[str, list[float]] = {}
    for (size, _), labels in zip(settings, answers["labels"], strict=True):
        right = float(np.mean(task.is_right(labels)))
        accuracies.setdefault(str(size), []).append(right)
    return {"accuracies": accuracies}


def folder_bytes(folder: Path) -> int:
    """Returns the size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@dataclasses.dataclass(frozen=True)
class _Process:
    """Runs a contender's worker on jobs.

    Args:
        folder: For jobs, models and results; of this run alone.
        contender: Who is measured.
        python: That it runs with.
    """

    folder: Path
    contender: Contender
    python: str | Path

    @property
    def cores(self) -> int:
        return len(os.sched_getaffinity(0))

    def work(
        self, job: Results, *, one_core: bool = False
    ) -> tuple[Results, processes.Usage]:
        """Runs the worker on one job; returns its result and what it took.

        Raises:
            ProcessFailed: If it fails; the message names its error.
        """
        path, result = self.folder / "job.json", self.folder / "result.json"
        options = {"result": str(result), "options": dict(self.contender.options)}
        path.write_text(json.dumps({**options, **job}), "utf-8")
        module = f"benchmarks.classifiers.workers.{self.contender.worker}"
        command = [str(self.python), "-m", module, str(path)]
        if one_core:
            core = max(os.sched_getaffinity(0))
            command = [sys.executable, "-c", _PIN, str(core), *command]
        usage = processes.run(
            command, scratch=self.folder, variables=_ONE_THREAD if one_core else {}
        )
        return json.loads(result.read_text("utf-8")), usage
