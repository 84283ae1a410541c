"""One run of a benchmark: what it has measured so far, where, and on which machine."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

from pipeline.errors import RunError
from pipeline.files import write_whole

KEPT = Path(".bench")  # not in /tmp, which may be small and is emptied
_ROOT = Path(__file__).parents[1]
_MEASURED = ("keras_elmo", "components", "pipeline", "benchmarks")
_START = time.monotonic()


class BenchmarkError(RunError):
    """The benchmark cannot go on; the message says why in one line."""


class NotMeasured(BenchmarkError):
    """One contender cannot be measured; the others can."""


class Session:
    """Measurements, each kept as soon as it is made.

    After an interruption the same command goes on from them: its name, its settings,
    the code and weights measured, and the processor must be the same. `with` removes
    them at the end of a whole run, unless they are to be kept for the next.

    Args:
        name: Of the benchmark.
        settings: All that a measurement depends on.
        sources: Files and folders of the project whose content it depends on. [the
            whole project]
        is_kept: Whether the next run takes the measurements of a whole one, too.
        is_anew: Whether to forget those of before.
    """

    def __init__(
        self,
        name: str,
        settings: Mapping[str, Any],
        *,
        sources: Sequence[str] | None = None,
        is_kept: bool = False,
        is_anew: bool = False,
    ) -> None:
        identity = hashlib.sha256(f"{dict(settings)} {_cpu_name()}".encode())
        for source in sources or _MEASURED:
            for path in _files(_ROOT / source):
                identity.update(path.read_bytes())
        self._path = KEPT / f"{name}-{identity.hexdigest()[:12]}.json"
        self._is_kept = is_kept
        if is_anew:
            self._path.unlink(missing_ok=True)
        self._measured: dict[str, Any] = {}
        if self._path.exists():
            self._measured = json.loads(self._path.read_text("utf-8"))
            say(f"going on from {len(self._measured)} measurements in {self._path}")
        self._kept = len(self._measured)
        self._load_before = os.getloadavg()[0]

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and not self._is_kept:
            self._path.unlink(missing_ok=True)

    def measure(self, key: str, take: Callable[[], Any]) -> Any:
        """Returns the measurement `key`: the kept one, or else what `take` returns.

        Args:
            key: Names it among those of the session.
            take: Measures; its result is kept as JSON. What it raises is not kept.
        """
        if key not in self._measured:
            self._measured[key] = take()
            KEPT.mkdir(exist_ok=True)
            write_whole(self._path, json.dumps(self._measured))
        return self._measured[key]

    @property
    def minutes(self) -> float:
        """Minutes since the program began; 0 of a session that went on from another."""
        return 0.0 if self._kept else (time.monotonic() - _START) / 60

    def conditions(self, *packages: str) -> dict[str, Any]:
        """Returns the date, the machine, its load, and the versions of `packages`."""
        return {
            "date": datetime.date.today().isoformat(),
            "cpu": _cpu_name(),
            "cores": len(os.sched_getaffinity(0)),
            "load_before": self._load_before,
            "load_after": os.getloadavg()[0],
            "kept": self._kept,
            "versions": {package: metadata.version(package) for package in packages},
        }


def say(line: str) -> None:
    """Prints one line with the time since the start to stderr."""
    minutes, seconds = divmod(int(time.monotonic() - _START), 60)
    print(f"{minutes:3}:{seconds:02} {line}", file=sys.stderr, flush=True)


def _files(source: Path) -> list[Path]:
    """Returns a file alone, or those of a folder that decide what its code does."""
    if source.is_file():
        return [source]
    return sorted(
        path for path in source.rglob("*") if path.suffix in (".py", ".json", ".hdf5")
    )


def _cpu_name() -> str:
    """Returns the processor's name as the kernel has it."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = (line.split(":")[1].strip() for line in lines if "model name" in line)
    return next(names, platform.machine())
