"""Finds out in which form the JSON of a file is: rows in lines, in a list or an object.

The beginning of the file tells, or its first object, which may be longer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Literal, TextIO

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.json_scanner import (
    JsonSyntaxError,
    Scanner,
    text_of,
    text_reader,
)
from components.text_example_gen.reading.nested import with_nested
from components.text_example_gen.reading.records import MAX_RECORD_CHARS

Reopen = Callable[[], AbstractContextManager[TextIO]]
"""Opens a file anew, from its beginning."""

JsonForm = Literal["lines", "array", "object", "objects"]
"""`lines`: an object a line. `array`: a list of objects. `object`: one object, in which
one list of objects stands. `objects`: objects over several lines each."""

_CHUNK_CHARS = 2**16
# A line that breaks off where an object over several lines does.
_GOES_ON = re.compile(r"[{\[,:]\s*$")
_ESCAPED = re.compile(r"\\.")
_ARRAY = re.compile(r"\s*\[\s*[{\]]")
_BEGINS = re.compile(r'\s*(\[\s*)?\{\s*["}]')


def find_form(
    head: str, is_part: bool, options: ReadOptions
) -> JsonForm | Literal["long"] | None:
    """Returns in which form the beginning of a JSON text is; None: it is not JSON.

    Args:
        head: The beginning.
        is_part: Whether more follows.
        options: An object that has the first text column is a row.

    Returns:
        `long` if the beginning does not tell: see `form_of_long`.
    """
    lines = [line for line in head.split("\n") if line.strip()]
    if not lines:
        return None
    first = lines[0].strip()
    if _ARRAY.match(head):
        return "array"
    if not first.startswith("{"):
        return None
    if is_part and len(lines) == 1:
        return "long" if _BEGINS.match(head) else None
    row = _object_of(first)
    if row is not None:
        is_around = len(lines) == 1 and _is_around_rows(row, options)
        return "object" if is_around else "lines"
    if not _GOES_ON.search(first):
        return "lines" if len(lines) > 1 and _object_of(lines[1]) is not None else None
    # One object may be all, or the first of many.
    scanner = Scanner(text_reader(head))
    try:
        raw = scanner.value().raw
        whole = _object_of(raw)
    except JsonSyntaxError:  # it is not closed here
        whole = None
    if is_part and not scanner.peek():
        return "long"
    if whole is not None:
        if "\n" not in raw and scanner.peek() == ",":
            return "lines"  # the first is wrong, with a comma at its end
        is_around = not scanner.peek() and _is_around_rows(whole, options)
        return "object" if is_around else "objects"
    begins = dict(_members(Scanner(text_reader(head))))
    if _is_row(begins, options):
        return "objects"
    return "object" if begins else None


def form_of_long(reopen: Reopen, options: ReadOptions) -> JsonForm:
    """Returns the form of a file whose first object may not end within its head.

    It is read up to the end of that object, as far as a row may go.

    Args:
        reopen: Opens the file.
        options: An object that has the first text column is a row.
    """
    with reopen() as text:
        line = "\n"
        while line and not line.strip():
            line = text.readline(MAX_RECORD_CHARS)
        end = line
        while end and not end.endswith("\n"):
            end = text.readline(_CHUNK_CHARS)
        after = Scanner(text.read).peek()
    is_whole = len(line) < MAX_RECORD_CHARS
    if is_whole and not _is_closed(line):
        # A string goes over no line end.
        is_in_string = _ESCAPED.sub("", line).count('"') % 2 == 1
        if is_in_string or (after in ("", "{") and not _GOES_ON.search(line)):
            return "lines"  # it is broken
        with reopen() as text:
            scanner = Scanner(_bounded(text.read))
            begins = dict(_members(scanner))
            is_first = scanner.peek() == "{"
        return "objects" if is_first or _is_row(begins, options) else "object"
    # Beyond the longest line that may be a row, other rows may follow.
    if after if is_whole else after == "{":
        return "lines"
    begins = dict(_members(Scanner(text_reader(line))))
    return "lines" if _is_row(begins, options) else "object"


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


def looks_like_json(head: str) -> bool:
    """Returns whether a text begins as an object does, or a list of objects."""
    return _BEGINS.match(head) is not None


def _bounded(read: Callable[[int], str]) -> Callable[[int], str]:
    """Returns a function that reads no further than a row may go."""
    left = MAX_RECORD_CHARS

    def bounded(size: int) -> str:
        nonlocal left
        piece = read(min(size, left))
        left -= len(piece)
        return piece

    return bounded


def _is_closed(text: str) -> bool:
    """Returns whether a text is one value, or one with a comma behind it."""
    scanner = Scanner(text_reader(text))
    try:
        scanner.value()
        if scanner.peek() == ",":
            scanner.take(",", "`,`")
        scanner.end()
    except JsonSyntaxError:
        return False
    return True


def _members(scanner: Scanner) -> Iterator[tuple[str, str]]:
    """Yields what is in the object that comes next, as far as it goes.

    Yields:
        Names, and the first character of each one's value.
    """
    try:
        scanner.take("{", "an object")
        while True:
            name = text_of(scanner.value().raw)
            scanner.take(":", "`:`")
            yield name, scanner.peek()
            scanner.value()
            if scanner.take(",}", "`,` or `}`") == "}":
                return
    except JsonSyntaxError:
        return


def _object_of(raw: str) -> dict | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_row(begins: Mapping[str, str], options: ReadOptions) -> bool:
    """Returns whether an object has a text, by the beginnings of its values."""
    for name in options.text_columns:
        outer = name.partition(".")[0]
        if begins.get(name, "[") not in "[{" or (outer != name and outer in begins):
            return True
    return False


def _is_around_rows(row: dict, options: ReadOptions) -> bool:
    """Returns whether an object that is alone is not a row itself."""
    row = with_nested(row, options.text_columns)
    texts = [row[name] for name in options.text_columns if name in row]
    if texts:  # lists of them are columns
        return any(isinstance(text, (list, dict)) for text in texts)
    lists = (value for value in row.values() if isinstance(value, list) and value)
    return any(isinstance(value[0], dict) for value in lists)
