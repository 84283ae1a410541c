"""Reads JSON Lines: one object a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.lines import Lines
from components.text_example_gen.reading.records import (
    MAX_RECORD_VALUES,
    Record,
    Reject,
    TooDeepError,
    check_columns,
    distinct_names,
    new_names,
    reject_at,
    replace_invalid,
    replace_invalid_in,
)

# If none of the first objects has a required column, its name is misspelt.
_LOOK_ROWS = 500
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')


def read_json_lines(
    text: TextIO, path: str, options: ReadOptions
) -> Iterator[Record | Reject]:
    """Reads one JSON Lines file of any size; blank lines are not rows.

    Args:
        text: From its beginning; a line ends with a line feed.
        path: As the records say it.
        options: Name the columns.

    Yields:
        Records and rejects in the order of the file; positions are line numbers.
        A record has only those columns that its object has.

    Raises:
        UnreadableFileError: None of the first objects has a required column.
    """
    lines = Lines(text)
    seen: dict[str, None] = {}
    objects = 0
    while True:
        lines.begin()
        if next(lines, None) is None:
            break
        raw, replaced = replace_invalid(lines.raw)
        if not raw.strip():
            continue
        if lines.is_too_long:
            yield reject_at(path, lines.number, reasons.TOO_LONG, "too long", raw)
            continue
        if _has_too_many_values(raw):
            detail = f"more than {MAX_RECORD_VALUES:,} values"
            yield reject_at(path, lines.number, reasons.TOO_LONG, detail, raw)
            continue
        try:
            columns, renamed, is_repaired = _parse(raw, options)
        except (ValueError, RecursionError) as error:
            yield reject_at(path, lines.number, reasons.BAD_JSON, str(error), raw)
            continue
        objects += 1
        if objects <= _LOOK_ROWS:
            seen.update(dict.fromkeys(columns))
        if objects == _LOOK_ROWS:
            check_columns(path, list(seen), options)
        if not options.keep_all:
            columns = {n: columns[n] for n in options.required if n in columns}
        try:
            columns, is_replaced = replace_invalid_in(columns)
        except TooDeepError as error:
            yield reject_at(path, lines.number, reasons.BAD_JSON, str(error), raw)
            continue
        yield Record(
            source=path,
            position=lines.number,
            columns=columns,
            raw=raw,
            replaced_utf8=replaced or is_repaired or is_replaced,
            renamed=renamed,
        )
    if 0 < objects < _LOOK_ROWS:
        check_columns(path, list(seen), options)


def _has_too_many_values(line: str) -> bool:
    """Tells it before they are parsed; commas and brackets in strings do not count."""
    if len(line) <= MAX_RECORD_VALUES or _count_values(line) <= MAX_RECORD_VALUES:
        return False
    return _count_values(_STRING.sub("", line)) > MAX_RECORD_VALUES


def _count_values(line: str) -> int:
    return sum(map(line.count, ",[{"))


def _parse(
    line: str, options: ReadOptions
) -> tuple[dict[str, Any], tuple[str, ...], bool]:
    """Returns the object of a line, its new names, and whether a name was mended.

    JSON allows a name twice in an object; Python keeps the last value in silence. Here
    all are kept, as `distinct_names` calls them.

    Raises:
        ValueError: It is not JSON, not an object, or has a unique name twice.
        RecursionError: It is nested too deeply.
    """
    renamed: tuple[str, ...] = ()
    is_repaired = False
    names: list[str] = []  # those of the object that ends last: the outermost

    def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal renamed, is_repaired, names
        repaired = [replace_invalid(name) for name, _ in pairs]
        is_repaired |= any(is_replaced for _, is_replaced in repaired)
        names = [name for name, _ in repaired]
        distinct = distinct_names(names)
        renamed += new_names(names, distinct)
        return dict(zip(distinct, (value for _, value in pairs), strict=True))

    value = json.loads(line, object_pairs_hook=as_object)
    if not isinstance(value, dict):
        raise ValueError(f"the line is a {type(value).__name__}, not an object")
    for name in options.unique if renamed else ():
        if names.count(name) > 1:
            raise ValueError(f"{names.count(name)} values are named `{name}`")
    if not options.keep_all:
        outermost = new_names(names, list(value))
        renamed = tuple(name for name in outermost if name in options.required)
    return value, renamed, is_repaired
