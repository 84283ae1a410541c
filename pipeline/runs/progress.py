"""Shows which node of a run works, how far it is, and how long each one took."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

from tqdm import tqdm

from components.progress import listening
from pipeline.terminal import visible

if TYPE_CHECKING:
    from pipeline.metadata.runs import NodeRecord

_PLAIN_SECONDS = 10.0  # between two lines of one node, where there is no terminal


def say_loading() -> None:
    """Says on stderr why nothing else happens for some seconds.

    Call it when all is checked that can be without TensorFlow, and before its import.
    """
    sys.stderr.write("loading TensorFlow …\n")
    sys.stderr.flush()


def say_tokenizer(name: str, option: str = "--set transform.tokenizer=") -> None:
    """Says on stderr that texts without blanks between words need another tokenizer.

    Args:
        name: Of that tokenizer.
        option: What stands before the name to choose it.
    """
    why = "have no blanks between words"
    if name == "whitespace":
        why = "have been split into words"
    sys.stderr.write(
        f"the texts {why}, in a script that is written without\nhint: {option}{name}\n"
    )
    sys.stderr.flush()


class Progress:
    """The progress of one run, for a terminal or for a log.

    On a terminal a node has one line: while it works, a bar of what it tells by
    `components.progress`; afterwards, how long it took. Elsewhere there are plain
    lines: one at the end of a node, and of a long one what it tells meanwhile, at most
    every 10 seconds.

    Args:
        stream: Where to write.
        total: Number of nodes of the pipeline; 0: none is shown.
        clock: Returns seconds; for tests.
    """

    def __init__(
        self,
        stream: TextIO,
        total: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._total = total
        self._clock = clock
        self._live = stream.isatty()
        self._count = 0
        self._shown_at = 0.0
        self._bar: tqdm | None = None
        self._counted = ""  # what the bar counts
        self._lock = threading.Lock()  # a node may tell from several threads
        self.node = ""
        """Id of the node that works, or worked last; empty before the first."""

    @contextlib.contextmanager
    def showing(self, node: str) -> Iterator[Callable[[NodeRecord], None]]:
        """Shows a node while the block runs it.

        Yields:
            What to call with the node's record once it has ended well; without that
            call the node counts as failed.
        """
        self.node = node
        self._count += 1
        started = self._shown_at = self._clock()
        if self._live:
            self._write(self._label())
        records: list[NodeRecord] = []
        try:
            with listening(self._tell, self._say):
                yield records.append
        finally:
            self._close_bar()
            took = f"{self._clock() - started:.1f} s"
            if not records:
                took = f"failed after {took}"
            elif records[0].state == "unchanged":
                took = "unchanged"
            begin = "\r\033[K" if self._live else ""
            self._write(f"{begin}{self._label()} {took}\n")

    @contextlib.contextmanager
    def telling(self, name: str) -> Iterator[None]:
        """Shows what a block tells that is no node; of short work, nothing is shown."""
        self.node, self._shown_at = name, self._clock()
        try:
            with listening(self._tell, self._say):
                yield
        finally:
            self._close_bar()

    def _tell(self, what: str, done: int, total: int | None, note: str) -> None:
        with self._lock:
            if self._live:
                self._move_bar(what, done, total, note)
            elif self._clock() - self._shown_at >= _PLAIN_SECONDS:
                self._shown_at = self._clock()
                of_total = f" of {total:,}" if total is not None else ""
                end = f", {note}" if note else ""
                self._write(f"    {self.node}: {done:,}{of_total} {what}{end}\n")

    def _say(self, line: str) -> None:
        """Writes a line that stays, above the one of the node."""
        with self._lock:
            self._close_bar()
            begin, end = ("\r\033[K", self._label()) if self._live else ("", "")
            self._write(f"{begin}    {self.node}: {visible(line)}\n{end}")

    def _move_bar(self, what: str, done: int, total: int | None, note: str) -> None:
        if self._bar is None or self._counted != what:
            self._close_bar()
            self._counted = what
            self._bar = tqdm(
                desc=f"{self._label()} {what}",
                total=total,
                file=self._stream,
                leave=False,
                unit="",
                **_size_of(self._stream),
            )
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(done - self._bar.n)
        if note or done == total:
            self._bar.refresh()  # tqdm itself draws only so often

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _label(self) -> str:
        place = f"[{self._count}/{self._total}] " if self._total else ""
        return f"{place}{self.node} …"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _size_of(stream: TextIO) -> dict[str, Any]:
    """Returns how large a bar may be: tqdm draws none on a terminal without a size."""
    try:
        columns, lines = os.get_terminal_size(stream.fileno())
    except OSError:
        columns, lines = 0, 0
    return {"dynamic_ncols": True} if columns and lines else {"ncols": 80, "nrows": 24}
