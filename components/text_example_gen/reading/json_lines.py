"""Reads JSON Lines: one object a line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.lines import Lines
from components.text_example_gen.reading.records import (
    Record,
    Reject,
    check_columns,
    reject_at,
    replace_invalid,
)

# If none of the first objects has a required column, its name is misspelt.
_LOOK_ROWS = 500


def read_json_lines(
    stream: BinaryIO, path: str, options: ReadOptions
) -> Iterator[Record | Reject]:
    """Reads one JSON Lines file of any size; blank lines are not rows.

    Yields:
        Records and rejects in the order of the file; positions are line numbers.
        A record has only those columns that its object has.

    Raises:
        UnreadableFileError: None of the first objects has a required column.
    """
    text = io.TextIOWrapper(
        stream, encoding="utf-8-sig", errors="surrogateescape", newline="\n"
    )
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
        columns, detail = _parse(raw)
        if lines.is_cut:
            yield reject_at(path, lines.number, reasons.TOO_LONG, "too long", raw)
        elif columns is None:
            yield reject_at(path, lines.number, reasons.BAD_JSON, detail, raw)
        else:
            objects += 1
            if objects <= _LOOK_ROWS:
                seen.update(dict.fromkeys(columns))
            if objects == _LOOK_ROWS:
                check_columns(path, list(seen), options.required)
            if not options.keep_all:
                columns = {n: columns[n] for n in options.required if n in columns}
            columns, lone = _replace_invalid(columns)
            yield Record(
                source=path,
                position=lines.number,
                columns=columns,
                raw=raw,
                replaced_utf8=replaced or lone,
            )
    if 0 < objects < _LOOK_ROWS:
        check_columns(path, list(seen), options.required)


def _parse(line: str) -> tuple[dict[str, Any] | None, str]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return None, str(error)
    if isinstance(value, dict):
        return value, ""
    return None, f"the line is a {type(value).__name__}, not an object"


def _replace_invalid(columns: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    r"""Replaces lone surrogates, which JSON can spell (`"\ud800"`) and UTF-8 cannot."""
    replaced = False
    for name, value in columns.items():
        if isinstance(value, str):
            columns[name], is_replaced = replace_invalid(value)
            replaced |= is_replaced
    return columns, replaced
