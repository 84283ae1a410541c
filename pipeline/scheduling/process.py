"""A process of its own for one run: it returns its memory, and may crash alone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.files import open_own


class RunProcess:
    """A command that is under way.

    Args:
        command: The program and its arguments.
        log: File that gets its stdout and stderr.
        held: A descriptor that the process gets and keeps until it ends.
        on_end: Called with its exit code once it has ended, from another thread; a
            negative one is the signal that killed it.

    Raises:
        OSError: It cannot be started, or the log cannot be written.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        held: int,
        on_end: Callable[[int], None],
    ) -> None:
        with os.fdopen(open_own(log, os.O_WRONLY | os.O_APPEND), "ab") as output:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[held],
                # Ctrl-C in a terminal goes to all of a session; we pass it on.
                start_new_session=True,
            )
        threading.Thread(
            target=lambda: on_end(self._process.wait()), daemon=True, name="run"
        ).start()

    def stop(self) -> None:
        """Asks it to end."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it and the processes that it has started."""
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.killpg(self._process.pid, signal.SIGKILL)


def exit_reason(exit_code: int) -> str:
    """Returns how a process ended, in words."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    hint = " (hint: is the memory enough?)" if exit_code == -signal.SIGKILL else ""
    return f"was killed by {signal.Signals(-exit_code).name}{hint}"


def last_line(log: Path) -> str:
    """Returns the last line of a log that is not empty; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:  # it is gone, perhaps with its output
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
