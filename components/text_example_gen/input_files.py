"""The files behind what a user names: a file, a glob, a folder, a pattern of spans."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import warnings
from collections.abc import Iterable
from typing import NamedTuple

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystems import FileSystems

from components.text_example_gen.errors import DataError, describe_absence
from components.text_example_gen.globs import (
    escape_existing,
    has_wildcard,
    unescape,
)
from components.text_example_gen.reading.read_file import format_by_name
from components.text_example_gen.spans import (
    PLACEHOLDER,
    pattern_of_span,
    span_name,
    span_number,
    without_placeholders,
)

# `{` begins TFX's {SPAN}, {VERSION}, {YYYY}, {MM}, {DD}.
_SPECIAL = re.compile(r"[*?\[{]")
_ONE_CLASS_PER_FOLDER = "*/*"
_MOST_SPANS_SHOWN = 5
_DIGITS = {"YYYY": "4", "MM": "2", "DD": "2"}
_GLOB = {"*": "[^/]*", "?": "[^/]", "**": ".*"}


class Location(NamedTuple):
    """Where data is: a folder, and a glob relative to it."""

    base: str
    glob: str

    @property
    def pattern(self) -> str:
        """Both in one path."""
        return posixpath.join(self.base, self.glob)


def locate(data: str, format_name: str = "auto") -> Location:
    """Splits a file name, glob or folder into base and glob.

    What exists is a name, even if it looks like a wildcard: `a[1].csv`.
    A folder means all files in it; if it holds only folders, or the format is
    `folder`, one folder per class. A path that does not exist counts as a file.

    Args:
        data: Local paths become absolute.
        format_name: One of `options.FORMATS`.
    """
    if "://" not in data:
        data = os.path.abspath(data) + ("/" if data.endswith("/") else "")
    pattern = escape_existing(data)
    folder = data.rstrip("/")
    if not has_wildcard(pattern) and os.path.isdir(unescape(folder)):
        glob = _glob_of_folder(unescape(folder), format_name)
        pattern = f"{pattern.rstrip('/')}/{glob}"
    special = _SPECIAL.search(pattern)
    if special is not None:
        base, _, glob = pattern[: special.start()].rpartition("/")
        return Location(base or "/", glob + pattern[special.start() :])
    if data.endswith("/"):
        glob = _ONE_CLASS_PER_FOLDER if format_name == "folder" else "*"
        return Location(folder, glob)
    base, _, name = data.rpartition("/")
    return Location(base or "/", name)


def has_class_folders(pattern: str) -> bool:
    """Returns whether the files' folder is a wildcard too, as in `reviews/*/*.txt`."""
    folder = posixpath.basename(posixpath.dirname(pattern))
    return has_wildcard(without_placeholders(folder))


def match_files(pattern: str, *, without: Iterable[str] = ()) -> list[FileMetadata]:
    """Returns the files that match, sorted by path.

    Files whose name begins with `.` or `_` are by convention not data (`_SUCCESS`,
    `.DS_Store`) and are left out.

    Args:
        pattern: An absolute glob.
        without: Globs; what matches one of them is left out.
    """
    left_out = {file.path for other in without for file in match_files(other)}
    with warnings.catch_warnings():
        # Beam makes a regular expression of an escaped `[`, of which Python warns.
        warnings.filterwarnings("ignore", "Possible nested set", FutureWarning)
        [result] = FileSystems.match([pattern])
    return sorted(
        (
            file
            for file in result.metadata_list
            if not posixpath.basename(file.path).startswith((".", "_"))
            and file.path not in left_out
        ),
        key=lambda file: file.path,
    )


def file_name_bytes(path: str) -> bytes:
    """Returns a path as it travels between workers: a name may be no valid UTF-8."""
    return path.encode("utf-8", "surrogateescape")


def file_name(path: bytes) -> str:
    """Returns what `file_name_bytes` took."""
    return path.decode("utf-8", "surrogateescape")


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


def data_fingerprint(pattern: str) -> str:
    """Returns 16 hex digits that change with the files that a pattern matches.

    They depend on path, size and time of change; the files are not read.

    Args:
        pattern: An absolute glob, with its span filled in.
    """
    digest = hashlib.sha256()
    for file in match_files(without_placeholders(pattern)):
        facts = (file.path, file.size_in_bytes, file.last_updated_in_seconds)
        digest.update(repr(facts).encode())
    return digest.hexdigest()[:16]


def _glob_of_folder(folder: str, format_name: str) -> str:
    if format_name == "folder":
        return _ONE_CLASS_PER_FOLDER
    with os.scandir(folder) as entries:
        visible = [e for e in entries if not e.name.startswith((".", "_"))]
    has_folders = any(entry.is_dir() for entry in visible)
    has_data = any(entry.is_file() and format_by_name(entry.name) for entry in visible)
    if format_name == "auto" and has_folders and not has_data:
        return _ONE_CLASS_PER_FOLDER
    return "*"


def _is_complete(pattern: str, number: int, done_file: str, folder: str) -> bool:
    name = pattern_of_span(done_file, number)
    return FileSystems.exists(posixpath.join(folder, name))


def _regular_expression(pattern: str) -> re.Pattern[str]:
    """Returns a pattern as a regular expression, with a group for each placeholder."""
    parts = []
    end = 0
    seen: set[str] = set()
    for match in PLACEHOLDER.finditer(pattern):
        parts.append(_glob_expression(pattern[end : match.start()]))
        name = match[1] or match[3]
        width = _DIGITS.get(name) or (match[2] or ":1")[1:]
        if name in seen:
            parts.append(f"(?P={name})")
        else:
            most = "" if name == "SPAN" else width
            parts.append(rf"(?P<{name}>\d{{{width},{most}}})")
        seen.add(name)
        end = match.end()
    return re.compile("".join(parts) + _glob_expression(pattern[end:]))


def _glob_expression(glob: str) -> str:
    pieces = re.split(r"(\*\*|\*|\?|\[[^\]]*\])", glob)
    return "".join(
        _GLOB.get(piece) or (piece if piece.startswith("[") else re.escape(piece))
        for piece in pieces
    )


def _number(match: re.Match[str]) -> int | None:
    values = match.groupdict()
    if "SPAN" in values:
        return int(values["SPAN"])
    try:
        return span_number(f"{values['YYYY']}-{values['MM']}-{values['DD']}")
    except ValueError:
        return None
