"""Shows which node of the pipeline runs, and how long each one took."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TextIO


class Progress(logging.Handler):
    """Follows a run by the messages of TFX's local runner.

    On a terminal a node has one line, begun when it starts and completed when it
    ends; elsewhere a whole line is written when it ends.

    Args:
        stream: Where to write.
        total: Number of nodes of the pipeline.
        clock: Gives seconds; for tests.
    """

    def __init__(
        self,
        stream: TextIO,
        total: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(logging.INFO)
        self._stream = stream
        self._total = total
        self._clock = clock
        self._live = stream.isatty()
        self._count = 0
        self._started = 0.0
        self._cached = False
        self.node = ""
        """Id of the node that runs, or ran last; empty before the first."""
        self.finished = False
        """Whether the node named by `node` has ended well."""

    def emit(self, record: logging.LogRecord) -> None:
        """Reads one message of TFX; all others are ignored."""
        if not isinstance(record.msg, str):
            return
        if record.msg == "Component %s is running.":
            self._start(record.getMessage().split()[1])
        elif record.msg == "Component %s is finished.":
            self._end("unchanged" if self._cached else "")
            self.finished = True
        elif record.msg == "A cached execution %d is used.":
            self._cached = True

    def fail(self) -> None:
        """Completes the line of a node that did not end well."""
        if self.node and not self.finished:
            self._end("failed")

    def _start(self, node: str) -> None:
        self.node, self.finished, self._cached = node, False, False
        self._count += 1
        self._started = self._clock()
        if self._live:
            self._stream.write(self._label())
            self._stream.flush()

    def _end(self, note: str) -> None:
        seconds = self._clock() - self._started
        text = note if note == "unchanged" else f"{seconds:.1f} s"
        if note == "failed":
            text = f"failed after {text}"
        begin = "" if self._live else self._label()
        self._stream.write(f"{begin} {text}\n")
        self._stream.flush()

    def _label(self) -> str:
        return f"[{self._count}/{self._total}] {self.node} …"
