"""Runs the contenders, each measurement in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.elmo import environments
from benchmarks.elmo.contenders import MEMORY_BATCH, ORDERS, Contender
from benchmarks.elmo.operations import multiply_adds
from benchmarks.elmo.shapes import SHAPES
from benchmarks.elmo.workers.measure import AS_IT_COMES, batches, in_order
from benchmarks.errors import BenchmarkError, NotMeasured, error_line
from benchmarks.progress import say


class WorkerError(NotMeasured):
    """A measuring process failed, which it should not."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all runs share.

    Args:
        folder: For jobs, weights and vectors; of this run alone.
        sentences: Token lists.
        repeats: Passes after the warm-up; the best counts.
    """

    folder: Path
    sentences: list[list[str]]
    repeats: int

    @property
    def sentences_path(self) -> Path:
        """Where the workers read the sentences."""
        return self.folder / "sentences.json"

    def write_sentences(self) -> None:
        """Writes them to where the workers read them."""
        self.sentences_path.write_text(json.dumps(self.sentences), "utf-8")

    def write_model(self, shape: str) -> dict[str, str]:
        """Writes random weights; gives the part of a job that names them."""
        say(f"{shape}: writing random weights")
        folder = self.folder / shape
        self.work("random_model", {"folder": str(folder), "shape": shape})
        files = {"options": "options.json", "weights": "weights.hdf5"}
        return {key: str(folder / name) for key, name in files.items()}

    def work(
        self,
        worker: str,
        job: Mapping[str, Any],
        *,
        python: str | Path = sys.executable,
        variables: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Runs one worker on one job and gives its result.

        Raises:
            WorkerError: If it fails; the message names its error.
        """
        path = self.folder / "job.json"
        path.write_text(json.dumps({"sentences": str(self.sentences_path), **job}))
        done = subprocess.run(
            [python, "-m", f"benchmarks.elmo.workers.{worker}", path],
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, **(variables or {})},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise WorkerError(
                f"it ended with status {done.returncode}: {error_line(done.stderr)}"
            )
        return json.loads(done.stdout.splitlines()[-1])

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

        def measure(what: str, variables: Mapping[str, str], **job: Any) -> dict:
            job = {**model, "dtype": contender.dtype, "measure": what, **job}
            result = self.work(
                contender.worker, job, python=python, variables=variables
            )
            say(f"{shape}, {name}: {what} {_told(job, result)}")
            return result

        vectors = str(self.vectors_path(shape, name))
        tuned = contender.variables
        agreement = measure("agreement", {}, vectors=vectors, batch=MEMORY_BATCH)
        single = measure("latency", tuned, batch=1)
        memory = measure("memory", {}, batch=MEMORY_BATCH, order=AS_IT_COMES)
        runs = []
        for size in contender.batch_sizes:
            for order in ORDERS:
                job = {"batch": size, "order": order, "repeats": self.repeats}
                run = measure("throughput", tuned, **job)
                cut = batches(in_order(self.sentences, order), size)
                needed = sum(multiply_adds(SHAPES[shape], batch) for batch in cut)
                speed = {key: run[key] for key in ("tokens_per_second", "seconds")}
                runs.append({**job, **speed, "multiply_adds": needed})
        return {
            "dtype": contender.dtype,
            "is_peer": contender.is_peer,
            "versions": agreement["versions"],
            "latency_ms": single["latency_ms"],
            "peak_mib": memory["peak_mib"],
            "runs": runs,
        }

    def vectors_path(self, shape: str, name: str) -> Path:
        """Where a contender leaves its vectors of the first batch."""
        return self.folder / f"{shape}-{name.replace(' ', '-')}.npy"

    def compare(self, shape: str, name: str, reference: str) -> dict[str, float]:
        """Compares two contenders' vectors of the first batch."""
        paths = (self.vectors_path(shape, each) for each in (name, reference))
        ours, theirs = map(np.load, paths)
        if ours.shape != theirs.shape:
            raise BenchmarkError(
                f"{name} gives vectors {ours.shape} where {reference} gives "
                f"{theirs.shape}"
            )
        return agreement_of(ours, theirs)

    def measure_training(
        self, model: dict[str, str], *, trainable: bool
    ) -> dict[str, float]:
        """Measures a fit step beside a forward pass of the same classifier."""
        job = {"trainable": trainable, "batch": MEMORY_BATCH, "repeats": self.repeats}
        return self.work("training", {**model, **job})


def agreement_of(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """Gives the largest difference, and the cosine of the token that is worst.

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


def _told(job: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    units = {"tokens_per_second": "tokens/s", "latency_ms": "ms", "peak_mib": "MiB"}
    figures = [f"{result[key]:,.1f} {units[key]}" for key in units if key in result]
    setting = [f"batch {job['batch']}", job.get("order", "")]
    return f"({', '.join(filter(None, setting))}) {' '.join(figures)}".rstrip()
