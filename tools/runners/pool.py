"""Beam's pool of workers, fit to be shared by several task managers.

Each task manager numbers its workers from 1. In Beam's own pool the end of one task
manager's worker ends the one of the other that has the same name, in the middle of its
work. Here it is the one that was started first.
"""

from __future__ import annotations

import argparse
import threading
from collections import defaultdict, deque
from typing import Any

from apache_beam.runners.worker.worker_pool_main import (
    BeamFnExternalWorkerPoolServicer,
)


class OldestFirst:
    """Values by key; of several with one key, the oldest is taken first."""

    def __init__(self) -> None:
        self._values: defaultdict[str, deque[Any]] = defaultdict(deque)
        self._lock = threading.Lock()

    def __setitem__(self, key: str, value: Any) -> None:
        """Adds a value; what the key has already stays."""
        with self._lock:
            self._values[key].append(value)

    def pop(self, key: str, default: Any = None) -> Any:
        """Removes and returns the oldest value of a key."""
        with self._lock:
            return self._values[key].popleft() if self._values[key] else default

    def values(self) -> list[Any]:
        """Returns all, as the pool asks for them at its end."""
        with self._lock:
            return [each for values in self._values.values() for each in values]


class SharedPool(BeamFnExternalWorkerPoolServicer):
    """Starts workers as processes, and stops those that are named."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._worker_processes = OldestFirst()


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--service_port", type=int, required=True)
    parser.add_argument("--container_executable", help="What starts a worker.")
    given = parser.parse_args()
    _, server = SharedPool.start(
        use_process=True,
        port=given.service_port,
        container_executable=given.container_executable,
    )
    server.wait_for_termination()


if __name__ == "__main__":
    main()
