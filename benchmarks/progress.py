"""Progress on stderr."""

from __future__ import annotations

import sys
import time

_START = time.monotonic()


def say(line: str) -> None:
    """Prints one line with the time since the start."""
    minutes, seconds = divmod(int(time.monotonic() - _START), 60)
    print(f"{minutes:3}:{seconds:02} {line}", file=sys.stderr, flush=True)
