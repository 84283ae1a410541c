"""Turns what a user names (a file, a glob, a folder) into a base and a glob."""

from __future__ import annotations

import os
import posixpath
import re
from typing import NamedTuple

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystems import FileSystems

from components.text_example_gen.formats import format_by_name
from components.text_example_gen.spans import PLACEHOLDER

# `{` begins TFX's {SPAN}, {VERSION}, {YYYY}, {MM}, {DD}.
_SPECIAL = re.compile(r"[*?\[{]")
_ONE_CLASS_PER_FOLDER = "*/*"
_SHOWN_NAMES = 10


class Location(NamedTuple):
    """Where data lies: a folder, and a glob relative to it."""

    base: str
    glob: str

    @property
    def pattern(self) -> str:
        """Both in one."""
        return posixpath.join(self.base, self.glob)


def locate(data: str, format_name: str = "auto") -> Location:
    """Splits a file name, glob or folder into base and glob.

    A folder means all files in it; if it holds nothing but folders, or the format is
    `folder`, one folder per class. What does not exist is taken for a file.

    Args:
        data: Local paths become absolute.
        format_name: One of `options.FORMATS`.
    """
    if "://" not in data:
        data = os.path.abspath(data) + ("/" if data.endswith("/") else "")
    special = _SPECIAL.search(data)
    if special is not None:
        base, _, glob = data[: special.start()].rpartition("/")
        return Location(base or "/", glob + data[special.start() :])
    folder = data.rstrip("/")
    if os.path.isdir(folder):
        return Location(folder, _glob_of_folder(folder, format_name))
    if data.endswith("/"):
        glob = _ONE_CLASS_PER_FOLDER if format_name == "folder" else "*"
        return Location(folder, glob)
    base, _, name = data.rpartition("/")
    return Location(base or "/", name)


def has_class_folders(pattern: str) -> bool:
    """Whether the folder of the files is itself a wildcard, as in `reviews/*/*.txt`."""
    return _SPECIAL.search(posixpath.basename(posixpath.dirname(pattern))) is not None


def without_placeholders(pattern: str) -> str:
    """The pattern with `*` for `{SPAN}` and its like."""
    return PLACEHOLDER.sub("*", pattern)


def match_files(pattern: str) -> list[FileMetadata]:
    """The files that match, sorted by path.

    Files whose name begins with `.` or `_` are no data by convention (`_SUCCESS`,
    `.DS_Store`) and are left out.
    """
    [result] = FileSystems.match([pattern])
    return sorted(
        (
            found
            for found in result.metadata_list
            if not posixpath.basename(found.path).startswith((".", "_"))
        ),
        key=lambda found: found.path,
    )


def describe_absence(pattern: str) -> str:
    """Says that no file matches, and what lies in the last folder that is there."""
    message = f"No file matches {pattern}"
    folder = os.path.dirname(without_placeholders(pattern))
    while folder and not os.path.isdir(folder) and "://" not in folder:
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        return message
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    shown = ", ".join(names[:_SHOWN_NAMES]) + (", ..." if names[_SHOWN_NAMES:] else "")
    return f"{message}\nhint: {folder} holds {shown or 'nothing'}"


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
