"""Real Beam runners for tests: started, used, and robbed of a worker."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tools.runners import flink
from tools.runners.__main__ import CACHE, RUNNERS
from tools.runners.runner import WORKER_POOL, Unavailable
from tools.runners.services import Services

LONG_ON_FLINK = pytest.param("flink", marks=pytest.mark.long)
"""Flink as a parameter of a test that `make test-flink` runs, and CI does not."""


@dataclass(frozen=True)
class StartedRunner:
    """A runner that serves.

    Args:
        name: One of `RUNNERS`.
        options: What sends a job to it, behind `--`.
        services: Its processes.
        folder: With their logs and configuration.
    """

    name: str
    options: tuple[str, ...]
    services: Services
    folder: Path

    def kill_a_worker(self) -> None:
        """Kills what does the work: of Flink a task manager, else the Python workers.

        Flink's task managers ask for workers of their own; the others fail a job that
        has lost its workers.
        """
        if self.name == "flink":
            busy = flink.busy_task_managers(self.folder)
            assert busy, "no task manager had work"
            self.services.kill(busy[0])
            return
        workers = psutil.Process(self.services.pid(WORKER_POOL)).children()
        assert workers, "no worker was running"
        for worker in workers:
            worker.kill()


@contextlib.contextmanager
def started(name: str, folder: Path) -> Iterator[StartedRunner]:
    """Starts a runner and ends it; skips the test where it cannot be had."""
    try:
        runner = RUNNERS[name](folder, cache=CACHE)
    except Unavailable as error:
        pytest.skip(f"{name} is not to be had here: {error}")
    services = Services(folder)
    services.start(runner.services)
    try:
        yield StartedRunner(name, tuple(runner.options), services, folder)
    finally:
        services.stop()
