"""Reads JSON Lines, one object a line, and turns objects into records."""

from __future__ import annotations

import collections
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.lines import Lines
from components.text_example_gen.reading.nested import (
    Structure,
    nested_names,
    with_nested,
)
from components.text_example_gen.reading.records import (
    MAX_RECORD_VALUES,
    Record,
    Reject,
    TooDeepError,
    check_columns,
    distinct_names,
    new_names,
    reject_at,
    remember_names,
    replace_invalid,
    replace_invalid_in,
)

_MARK = "\ufeff"  # before a file that was put behind another
# If none of the first objects has a required column, its name is misspelt.
_LOOK_ROWS = 500
# One that is not closed ends with the line: tried again from each quote within, it
# would take time by the square of them.
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)


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
    lines = Lines(text, most_chars=options.most_chars)
    objects = Objects(path, options)
    while True:
        lines.begin()
        if next(lines, None) is None:
            break
        raw = lines.raw
        if raw.strip():
            yield objects.record(raw, lines.number, is_cut=lines.is_too_long)
    objects.end()


class Objects:
    """Makes records of the objects of a file.

    Args:
        path: As the records say it.
        options: Name the columns; `data.text` is `text` in the object `data`.
    """

    def __init__(self, path: str, options: ReadOptions) -> None:
        self._path = path
        self._options = options
        self._seen: dict[str, None] = {}
        self._count = 0

    def record(self, raw: str, position: int, *, is_cut: bool) -> Record | Reject:
        """Returns the record of an object.

        Args:
            raw: As it stands in the file; bytes that are not UTF-8 are surrogates.
            position: Where, for the record.
            is_cut: Whether `raw` is only its beginning, as it is too long.

        Raises:
            UnreadableFileError: None of the first objects has a required column.
        """
        raw, replaced = replace_invalid(raw)
        if is_cut:
            return reject_at(self._path, position, reasons.TOO_LONG, "too long", raw)
        if _has_too_many_values(raw):
            detail = f"more than {MAX_RECORD_VALUES:,} values"
            return reject_at(self._path, position, reasons.TOO_LONG, detail, raw)
        options = self._options
        try:
            columns, renamed, is_repaired = _parse(raw.lstrip(_MARK), options)
            columns = with_nested(columns, options.required, unique=options.unique)
        except (ValueError, RecursionError) as error:
            return reject_at(self._path, position, reasons.BAD_JSON, str(error), raw)
        self._count += 1
        if self._count <= _LOOK_ROWS:
            names = itertools.chain(columns, nested_names(columns))
            remember_names(self._seen, names, options.required)
        if self._count == _LOOK_ROWS:
            self._check()
        if not options.keep_all:
            columns = {n: columns[n] for n in options.required if n in columns}
        try:
            columns, is_replaced = replace_invalid_in(columns)
        except TooDeepError as error:
            return reject_at(self._path, position, reasons.BAD_JSON, str(error), raw)
        return Record(
            source=self._path,
            position=position,
            columns=columns,
            raw=raw,
            replaced_utf8=replaced or is_repaired or is_replaced,
            renamed=renamed,
        )

    def end(self) -> None:
        """Says that no more come.

        Raises:
            UnreadableFileError: None of the objects has a required column.
        """
        if 0 < self._count < _LOOK_ROWS:
            self._check()

    def _check(self) -> None:
        check_columns(self._path, list(self._seen), self._options)


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
    renamed: dict[str, None] = {}
    is_repaired = False
    names: list[str] = []  # those of the object that ends last: the outermost

    def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal is_repaired, names
        repaired = [replace_invalid(name) for name, _ in pairs]
        is_repaired |= any(is_replaced for _, is_replaced in repaired)
        names = [name for name, _ in repaired]
        distinct = distinct_names(names)
        values = zip(distinct, (value for _, value in pairs), strict=True)
        if distinct == names:
            return dict(values)
        renamed.update(dict.fromkeys(new_names(names, distinct)))
        structure = Structure(values)
        counts = collections.Counter(names)
        structure.repeated = frozenset(n for n, count in counts.items() if count > 1)
        return structure

    value = json.loads(line, object_pairs_hook=as_object)
    if not isinstance(value, dict):
        raise ValueError(f"the line is a {type(value).__name__}, not an object")
    for name in options.unique if renamed else ():
        if names.count(name) > 1:
            raise ValueError(f"{names.count(name)} values are named `{name}`")
    if options.keep_all:
        return value, tuple(renamed), is_repaired
    outermost = new_names(names, list(value))
    kept = tuple(name for name in outermost if name in options.required)
    return value, kept, is_repaired
