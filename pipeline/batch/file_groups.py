"""Groups input files: a large one alone, many small ones together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict

from components.text_example_gen.patterns import has_class_folders, match_files

_GROUP_BYTES = 32 * 2**20
_GROUP_FILES = 1000


class InputFile(TypedDict):
    """A file, and what tells whether it is still the same one."""

    path: str
    size_bytes: int
    changed: float  # seconds since 1970; 0 where the file system does not say
    in_class_folder: bool


class FileGroup(TypedDict):
    """Files that one worker reads, one after another."""

    number: int
    files: list[InputFile]


def find_files(patterns: Iterable[str]) -> list[InputFile]:
    """The files of all patterns, each one once, in the order of the patterns."""
    found: dict[str, InputFile] = {}
    for pattern in patterns:
        for file in match_files(pattern):
            found.setdefault(
                file.path,
                InputFile(
                    path=file.path,
                    size_bytes=file.size_in_bytes,
                    changed=file.last_updated_in_seconds or 0.0,
                    in_class_folder=has_class_folders(pattern),
                ),
            )
    return list(found.values())


def group_files(files: Sequence[InputFile]) -> list[FileGroup]:
    """Groups files in their order; the same files give the same groups."""
    groups: list[FileGroup] = []
    size = 0
    for file in files:
        is_full = (
            not groups
            or size + file["size_bytes"] > _GROUP_BYTES
            or len(groups[-1]["files"]) == _GROUP_FILES
        )
        if is_full:
            groups.append(FileGroup(number=len(groups), files=[]))
            size = 0
        groups[-1]["files"].append(file)
        size += file["size_bytes"]
    return groups
