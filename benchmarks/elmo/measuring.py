"""What is measured, in which order; each measurement in a fresh process."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import environments, processes
from benchmarks.elmo.contenders import MEMORY_BATCH, ORDERS, REFERENCE, Contender
from benchmarks.elmo.figures import Results, measured
from benchmarks.elmo.shapes import SHAPES, multiply_adds
from benchmarks.elmo.workers.measure import AS_IT_COMES, batches, in_order
from benchmarks.session import BenchmarkError, NotMeasured, Session, say

_TRAINING = {"frozen": False, "trainable": True}


@dataclass(frozen=True)
class Bench:
    """Runs workers on sentences.

    Args:
        session: Keeps the measurements.
        folder: For jobs, weights and vectors; of this run alone.
        sentences: Token lists.
        repeats: Passes after the warm-up; the best counts.
    """

    session: Session
    folder: Path
    sentences: list[list[str]]
    repeats: int

    def run_all(
        self,
        models: Sequence[str],
        contenders: Mapping[str, Contender],
        *,
        training: bool,
    ) -> Results:
        """Measures the peak, then each model with each contender.

        Returns:
            The raw results, as JSON can hold them; the table is computed from these.
        """
        self._sentences_path.write_text(json.dumps(self.sentences), "utf-8")
        say("the machine's matrix product")
        peak = self.session.measure("peak", lambda: self._work("peak", {}))
        results: Results = {"peak": peak, "models": {}}
        for shape in models:
            files = self._write_model(shape)
            results["models"][shape] = {
                "contenders": self._contenders(shape, files, contenders),
                "training": self._training(shape, files) if training else {},
            }
        results["conditions"] = {
            **self.session.conditions(),
            "sentences": len(self.sentences),
            "tokens": sum(map(len, self.sentences)),
            "repeats": self.repeats,
            "versions": {
                contender: each["versions"]
                for model in results["models"].values()
                for contender, each in measured(model).items()
            },
        }
        return results

    def measure_contender(
        self, name: str, contender: Contender, shape: str, model: dict[str, str]
    ) -> dict[str, Any]:
        """Measures everything that the table says of one contender.

        Raises:
            NotMeasured: If its environment cannot be made or it fails.
        """
        python: str | Path = sys.executable
        if contender.python:
            python = environments.interpreter(contender.worker, contender.python)

        def measure(what: str, *, is_tuned: bool = False, **setting: Any) -> dict:
            job = {**model, "dtype": contender.dtype, "measure": what, **setting}
            variables = contender.variables if is_tuned else {}
            result = self._work(contender.worker, job, python, variables)
            say(f"{shape}, {name}: {what} {_outcome(setting, result)}")
            return result

        def kept(what: str, **setting: Any) -> dict:
            key = f"{shape}, {name}, {what}, {setting}"
            return self.session.measure(key, lambda: measure(what, **setting))

        # Not kept: its vectors lie in this run's folder.
        vectors = str(self._vectors_path(shape, name))
        agreement = measure("agreement", vectors=vectors, batch=MEMORY_BATCH)
        single = kept("latency", is_tuned=True, batch=1)
        memory = kept("memory", batch=MEMORY_BATCH, order=AS_IT_COMES)
        runs = []
        for size in contender.batch_sizes:
            for order in ORDERS:
                setting = {"batch": size, "order": order, "repeats": self.repeats}
                run = kept("throughput", is_tuned=True, **setting)
                cut = batches(in_order(self.sentences, order), size)
                needed = sum(multiply_adds(SHAPES[shape], batch) for batch in cut)
                speed = {key: run[key] for key in ("tokens_per_second", "seconds")}
                runs.append({**setting, **speed, "multiply_adds": needed})
        return {
            "dtype": contender.dtype,
            "is_peer": contender.is_peer,
            "versions": agreement["versions"],
            "latency_ms": single["latency_ms"],
            "peak_mib": memory["peak_mib"],
            "runs": runs,
        }

    def _contenders(
        self, shape: str, files: dict[str, str], contenders: Mapping[str, Contender]
    ) -> Results:
        results: Results = {}
        for name, contender in contenders.items():

            def take(name: str = name, contender: Contender = contender) -> dict:
                return self.measure_contender(name, contender, shape, files)

            result = _or_missing(f"{shape}, {name}", take)
            if "missing" not in result and REFERENCE in measured(
                {"contenders": results}
            ):
                result |= self._compare(shape, name)
            results[name] = result
        return results

    def _training(self, shape: str, files: dict[str, str]) -> Results:
        """Measures a fit step beside a forward pass of the same classifier."""
        results: Results = {}
        for kind, trainable in _TRAINING.items():
            job = {**files, "trainable": trainable, "repeats": self.repeats}
            job["batch"] = MEMORY_BATCH
            key = f"{shape}, fit steps with the biLM {kind}"
            say(key)

            def take(job: dict = job, key: str = key) -> dict:
                return self.session.measure(key, lambda: self._work("training", job))

            results[kind] = _or_missing(f"{shape}, {kind}", take)
        return results

    def _write_model(self, shape: str) -> dict[str, str]:
        """Writes random weights; returns the part of a job that names them."""
        say(f"{shape}: writing random weights")
        folder = self.folder / shape
        self._work("random_model", {"folder": str(folder), "shape": shape})
        files = {"options": "options.json", "weights": "weights.hdf5"}
        return {key: str(folder / name) for key, name in files.items()}

    def _work(
        self,
        worker: str,
        job: Mapping[str, Any],
        python: str | Path = sys.executable,
        variables: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Runs one worker on one job and returns its result.

        Raises:
            ProcessFailed: If it fails; the message names its error.
        """
        path, result = self.folder / "job.json", self.folder / "result.json"
        files = {"sentences": str(self._sentences_path), "result": str(result)}
        path.write_text(json.dumps({**files, **job}), "utf-8")
        command = [python, "-m", f"benchmarks.elmo.workers.{worker}", path]
        processes.run(command, scratch=self.folder, variables=variables)
        return json.loads(result.read_text("utf-8"))

    def _compare(self, shape: str, name: str) -> dict[str, float]:
        """Compares a contender's vectors of the first batch with the reference's."""
        paths = (self._vectors_path(shape, each) for each in (name, REFERENCE))
        ours, theirs = map(np.load, paths)
        if ours.shape != theirs.shape:
            raise BenchmarkError(
                f"{name} returns vectors {ours.shape} where {REFERENCE} returns "
                f"{theirs.shape}"
            )
        return agreement_of(ours, theirs)

    @property
    def _sentences_path(self) -> Path:
        return self.folder / "sentences.json"

    def _vectors_path(self, shape: str, name: str) -> Path:
        return self.folder / f"{shape}-{name.replace(' ', '-')}.npy"


def agreement_of(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """Returns the largest difference, and the cosine of the token that is worst.

    Args:
        ours: `(tokens, dim)` float32.
        theirs: The same shape.
    """
    products = np.sum(ours * theirs, axis=1, dtype="float64")
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return {
        "max_difference": float(np.abs(ours - theirs).max()),
        "min_cosine": float((products / norms).min()),
    }


def _or_missing(name: str, take: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Returns what `take` measures, or why it could not."""
    try:
        return take()
    except NotMeasured as error:
        say(f"{name}: not measured: {error}")
        failed = isinstance(error, processes.ProcessFailed)
        return {"missing": str(error), "failed": failed}


def _outcome(setting: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    units = {"tokens_per_second": "tokens/s", "latency_ms": "ms", "peak_mib": "MiB"}
    figures = [f"{result[key]:,.1f} {units[key]}" for key in units if key in result]
    named = [f"batch {setting['batch']}", setting.get("order", "")]
    return f"({', '.join(filter(None, named))}) {' '.join(figures)}".rstrip()
