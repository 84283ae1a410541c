"""Runs a command and says what it has taken: time, cores, memory."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.session import NotMeasured


class ProcessFailed(NotMeasured):
    """A process that measures failed, which it should not."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a process and the children that it waited for have taken.

    Args:
        wall_seconds: From start to end.
        core_seconds: User and system time, of all of them together.
        peak_mib: Largest resident size of the largest of them.
    """

    wall_seconds: float
    core_seconds: float
    peak_mib: float


def run(
    command: Sequence[str | Path],
    *,
    scratch: Path,
    variables: Mapping[str, str] | None = None,
) -> Usage:
    """Runs a command to its end.

    Args:
        command: Program and arguments.
        scratch: Folder for what it prints and for its temporary files.
        variables: Of its environment, on top of this process's own.

    Raises:
        ProcessFailed: If it fails; the message names its error.
    """
    log = scratch / "log.txt"
    own = {"TF_CPP_MIN_LOG_LEVEL": "3", "TMPDIR": str(scratch), **(variables or {})}
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **own},
            start_new_session=True,  # so that its own children can be ended with it
        )
        try:
            # Not by getrusage, which knows only the largest of all children so far.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            if process.returncode is None:  # we are interrupted
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        wall_seconds = time.perf_counter() - start
    if process.returncode:
        error = error_line(log.read_text("utf-8", errors="replace"))
        raise ProcessFailed(f"it ended with status {process.returncode}: {error}")
    return Usage(
        wall_seconds=wall_seconds,
        core_seconds=usage.ru_utime + usage.ru_stime,
        peak_mib=usage.ru_maxrss / 1024,  # in KiB
    )


def error_line(log: str) -> str:
    """Returns the line that names the error; Keras's messages go on for many lines."""
    lines = [line for line in log.splitlines() if line.strip()]
    named = [
        line for line in lines if re.match(r"error:|[\w.]*(Error|Exception)\b", line)
    ]
    return (named or lines or ["no message"])[-1]
