"""Reads JSON that is not one object a line: an array, or objects over several lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Literal, TextIO

from components.text_example_gen.errors import UnreadableFileError
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.json_lines import Objects
from components.text_example_gen.reading.nested import with_nested
from components.text_example_gen.reading.records import (
    MAX_RECORD_CHARS,
    Record,
    Reject,
    replace_invalid,
)

# `lines`: an object a line. `array`: a list of objects. `object`: one object, in which
# one list of objects stands. `objects`: objects over several lines each.
JsonForm = Literal["lines", "array", "object", "objects"]

_CHUNK_CHARS = 2**16
_SHOWN_CHARS = 1000
_OUTSIDE = re.compile(r'["{}\[\]]')
_INSIDE = re.compile(r'["\\]')
_SCALAR_END = re.compile(r"[\s,\]}]")
_NOT_BLANK = re.compile(r"\S")
# A line that breaks off where an object over several lines does.
_GOES_ON = re.compile(r"[{\[,:]\s*$")
_ARRAY = re.compile(r"\s*\[\s*[{\]]")
_BEGINS = re.compile(r'\s*(\[\s*)?\{\s*["}]')


def find_form(head: str, is_part: bool, options: ReadOptions) -> JsonForm | None:
    """Returns in which form the beginning of a JSON text is; None: it is not JSON.

    Args:
        head: The beginning.
        is_part: Whether more follows.
        options: An object that has the first text column is a row.
    """
    lines = [line for line in head.split("\n") if line.strip()]
    if not lines:
        return None
    first = lines[0].strip()
    if _ARRAY.match(head):
        return "array"
    if not first.startswith("{"):
        return None
    is_cut = is_part and len(lines) == 1
    row = None if is_cut else _object_of(first)
    if row is not None:
        if len(lines) > 1 or is_part or not _is_around_rows(row, options):
            return "lines"
        return "object"
    if not is_cut and not _GOES_ON.search(first):
        return "lines" if len(lines) > 1 and _object_of(lines[1]) is not None else None
    # One object may be all, or the first of many.
    scanner = _Scanner(_reader(head))
    try:
        raw = scanner.value().raw
        whole = _object_of(raw)
    except _SyntaxError:  # it is not closed here
        whole = None
    if whole is not None:
        if "\n" not in raw and scanner.peek() == ",":
            return "lines"  # the first is wrong, with a comma at its end
        is_last = not scanner.peek() and not is_part
        return "object" if is_last and _is_around_rows(whole, options) else "objects"
    keys = [name for name, _ in _members(head)]
    if any(name in keys or name.split(".")[0] in keys for name in options.text_columns):
        if is_cut and any(_holds_values(head, each) for each in options.text_columns):
            return "object"  # a column, and no row
        return "lines" if is_cut else "objects"
    return "object" if keys else None


def form_of_long_line(line: str, is_last: bool, options: ReadOptions) -> JsonForm:
    """Returns the form of a file whose first line is an object longer than the head.

    Args:
        line: The whole line.
        is_last: Whether nothing follows.
        options: An object that has the first text column is a row.
    """
    if not is_last:
        return "lines" if _is_closed(line) else "object"
    begins = dict(_members(line))
    for name in options.text_columns:
        outer = name.partition(".")[0]
        if begins.get(name, "[") not in "[{" or (outer != name and outer in begins):
            return "lines"
    return "object"


def is_data_frame(text: str) -> bool:
    """Returns whether a text is what pandas writes with orient `split` or `index`."""
    found = _object_of(text)
    if found is None:
        return False
    rows = list(found.values())
    is_index = (
        len(rows) > 1
        and all(map(str.isdigit, found))
        and all(isinstance(row, dict) for row in rows)
    )
    return is_index or set(found) == {"columns", "index", "data"}


def _holds_values(head: str, name: str) -> bool:
    """Returns whether what is called so is a list or an object."""
    return re.search(rf'"{re.escape(name)}"\s*:\s*[\[{{]', head) is not None


def looks_like_json(head: str) -> bool:
    """Returns whether a text begins as an object does, or a list of objects."""
    return _BEGINS.match(head) is not None


def read_json_document(
    text: TextIO,
    path: str,
    options: ReadOptions,
    form: JsonForm,
    on_note: Callable[[str], None],
) -> Iterator[Record | Reject]:
    """Reads one JSON file that is no JSON Lines, in constant memory.

    Args:
        text: From its beginning.
        path: As the records say it.
        options: Name the columns.
        form: What `find_form` has found.
        on_note: Is called once, before the first record, with what is odd or "".

    Yields:
        Records and rejects in the order of the file; positions count objects from 1.

    Raises:
        UnreadableFileError: It is no JSON from somewhere on, it has no list of objects
            or several, or none of the first objects has a required column.
    """
    if form != "object":
        on_note("objects over several lines" if form == "objects" else "")
    scanner = _Scanner(text.read)
    objects = Objects(path, options)
    position = 0
    values = {
        "array": scanner.items,
        "object": lambda: _rows_in_object(scanner, path, on_note),
        "objects": scanner.values,
    }[form]
    try:
        for value in values():
            position += 1
            yield objects.record(value.raw, position, is_cut=value.is_cut)
        scanner.end()
    except _SyntaxError as error:
        objects.end()
        raise UnreadableFileError(
            reasons.DAMAGED_FILE,
            f"{path} is not JSON after {position} objects: {error}",
            error.text,
        ) from error
    objects.end()


class _SyntaxError(ValueError):
    """What follows is not JSON."""

    def __init__(self, expected: str, text: str) -> None:
        shown = repr(replace_invalid(text[:20])[0]) if text else "the end"
        super().__init__(f"expected {expected}, found {shown}")
        self.text = text[:_SHOWN_CHARS]


class _Value:
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


class _Scanner:
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

    def take(self, characters: str, expected: str) -> str:
        """Returns the next character, which must be one of these."""
        found = self.peek()
        if not found or found not in characters:
            raise _SyntaxError(expected, self._buffer[self._place :])
        self._place += 1
        return found

    def end(self) -> None:
        """Makes sure that nothing follows."""
        if self.peek():
            raise _SyntaxError("the end", self._buffer[self._place :])

    def value(self) -> _Value:
        """Returns the next value.

        Raises:
            _SyntaxError: There is none, or it is not closed.
        """
        first = self.peek()
        if not first or first in ",:]}":
            raise _SyntaxError("a value", self._buffer[self._place :])
        value = _Value()
        if first in '{["':
            self._take_closed(value)
        else:
            self._take_scalar(value)
        return value

    def _take_scalar(self, value: _Value) -> None:
        while self._more():
            end = _SCALAR_END.search(self._buffer, self._place)
            stop = len(self._buffer) if end is None else end.start()
            value.add(self._buffer[self._place : stop])
            self._place = stop
            if end is not None:
                return

    def _take_closed(self, value: _Value) -> None:
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
        raise _SyntaxError("the end of a value that has begun", "")

    def items(self) -> Iterator[_Value]:
        """Yields the values of an array, which comes next."""
        self.take("[", "a list")
        if self.peek() == "]":
            self.take("]", "its end")
            return
        while True:
            yield self.value()
            if self.take(",]", "`,` or `]`") == "]":
                return

    def values(self) -> Iterator[_Value]:
        """Yields all values that stand one behind another."""
        while self.peek():
            yield self.value()


def _rows_in_object(
    scanner: _Scanner, path: str, on_note: Callable[[str], None]
) -> Iterator[_Value]:
    """Yields the objects of the one list of objects that an object has."""
    chosen: str | None = None
    scanner.take("{", "an object")
    end = scanner.take("}", "a name") if scanner.peek() == "}" else ""
    while end != "}":
        key = _text_of(scanner.value().raw)
        scanner.take(":", "`:`")
        if scanner.peek() != "[":
            scanner.value()
        else:
            for number, value in enumerate(scanner.items()):
                if not number and value.raw.startswith("{"):
                    if chosen is not None:
                        raise UnreadableFileError(
                            reasons.UNKNOWN_FORMAT,
                            f"{path} is one JSON object, and has two lists of objects: "
                            f"`{chosen}` and `{key}`\n"
                            "hint: write one list of objects, or one object a line",
                        )
                    chosen = key
                    on_note(f"rows in `{key}`")
                if chosen == key:
                    yield value
        end = scanner.take(",}", "`,` or `}`")
    if chosen is None:
        raise UnreadableFileError(
            reasons.UNKNOWN_FORMAT,
            f"{path} is one JSON object, and has no list of objects, one for each row\n"
            "hint: write a list of objects, or one object a line",
        )


def _reader(text: str) -> Callable[[int], str]:
    """Returns a function that reads a text once."""
    parts = iter([text])
    return lambda _: next(parts, "")


def _is_closed(text: str) -> bool:
    """Returns whether a text is one value, from its beginning to its end."""
    scanner = _Scanner(_reader(text))
    try:
        scanner.value()
        scanner.end()
    except _SyntaxError:
        return False
    return True


def _members(head: str) -> Iterator[tuple[str, str]]:
    """Yields what is in the object that a text begins with, as far as it goes.

    Yields:
        Names, and the first character of each one's value.
    """
    scanner = _Scanner(_reader(head))
    try:
        scanner.take("{", "an object")
        while True:
            name = _text_of(scanner.value().raw)
            scanner.take(":", "`:`")
            yield name, scanner.peek()
            scanner.value()
            scanner.take(",", "`,`")
    except _SyntaxError:
        return


def _text_of(raw: str) -> str:
    try:
        return str(json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise _SyntaxError("a name", raw) from error


def _object_of(raw: str) -> dict | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_around_rows(row: dict, options: ReadOptions) -> bool:
    """Returns whether an object that is alone is not a row itself."""
    row = with_nested(row, options.text_columns)
    texts = [row[name] for name in options.text_columns if name in row]
    if texts:  # lists of them are columns
        return any(isinstance(text, (list, dict)) for text in texts)
    lists = (value for value in row.values() if isinstance(value, list) and value)
    return any(isinstance(value[0], dict) for value in lists)
