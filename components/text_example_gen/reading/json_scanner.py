"""Finds where JSON's values begin and end, in a text that is read as it comes.

What is in a value is not looked at: it is any text between its brackets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from components.text_example_gen.reading.records import (
    MAX_RECORD_CHARS,
    replace_invalid,
)

_CHUNK_CHARS = 2**16
_SHOWN_CHARS = 1000
_OUTSIDE = re.compile(r'["{}\[\]]')
_INSIDE = re.compile(r'["\\]')
_SCALAR_END = re.compile(r"[\s,\]}]")
_NOT_BLANK = re.compile(r"\S")


class JsonSyntaxError(ValueError):
    """What follows is not JSON."""

    def __init__(self, expected: str, text: str) -> None:
        shown = repr(replace_invalid(text[:20])[0]) if text else "the end"
        super().__init__(f"expected {expected}, found {shown}")
        self.text = text[:_SHOWN_CHARS]


class Value:
    """A value as it stands in the file; cut after `MAX_RECORD_CHARS`."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._chars = 0
        self.is_cut = False

    def add(self, part: str) -> None:
        room = MAX_RECORD_CHARS - self._chars
        self.is_cut |= len(part) > room
        if room > 0:
            self._parts.append(part[:room])
            self._chars += len(part)

    @property
    def raw(self) -> str:
        return "".join(self._parts)


class Scanner:
    """Finds where values begin and end; what is in them is not looked at.

    Args:
        read: Returns so many characters of the text, or fewer at its end.
    """

    def __init__(self, read: Callable[[int], str]) -> None:
        self._read = read
        self._buffer = ""
        self._place = 0

    def _more(self) -> bool:
        """Reads on where the buffer is at its end; returns whether there is more."""
        if self._place < len(self._buffer):
            return True
        self._buffer, self._place = self._read(_CHUNK_CHARS), 0
        return bool(self._buffer)

    def peek(self) -> str:
        """Returns the next character that is not blank; "" at the end."""
        while self._more():
            found = _NOT_BLANK.search(self._buffer, self._place)
            if found is not None:
                self._place = found.start()
                return found[0]
            self._place = len(self._buffer)
        return ""

    def ahead(self, chars: int) -> str:
        """Returns so many of the next characters, or fewer at the end."""
        while len(self._buffer) - self._place < chars:
            more = self._read(_CHUNK_CHARS)
            if not more:
                break
            self._buffer, self._place = self._buffer[self._place :] + more, 0
        return self._buffer[self._place : self._place + chars]

    def take(self, characters: str, expected: str) -> str:
        """Returns the next character, which must be one of these."""
        found = self.peek()
        if not found or found not in characters:
            raise JsonSyntaxError(expected, self._buffer[self._place :])
        self._place += 1
        return found

    def end(self) -> None:
        """Makes sure that nothing follows."""
        if self.peek():
            raise JsonSyntaxError("the end", self._buffer[self._place :])

    def value(self) -> Value:
        """Returns the next value.

        Raises:
            JsonSyntaxError: There is none, or it is not closed.
        """
        first = self.peek()
        if not first or first in ",:]}":
            raise JsonSyntaxError("a value", self._buffer[self._place :])
        value = Value()
        if first in '{["':
            self._take_closed(value)
        else:
            self._take_scalar(value)
        return value

    def _take_scalar(self, value: Value) -> None:
        while self._more():
            end = _SCALAR_END.search(self._buffer, self._place)
            stop = len(self._buffer) if end is None else end.start()
            value.add(self._buffer[self._place : stop])
            self._place = stop
            if end is not None:
                return

    def _take_closed(self, value: Value) -> None:
        depth, in_string, is_escaped = 0, False, False
        while self._more():
            start = place = self._place
            while True:
                if is_escaped and place < len(self._buffer):
                    place, is_escaped = place + 1, False
                form = _INSIDE if in_string else _OUTSIDE
                found = form.search(self._buffer, place)
                if found is None:
                    break
                place = found.end()
                if found[0] == '"':
                    in_string = not in_string
                elif found[0] == "\\":
                    is_escaped = True
                else:
                    depth += 1 if found[0] in "{[" else -1
                if not in_string and depth <= 0:
                    value.add(self._buffer[start:place])
                    self._place = place
                    return
            value.add(self._buffer[start:])
            self._place = len(self._buffer)
        raise JsonSyntaxError("the end of a value that has begun", "")

    def items(self) -> Iterator[Value]:
        """Yields the values of an array, which comes next."""
        self.take("[", "a list")
        if self.peek() == "]":
            self.take("]", "its end")
            return
        while True:
            yield self.value()
            if self.take(",]", "`,` or `]`") == "]":
                return

    def values(self) -> Iterator[Value]:
        """Yields all values that stand one behind another."""
        while self.peek():
            yield self.value()


def text_reader(text: str) -> Callable[[int], str]:
    """Returns a function that reads a text once."""
    parts = iter([text])
    return lambda _: next(parts, "")


def text_of(raw: str) -> str:
    """Returns the text that a string in JSON stands for.

    Raises:
        JsonSyntaxError: It is none.
    """
    try:
        return str(json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise JsonSyntaxError("a name", raw) from error
