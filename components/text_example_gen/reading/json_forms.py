"""Finds out in which form the JSON of a file is: rows in lines, in a list or an object.

The beginning of the file tells, or its first object, which may be longer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Literal, TextIO

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.json_scanner import (
    JsonSyntaxError,
    Scanner,
    text_of,
    text_reader,
)
from components.text_example_gen.reading.nested import with_nested
from components.text_example_gen.reading.opening import Reopen
from components.text_example_gen.reading.records import MAX_RECORD_CHARS

JsonForm = Literal["lines", "array", "object", "objects"]
"""`lines`: an object a line. `array`: a list of objects. `object`: one object, in which
one list of objects stands. `objects`: objects over several lines each."""

_FEW_VALUES = 20  # of a list: one that is an object makes it one of objects

_CHUNK_CHARS = 2**16
_BEGIN_CHARS = 200
_ESCAPED = re.compile(r"\\.")
_STRING = re.compile(r'"[^"]*"')
_ARRAY = re.compile(r"\s*\[\s*[{\]]")
_OBJECTS = re.compile(r"\[\s*(?:null\s*,\s*)*\{")
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
    second, third = (*lines[1:3], "", "")[:2]
    has_second = _object_of(second) is not None
    if first.startswith("["):
        if _are_rows(second, third):
            return "lines"
        if _ARRAY.match(head):
            return "array"
        if has_second and _is_closed(first):
            return "lines"
        return "array" if _has_object(head) else None
    if not first.startswith("{"):
        return None
    if is_part and len(lines) == 1:
        return "long" if _BEGINS.match(head) else None
    row = _object_of(first)
    if row is not None:
        if second.strip() == "{" and third.lstrip().startswith('"'):
            return "objects"  # of which the first is short
        is_around = len(lines) == 1 and _is_around_rows(row, options)
        return "object" if is_around else "lines"
    goes_on = _goes_on(first, second) and not _are_rows(second, third)
    scanner = Scanner(text_reader(head))
    begins, end = _first_object(scanner)
    if (first.endswith(",") and _is_closed(first)) or (
        has_second and (not goes_on or end == "broken")
    ):
        return "lines"  # the first is wrong
    is_last = end == "closed" and not scanner.peek()
    is_around = is_last and _seems_around_rows(begins, options)
    if not goes_on:
        return "object" if is_around and not is_part else None
    # One object may be all, or the first of many.
    if is_part and (end == "cut" or is_last):
        return "long"
    if end == "closed":
        return "object" if is_around else "objects"
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
        line = end = _next_line(text, MAX_RECORD_CHARS)
        while end and not end.endswith("\n"):
            end = text.readline(_CHUNK_CHARS)
        second = _next_line(text, _CHUNK_CHARS)
        third = _next_line(text, _CHUNK_CHARS)
    is_whole = len(line) < MAX_RECORD_CHARS
    if is_whole and not _is_closed(line):
        if not _goes_on(line, second) or _are_rows(second, third):
            return "lines"  # it is wrong
        with reopen() as text:
            scanner = Scanner(_bounded(text.read))
            begins, state = _first_object(scanner)
            is_first = state == "closed" and scanner.peek() == "{"
        if state == "broken" and _object_of(second) is not None:
            return "lines"
        return "objects" if is_first or _is_row(begins, options) else "object"
    # Beyond the longest line that may be a row, other rows may follow.
    if second.strip() if is_whole else second.lstrip().startswith("{"):
        return "lines"
    begins, _ = _first_object(Scanner(text_reader(line)))
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


def _next_line(text: TextIO, most_chars: int) -> str:
    """Returns the next line that is not blank, or its beginning; "" at the end."""
    line = "\n"
    while line and not line.strip():
        line = text.readline(most_chars)
    return line


def _goes_on(line: str, following: str) -> bool:
    """Returns whether a line and the next one may be parts of one object.

    Args:
        line: That is not closed.
        following: The next line that is not blank, or its beginning.
    """
    line = _ESCAPED.sub("", line)
    after = following.lstrip()[:1]
    if line.count('"') % 2 or not after:  # a string goes over no line end
        return False
    outside = _STRING.sub("0", line)
    end = outside.rstrip()[-1:]
    if end in "{[:":
        return after in '"}' if end == "{" else after not in ",:}"
    if end != ",":
        return after in ",:]}"
    opened: list[str] = []
    for bracket in re.findall(r"[{}\[\]]", outside):
        if bracket in "{[":
            opened.append(bracket)
        elif opened:
            opened.pop()
    return after == '"' if opened[-1:] == ["{"] else after not in ",:}]"


def _are_rows(*lines: str) -> bool:
    """Returns whether lines are objects without a comma between them."""
    return all(_object_of(line) is not None for line in lines)


def _has_object(head: str) -> bool:
    """Returns whether one of the first values of a list is an object."""
    scanner = Scanner(text_reader(head))
    try:
        scanner.take("[", "a list")
        for _ in range(_FEW_VALUES):
            if scanner.peek() == "{":
                return True
            scanner.value()
            scanner.take(",", "`,`")
    except JsonSyntaxError:
        pass
    return False


def _first_object(
    scanner: Scanner,
) -> tuple[dict[str, str], Literal["closed", "cut", "broken"]]:
    """Reads the object that comes next.

    Returns:
        Names -> how their values begin; and whether it ends where it should, or with
        the text, or what comes cannot be in an object.
    """
    begins: dict[str, str] = {}
    try:
        scanner.take("{", "an object")
        if scanner.peek() == "}":
            scanner.take("}", "its end")
            return begins, "closed"
        while True:
            name = text_of(scanner.value().raw)
            scanner.take(":", "`:`")
            scanner.peek()
            begins[name] = scanner.ahead(_BEGIN_CHARS)
            scanner.value()
            if scanner.take(",}", "`,` or `}`") == "}":
                return begins, "closed"
    except JsonSyntaxError:
        return begins, "broken" if scanner.peek() else "cut"


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
        if begins.get(name, "[")[:1] not in "[{" or (outer != name and outer in begins):
            return True
    return False


def _seems_around_rows(begins: Mapping[str, str], options: ReadOptions) -> bool:
    """Returns whether an object that is alone is no row, by how its values begin."""
    if _is_row(begins, options):
        return False
    lists = [begin for begin in begins.values() if begin.startswith("[")]
    return any(name in begins for name in options.text_columns) or any(
        map(_OBJECTS.match, lists)
    )


def _is_around_rows(row: dict, options: ReadOptions) -> bool:
    """Returns whether an object that is alone is not a row itself."""
    row = with_nested(row, options.text_columns)
    texts = [row[name] for name in options.text_columns if name in row]
    if texts:  # lists of them are columns
        return any(isinstance(text, (list, dict)) for text in texts)
    lists = [value for value in row.values() if isinstance(value, list)]
    firsts = (next((each for each in v if each is not None), None) for v in lists)
    return any(isinstance(each, dict) for each in firsts)
