"""Runs a command and says what it has taken: time, cores, memory."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import NotMeasured, error_line


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


def run(command: Sequence[str | Path], *, scratch: Path) -> Usage:
    """Runs a command to its end.

    Args:
        command: Program and arguments.
        scratch: Folder for what it says and for its temporary files.

    Raises:
        NotMeasured: If it fails; the message names its error.
    """
    log = scratch / "log.txt"
    own = {"TF_CPP_MIN_LOG_LEVEL": "3", "TMPDIR": str(scratch)}
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
        said = log.read_text("utf-8", errors="replace")
        raise NotMeasured(
            f"it ended with status {process.returncode}: {error_line(said)}"
        )
    return Usage(
        wall_seconds=wall_seconds,
        core_seconds=usage.ru_utime + usage.ru_stime,
        peak_mib=usage.ru_maxrss / 1024,  # given in KiB
    )
