"""Ends a process that takes too long."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

TOOK_TOO_LONG = 124
"""The exit code, which is that of the command `timeout`."""


@contextlib.contextmanager
def time_limit(minutes: float | None, what: str) -> Iterator[None]:
    """Ends this process if the block takes longer, whatever it is waiting for.

    Args:
        minutes: How long it may take; None: as long as it likes.
        what: What took too long, for the message.
    """

    def end() -> None:
        message = f"error: {what} failed: it took longer than {minutes:g} minutes\n"
        sys.stderr.write(message)
        sys.stderr.flush()
        os._exit(TOOK_TOO_LONG)  # another thread may be in C++ and hear no signal

    if minutes is None:
        yield
        return
    timer = threading.Timer(minutes * 60, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
