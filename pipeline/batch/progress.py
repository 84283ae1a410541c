"""Shows how many rows of a job are done, by what lies in its staging folder."""

from __future__ import annotations

import posixpath
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from pipeline.batch import storage
from pipeline.batch.staging import PARTS, BatchJob
from pipeline.files import is_local

_LIVE_SECONDS = 1.0  # on a terminal
_LINE_SECONDS = 30.0  # elsewhere, and on file systems that are slow to list


class JobProgress:
    """Rows done and rows per second, on one line of a terminal or a line at a time.

    It sees what the workers of any runner have finished, and nothing of Beam.

    Args:
        terminal: Where to write.
        job: Whose parts it counts.

    Attributes:
        rows_before: Rows that an interrupted job had finished.
    """

    def __init__(self, terminal: TextIO, job: BatchJob) -> None:
        self._terminal = terminal
        self._parts = job.path(PARTS)
        self._live = terminal.isatty()
        is_quick = self._live and is_local(self._parts)
        self._seconds = _LIVE_SECONDS if is_quick else _LINE_SECONDS
        self._end = threading.Event()
        self._began = time.monotonic()
        self.rows_before = 0

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows it as long as the block lasts."""
        self.rows_before = self.rows_done()
        if self.rows_before:
            self._write(f"{self.rows_before:,} rows are done already")
        thread = threading.Thread(target=self._show, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()
            if self._live:
                self._terminal.write("\n")

    def rows_done(self) -> int:
        """Returns the rows of all finished parts, which stand in the files' names."""
        names = map(posixpath.basename, storage.list_files(self._parts, "*.json"))
        return sum(int(name.split(".")[-2]) for name in names)

    def _show(self) -> None:
        last = -1
        while not self._end.wait(self._seconds):
            done = self.rows_done()
            if done == last:
                continue
            last = done
            rate = (done - self.rows_before) / (time.monotonic() - self._began)
            self._write(f"{done:,} rows done, {rate:,.0f} rows/s")

    def _write(self, text: str) -> None:
        self._terminal.write(f"\r{text}\x1b[K" if self._live else f"{text}\n")
        self._terminal.flush()
