"""What is shown holds nothing that a terminal would obey.

A header, a label, a path or a library's message may hold control characters: they move
the cursor, set the window's title or turn a line around. Every command line of ours
calls `show_controls`, and then no message has to think of it. Who moves the cursor on
purpose, as the progress of a run does, writes to a stream of its own.

A line break is nothing that a stream can judge: it may be ours. What is one line, such
as an error or a line of the summary, goes through `visible_line` as a whole, so that
nothing in it can look like another line.

Nothing of ours is imported here.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast

import click

# C0 but tab and newline, DEL and C1; line separators and what reorders text; halves of
# surrogate pairs, which stand for bytes that are not UTF-8.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Returns a text with its control characters as they are written in JSON.

    The escape character becomes `\u001b`. Tabs and newlines stay. What was JSON is
    still the same JSON.
    """
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def visible_line(text: str) -> str:
    r"""Returns what `visible` does, in one line: a newline becomes `\n`."""
    return visible(text).replace("\n", "\\n")


class VisibleStream:
    """A stream for text that writes `visible` text to another one.

    What that one's encoding lacks is escaped, too. It has no `buffer`: bytes would pass
    by. All else is that of the other stream.

    Args:
        stream: The other one.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes a text, and returns how many characters of it were taken: all."""
        shown = visible(text)
        try:
            self._stream.write(shown)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            escaped = shown.encode(encoding, "backslashreplace").decode(encoding)
            self._stream.write(escaped)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes texts one after the other."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)


def only_visible(stream: TextIO) -> TextIO:
    """Returns a stream that writes `visible` text to `stream`."""
    if isinstance(stream, VisibleStream):
        return stream
    return cast(TextIO, VisibleStream(stream))


def write_styled(stream: TextIO, text: str, **style: Any) -> None:
    """Writes a text as `visible_line` returns it, in a style that a terminal obeys.

    Args:
        stream: A terminal, `only_visible` or not.
        text: What is styled; nothing in it is obeyed.
        style: Of `click.style`; none: the text alone.
    """
    begin, end = click.style("|", reset=bool(style), **style).split("|")
    terminal = stream._stream if isinstance(stream, VisibleStream) else stream
    terminal.write(begin)
    stream.write(visible_line(text))
    terminal.write(end)


_closed: set[str] = set()  # streams that nobody gave this process


def was_closed(name: str) -> bool:
    """Returns whether `open_closed_streams` found `stdin`, say, closed."""
    return name in _closed


def open_closed_streams() -> None:
    """Gives a process whose stdin, stdout or stderr is closed an empty one.

    Else Python has None there, and the next file that is opened takes the number, so
    that a library's message would be written into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _closed.add(name)
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            mode = "w" if number else "r"
            stream = os.fdopen(number, mode, encoding="utf-8", closefd=False)
            setattr(sys, name, stream)


def show_controls() -> None:
    """Makes stdout and stderr of this process show control characters, to its end.

    Doing it again changes nothing.
    """
    open_closed_streams()
    sys.stdout = only_visible(sys.stdout)
    sys.stderr = only_visible(sys.stderr)
