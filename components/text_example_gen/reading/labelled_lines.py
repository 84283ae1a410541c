"""Reads lines of text that begin with their label: fastText's form, and TREC's.

fastText: `__label__pos A fine film.`, with several labels if there are more such words.
TREC: `DESC:manner How did serfdom develop ?`; the label is the coarse class `DESC`, and
a column `fine_label` has `DESC:manner`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from components.text_example_gen.errors import UnreadableFileError
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

FINE_LABEL = "fine_label"

_FASTTEXT_LABELS = re.compile(r"\s*((?:__label__\S+(?:\s+|$))+)")
# A label with a delimiter in it may be the first field of a row.
_FASTTEXT_LINE = re.compile(r"\s*(?:__label__[^\s,;|]+\s+)+\S")
_FASTTEXT_PREFIX = "__label__"
_TREC_LABEL = re.compile(r"\s*(([A-Z]+):[A-Za-z]+)\s+(?=\S)")
# Of a text that only looks like this by chance, not all of so many lines do.
_LEAST_LINES = 3
_LABEL = "label"


def find_labelled_lines(head: str, is_part: bool) -> str | None:
    """Returns `fasttext` or `trec` where all lines have that form, else None.

    Args:
        head: The beginning of a file.
        is_part: Whether more follows; the last line may be cut then.
    """
    whole = head.split("\n")[: -1 if is_part else None]
    lines = [line for line in whole if line.strip()] or [head]  # a long one
    if all(map(_FASTTEXT_LINE.match, lines)):
        return "fasttext"
    if len(lines) >= _LEAST_LINES and all(map(_TREC_LABEL.match, lines)):
        return "trec"
    return None


def read_labelled_lines(
    text: TextIO, path: str, options: ReadOptions, format_name: str
) -> Iterator[Record | Reject]:
    """Reads one file of such lines; blank lines are not rows.

    Args:
        text: From its beginning; a line ends with a line feed.
        path: As the records say it.
        options: The text column and the label column may have any names. In TREC's
            form the label column `fine_label` is the fine class.
        format_name: `fasttext` or `trec`.

    Yields:
        Records and rejects in the order of the file; positions are line numbers.

    Raises:
        UnreadableFileError: Another column is required.
    """
    if len(options.text_columns) > 1:
        raise UnreadableFileError(
            reasons.MISSING_COLUMN,
            f"{path} has one text a line, and no column `{options.text_columns[1]}`\n"
            "hint: give one text column",
        )
    split = _SPLIT[format_name]
    label_column = options.label_column or _LABEL
    names = [options.text_columns[0], label_column]
    if format_name == "trec" and FINE_LABEL not in names:
        names.append(FINE_LABEL)
    check_columns(path, names, options)
    kept = names if options.keep_all else options.required
    lines = Lines(text, most_chars=options.most_chars)
    while True:
        lines.begin()
        if next(lines, None) is None:
            return
        raw, replaced = replace_invalid(lines.raw)
        if not raw.strip():
            continue
        if lines.is_too_long:
            yield reject_at(path, lines.number, reasons.TOO_LONG, "too long", raw)
            continue
        line, label, fine_label = split(raw)
        columns = {FINE_LABEL: fine_label, names[0]: line}
        if label_column != FINE_LABEL:
            columns[label_column] = label
        yield Record(
            source=path,
            position=lines.number,
            columns={name: columns[name] for name in kept},
            raw=raw,
            replaced_utf8=replaced,
            renamed=(),
        )


def _split_fasttext(line: str) -> tuple[str, Any, None]:
    """Returns text and label; of several labels a list, of none None."""
    match = _FASTTEXT_LABELS.match(line)
    if match is None:
        return line.strip(), None, None
    labels = [word.removeprefix(_FASTTEXT_PREFIX) for word in match[1].split()]
    return line[match.end() :].strip(), labels, None


def _split_trec(line: str) -> tuple[str, Any, Any]:
    """Returns text, coarse and fine label; None where the line has no labels."""
    match = _TREC_LABEL.match(line)
    if match is None:
        return line.strip(), None, None
    return line[match.end() :].strip(), match[2], match[1]


_SPLIT: dict[str, Callable[[str], tuple[str, Any, Any]]] = {
    "fasttext": _split_fasttext,
    "trec": _split_trec,
}
