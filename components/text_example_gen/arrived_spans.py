"""Which spans of a pattern have arrived, and which of them are complete."""

from __future__ import annotations

import posixpath
import re

from components.text_example_gen import file_systems
from components.text_example_gen.errors import DataError, describe_absence
from components.text_example_gen.globs import glob_expression
from components.text_example_gen.input_files import match_files
from components.text_example_gen.spans import (
    PLACEHOLDER,
    pattern_of_span,
    span_name,
    span_number,
    without_placeholders,
)

_MOST_SPANS_SHOWN = 5
_WIDTHS = {"YYYY": "4", "MM": "2", "DD": "2"}
_DIGITS = frozenset("0123456789")
_NEIGHBOUR = re.compile(r"[*?\]}]\{SPAN|\{SPAN[^}]*\}[*?\[{]")


def newest_span(pattern: str, done_file: str | None = None) -> int:
    """Returns the number of the newest span that is complete.

    Args:
        pattern: An absolute glob with `{SPAN}`, or `{YYYY}`, `{MM}` and `{DD}`.
        done_file: Name of a file, with such placeholders or without, that appears
            beside a span's files when all of them have arrived; None: one file
            makes a complete span.

    Raises:
        DataError: There is no span, or no complete one.
    """
    spans = arrived_spans(pattern)
    if not spans:
        raise DataError(describe_absence(pattern))
    for number in sorted(spans, reverse=True):
        if done_file is None or _is_complete(pattern, number, done_file, spans[number]):
            return number
    names = [
        span_name(number, pattern) for number in sorted(spans)[-_MOST_SPANS_SHOWN:]
    ]
    raise DataError(
        f"No span of {pattern} is complete: none of {len(spans)} has the file "
        f"{done_file}, the newest being {', '.join(names)}"
    )


def check_span(pattern: str, number: int) -> None:
    """Refuses a pattern of whose files one may belong to a span or to another.

    Args:
        pattern: As for `newest_span`.
        number: Of the span that is to be read.

    Raises:
        DataError: A wildcard beside `{SPAN}` takes digits of a number, or a number has
            more zeros before it than the pattern says, so that nothing would read it.
    """
    form = _regular_expression(pattern)
    if "SPAN" not in form.groupindex:
        return

    def takes(number: int, path: str) -> bool:
        if number not in expressions:
            glob = pattern_of_span(pattern, number)
            expressions[number] = re.compile(glob_expression(glob))
        return expressions[number].fullmatch(path) is not None

    has_neighbour = _NEIGHBOUR.search(pattern) is not None
    expressions: dict[int, re.Pattern[str]] = {}
    for file in match_files(without_placeholders(pattern)):
        match = form.fullmatch(file.path)
        if match is None:
            continue
        digits, found = match["SPAN"], int(match["SPAN"])
        start, end = match.span("SPAN")
        beside = {file.path[start - 1], file.path[end : end + 1]}
        is_shared = found != number and takes(number, file.path)
        if (has_neighbour and beside & _DIGITS) or is_shared:
            raise DataError(
                f"{file.path} may belong to span {found} of {pattern}, and to another\n"
                "hint: write something that is no digit beside {SPAN}, not a wildcard"
            )
        if not takes(found, file.path):
            raise DataError(
                f"{file.path} has zeros before its number, which {pattern} does not\n"
                f"hint: {{SPAN:{len(digits)}}} stands for {len(digits)} digits"
            )


def waiting_spans(pattern: str, done_file: str | None, after: int) -> list[int]:
    """Returns the spans after a number that have begun to arrive, but are not complete.

    Args:
        pattern: As for `newest_span`.
        done_file: As for `newest_span`.
        after: The number.
    """
    if done_file is None:
        return []
    return [
        number
        for number, folder in sorted(arrived_spans(pattern).items())
        if number > after and not _is_complete(pattern, number, done_file, folder)
    ]


def arrived_spans(pattern: str) -> dict[int, str]:
    """Returns number and folder of each span of which at least one file is there.

    The folder is the one that the last placeholder names; if it names files, the one
    that they lie in.

    Args:
        pattern: As for `newest_span`. A path with something else than a number or a
            day in a placeholder's place does not belong to a span.
    """
    form = _regular_expression(pattern)
    named = [PLACEHOLDER.search(part) is not None for part in pattern.split("/")]
    depth = len(named) - named[::-1].index(True)
    spans = {}
    for file in match_files(without_placeholders(pattern)):
        match = form.fullmatch(file.path)
        number = None if match is None else _number(match)
        # `{SPAN:4}` takes four digits, and a day must exist.
        if number is not None:
            parts = posixpath.dirname(file.path).split("/")
            spans[number] = "/".join(parts[:depth])
    return spans


def _is_complete(pattern: str, number: int, done_file: str, folder: str) -> bool:
    name = pattern_of_span(done_file, number)
    return file_systems.exists(posixpath.join(folder, name))


def _regular_expression(pattern: str) -> re.Pattern[str]:
    """Returns a pattern as a regular expression, with a group for each placeholder."""
    parts = []
    end = 0
    seen: set[str] = set()
    for match in PLACEHOLDER.finditer(pattern):
        parts.append(glob_expression(pattern[end : match.start()]))
        name = match[1] or match[3]
        width = _WIDTHS.get(name) or (match[2] or ":1")[1:]
        if name in seen:
            parts.append(f"(?P={name})")
        else:
            most = "" if name == "SPAN" else width
            parts.append(rf"(?P<{name}>[0-9]{{{width},{most}}})")
        seen.add(name)
        end = match.end()
    return re.compile("".join(parts) + glob_expression(pattern[end:]))


def _number(match: re.Match[str]) -> int | None:
    values = match.groupdict()
    if "SPAN" in values:
        return int(values["SPAN"])
    try:
        return span_number(f"{values['YYYY']}-{values['MM']}-{values['DD']}")
    except ValueError:
        return None
