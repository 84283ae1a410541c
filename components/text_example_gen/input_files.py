"""The files behind what a user names: a file, a glob, a folder, a pattern of spans."""

from __future__ import annotations

import hashlib
import itertools
import os
import posixpath
import re
from collections.abc import Iterable
from typing import NamedTuple

from components.text_example_gen import file_systems
from components.text_example_gen.class_folders import SPLIT_NAMES
from components.text_example_gen.file_names import (
    is_beside_data,
    is_beside_texts,
    is_data,
    is_left_by_program,
)
from components.text_example_gen.file_systems import FoundFile
from components.text_example_gen.globs import (
    escape_existing,
    files_below,
    has_wildcard,
    is_folder,
    is_hidden,
    unescape,
)
from components.text_example_gen.spans import (
    without_placeholders,
)
from keras_elmo.paths import absolute

_SPECIAL = re.compile(r"[*?\[{]")  # `{` begins TFX's {SPAN}, {VERSION}, {YYYY} …
_ONE_CLASS_PER_FOLDER, _DEEPER = "*/*", "**"
_MOST_LOOKED_AT = 10_000  # files of a folder, to tell how it is laid out
_PIECE_BYTES = 2**20


class Location(NamedTuple):
    """Where data is: a folder, and a glob relative to it."""

    base: str
    glob: str

    @property
    def pattern(self) -> str:
        """Both in one path."""
        return posixpath.join(self.base, self.glob)


def locate(
    data: str, format_name: str = "auto", *, has_labels: bool = True
) -> Location:
    """Splits a file name, glob or folder into base and glob.

    What exists is a name, even if it looks like a wildcard: `a[1].csv`, `~`.
    A folder means all files in it, also deeper down. If it holds only folders in which
    most files are none of data, or the format is `folder`, each of them is a class. A
    path that does not exist counts as a file.

    Args:
        data: Local paths become absolute; `~` is the home folder.
        format_name: One of `options.FORMATS`.
        has_labels: Whether labels are read. Without them, and with the format
            `folder`, no text is left out because it lies beside the folders of others.
    """
    if "://" not in data:
        if not os.path.lexists(data):
            data = os.path.expanduser(data)
        data = absolute(data) + ("/" if data.endswith("/") else "")
    pattern = escape_existing(data)
    folder = data.rstrip("/")
    if not has_wildcard(pattern) and os.path.isdir(unescape(folder)):
        glob = _glob_of_folder(unescape(folder), format_name, has_labels)
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


def class_folder(pattern: str, path: str) -> str:
    """Returns the name of the class folder that a file lies in; "" if in none.

    That is what stands for the wildcard folder: of `reviews/*/**` the first folder
    below `reviews`, however deep the file lies in it.

    Args:
        pattern: An absolute glob.
        path: A file that it matches.
    """
    if not has_class_folders(pattern):
        return ""
    *outer, last = pattern.split("/")
    if last == _DEEPER and not any(_DEEPER in part for part in outer):
        return path.split("/")[len(outer) - 1]
    return posixpath.basename(posixpath.dirname(path))


class DataFiles(NamedTuple):
    """The files to read, sorted by path, and those that are left out by their names."""

    files: list[FoundFile]
    left_out: list[FoundFile]


def data_files(
    pattern: str, format_name: str = "auto", *, without: Iterable[str] = ()
) -> DataFiles:
    """Returns the files that match, without those that only lie beside data.

    What lies in folders that match a glob of files is left out. If a glob says nothing
    of the files' names, as that of a folder, and some are named
    like data, such as `train.csv`, all others are left out, such as `LICENSE`; in
    other formats than `auto` only names such as `README`. Where folders are classes,
    the files beside these folders are left out.

    Args:
        pattern: An absolute glob.
        format_name: One of `options.FORMATS`.
        without: As for `match_files`.
    """
    files = match_files(pattern, without=without)
    name = posixpath.basename(pattern)
    if name not in ("*", _DEEPER):
        # A folder beside them may have such a name, too: Spark writes tables so.
        is_glob = "://" not in pattern and has_wildcard(name) and _DEEPER not in name
        inside = match_files(f"{pattern}/{_DEEPER}") if is_glob and files else []
        return DataFiles(files, inside)
    if has_class_folders(pattern):
        classes = posixpath.dirname(pattern)
        is_one_level = posixpath.basename(classes) == "*"
        beside = match_files(classes, without=without) if is_one_level else []
        about = {file for file in files if is_beside_texts(file.path)}
        texts = [file for file in files if file not in about]
        if texts:
            beside += sorted(about)
        return DataFiles(texts or files, [*beside, *_hidden_data(pattern)])
    chosen = [file for file in files if is_data(file.path)]
    if format_name != "auto" or not chosen:
        is_beside = is_beside_texts if format_name == "folder" else is_beside_data
        chosen = [file for file in files if not is_beside(file.path)]
    hidden = _hidden_data(pattern)
    if not chosen:
        return DataFiles(files, hidden)
    left_out = set(files) - set(chosen)
    beside = [file for file in files if file in left_out]
    return DataFiles(chosen, beside + hidden)


def _hidden_data(pattern: str) -> list[FoundFile]:
    """Returns files and class folders that may be data, but for a hidden name.

    Such as the class `.net`. What programs leave in folders under such names is none.

    Args:
        pattern: An absolute glob of all files in a folder of this machine.
    """
    base = unescape(pattern[: pattern.index("*")].rpartition("/")[0]) or "/"
    if "://" in pattern or not os.path.isdir(base):
        return []
    has_classes = has_class_folders(pattern)
    found = []
    with os.scandir(base) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not is_hidden(entry.name):
                if has_classes and is_folder(entry):
                    found += [e for e in os.scandir(entry) if _may_be_text(e)]
            elif (
                is_folder(entry) and has_classes and not is_left_by_program(entry.name)
            ):
                if next(files_below(entry.path), None) is not None:
                    found.append(entry)
            elif _may_be_text(entry) and is_data(entry.name):
                found.append(entry)
    return [FoundFile(each.path, 0, 0.0) for each in sorted(found, key=os.fspath)]


def _may_be_text(entry: os.DirEntry[str]) -> bool:
    """Returns whether a file has a hidden name that no program gives."""
    is_own = is_hidden(entry.name) and not is_left_by_program(entry.name)
    return is_own and entry.is_file() and entry.stat().st_size > 0


def split_files(files: Iterable[FoundFile]) -> list[str]:
    """Returns a file of each split that files are named for, if it is more than one.

    Such as `train.csv` and `test-00000-of-00001.parquet`: who gives their folder
    forgets that one of them is to be held out.
    """
    found: dict[str, str] = {}
    for file in files:
        name = posixpath.basename(file.path)
        words = re.split(r"[-_. ]", name.lower())
        for word in words[:-1]:
            if word in SPLIT_NAMES:
                found.setdefault(SPLIT_NAMES[word], name)
    return sorted(found.values()) if "train" in found and len(found) > 1 else []


def match_files(pattern: str, *, without: Iterable[str] = ()) -> list[FoundFile]:
    """Returns the files that match, sorted by path; see `file_systems.match`.

    Args:
        pattern: An absolute glob.
        without: Globs; what matches one of them is left out.
    """
    left_out = {file.path for other in without for file in match_files(other)}
    return [file for file in file_systems.match(pattern) if file.path not in left_out]


def file_name_bytes(path: str) -> bytes:
    """Returns a path as it travels between workers: a name may be no valid UTF-8."""
    return path.encode("utf-8", "surrogateescape")


def file_name(path: bytes) -> str:
    """Returns what `file_name_bytes` took."""
    return path.decode("utf-8", "surrogateescape")


def data_fingerprint(pattern: str, format_name: str = "auto") -> str:
    """Returns 16 hex digits that change with the files that are read of a pattern.

    They depend on path, size and time of change; the files are not read.

    Args:
        pattern: An absolute glob, with its span filled in.
        format_name: One of `options.FORMATS`.
    """
    digest = hashlib.sha256()
    for file in data_files(without_placeholders(pattern), format_name).files:
        facts = (file.path, file.size_in_bytes, file.last_updated_in_seconds)
        digest.update(repr(facts).encode())
    return digest.hexdigest()[:16]


def content_fingerprint(path: str) -> str:
    """Returns 16 hex digits that change with what a file says, wherever it lies.

    Args:
        path: The file; one that is not there has a fingerprint, too.
    """
    digest = hashlib.sha256()
    if file_systems.exists(path):
        with file_systems.open_raw(path) as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
    return digest.hexdigest()[:16]


def _glob_of_folder(folder: str, format_name: str, has_labels: bool) -> str:
    found = itertools.islice(files_below(folder), _MOST_LOOKED_AT + 1)
    files = [path[len(folder.rstrip("/")) + 1 :] for path in found]
    is_cut = len(files) > _MOST_LOOKED_AT  # what is deeper may only come now
    deep = [path for path in files if "/" in path]
    is_deeper = is_cut or any(path.count("/") > 1 for path in deep)
    classes = f"*/{_DEEPER}" if is_deeper else _ONE_CLASS_PER_FOLDER
    if format_name == "folder":
        top = [path for path in files if "/" not in path]
        has_texts = not all(map(is_beside_texts, top))
        if deep or is_cut:
            return _DEEPER if has_texts and not has_labels else classes
        return "*"
    if format_name == "auto":
        has_data, has_folders = _at_the_top(folder)
        deep = [path for path in deep if not is_beside_data(path)]
        are_tables = 2 * sum(map(is_data, deep)) >= max(len(deep), 1)
        if has_folders and not has_data and not are_tables:
            return classes
    return _DEEPER if deep or is_cut else "*"


def _at_the_top(folder: str) -> tuple[bool, bool]:
    """Returns whether a folder itself holds files of data, and whether folders."""
    with os.scandir(folder) as entries:
        names = [(is_folder(e), e.name) for e in entries if not is_hidden(e.name)]
    has_data = any(is_data(name) for deeper, name in names if not deeper)
    return has_data, any(deeper for deeper, _ in names)
