"""Whether a job may write where its user says, asked before anything is done.

Nothing is created or removed here, and no Beam is loaded: a wrong path is refused at
once.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from components.text_example_gen.globs import UNFINISHED, WILDCARD
from components.text_example_gen.options import replace_surrogates
from pipeline.errors import UserError
from pipeline.files import hidden_leftovers, is_local, is_other_than_folder

SUMMARY = "summary.json"
DEAD = "dead-"  # begins the name of a folder that only waits to be removed
WORK_SUFFIX = UNFINISHED

OF_A_RUN = {"pipeline", "serving", "manifests", "model_cards", "resume"} | {
    "embeddings",
    "logs",
    "runs",
}
"""Folders in the output of a run that it writes."""
_RECORDS = ("metadata.sqlite", "runs")  # one of them is in every such output

_OF_A_SUMMARY = {"input_files", "rows_in", "rows_out", "rows_rejected", "output_files"}
_OF_A_WORK_FOLDER = re.compile(rf"[0-9a-f]{{16}}|{DEAD}[0-9a-f]{{32}}|\.lock")
_LOOKS = 10


class OutputExists(UserError):
    """There is something where the output should appear."""


def check_place(output: str) -> None:
    """Refuses a place where no output could appear, whatever may be overwritten.

    Args:
        output: A folder; if local, absolute.

    Raises:
        UserError: It is no folder, cannot be written or named, or what is called like
            its work folder is not one.
    """
    try:
        output.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(f"option --output: {_not_utf8(output)}") from error
    if not is_local(output):
        if WILDCARD.search(output):
            raise UserError(
                "option --output: on this file system a name with *, ? or [ would "
                f"stand for others, too. Received: {output}"
            )
        return
    if is_other_than_folder(output):
        raise UserError(f"option --output: {output} is not a folder")
    if os.path.ismount(output):
        raise UserError(
            f"option --output: {output} cannot be replaced, as a file system is "
            "mounted there (hint: name a folder in it)"
        )
    _refuse_of_runs(output)
    work = output + WORK_SUFFIX
    folder = os.path.dirname(output)
    try:
        with contextlib.suppress(FileNotFoundError):  # another job may end now
            check_work(work, os.listdir(work))
        while not os.path.lexists(folder):
            folder = os.path.dirname(folder)
        os.lstat(work if folder == os.path.dirname(output) else folder + "/")
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _not_written("--output", output, error.strerror) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _not_written("--output", output, f"{folder} is not writable")


def _not_utf8(name: str) -> str:
    """Returns why a name cannot be written as UTF-8."""
    try:
        read = os.fsencode(name).decode("utf-8")
    except UnicodeError:
        return f"{replace_surrogates(name)} is not UTF-8"
    return (
        f"this locale's encoding cannot say the name {ascii(read)} (hint: set "
        "PYTHONUTF8=1, or a locale such as LC_ALL=C.UTF-8)"
    )


def _refuse_of_runs(output: str) -> None:
    """Refuses a place among the models that are served, or in a part of an output.

    Raises:
        UserError: It is one.
    """
    path = Path(os.path.realpath(output))
    for place in (path, *path.parents):
        is_part = place.name in OF_A_RUN and any(
            (place.parent / name).exists() for name in _RECORDS
        )
        if is_part or _has_versions(place.parent):
            raise UserError(
                f"option --output: {output} lies in what `elmo-tfx run` writes: "
                f"{place if is_part else place.parent} (hint: name a folder elsewhere)"
            )


def _has_versions(folder: Path) -> bool:
    """Returns whether models stand in a folder as servers want them."""
    try:
        with os.scandir(folder) as entries:
            return any(_is_version(entry) for entry in entries)
    except OSError:
        return False


def _is_version(folder: os.DirEntry[str] | Path) -> bool:
    if not (folder.name.isascii() and folder.name.isdecimal()):
        return False
    return os.path.exists(os.path.join(folder, "saved_model.pb"))


def check_work(work: str, names: Iterable[str]) -> None:
    """Refuses a work folder with something that no job has left there.

    Args:
        work: The folder.
        names: What lies in it.

    Raises:
        OutputExists: With the first of them.
    """
    others = [name for name in names if not _OF_A_WORK_FOLDER.fullmatch(name)]
    if others:
        shown = replace_surrogates(min(others))
        raise OutputExists(
            f"{work} holds {shown}, which no job has written; a job would work and "
            "remove in that folder (hint: choose another --output)"
        )


def check_present(output: str, *, overwrite: bool) -> None:
    """Refuses a local folder that holds something, unless all of it is a job's.

    Another job may put its own in its place meanwhile: that one is looked at then.

    Raises:
        OutputExists: It holds something, and it may not be overwritten, or something
            else than the files that its own summary lists.
    """
    for _ in range(_LOOKS):
        before = _identity(output)
        try:
            _check_present(output, overwrite=overwrite)
            return
        except (OutputExists, FileNotFoundError):
            if _identity(output) == before:
                raise
    raise _not_written("--output", output, "other jobs replace it again and again")


def _identity(folder: str) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        found = os.stat(folder)
        return found.st_ino, found.st_mtime_ns
    return None


def _check_present(output: str, *, overwrite: bool) -> None:
    try:
        entries = _entries(output)
        summary = _read_summary(os.path.join(output, SUMMARY))
    except FileNotFoundError:
        return
    except OSError as error:
        raise _not_written("--output", output, error.strerror) from error
    copies = {
        name
        for name in entries
        if is_summary(summary)
        and "/" not in name
        and name.endswith(".json")
        and _read_summary(os.path.join(output, name)) == summary
    }
    # Of a job that was killed; it goes with the output that is replaced.
    names = hidden_leftovers(Path(output))
    copies |= {path.name for path, name in names.items() if name == SUMMARY}
    refuse_others(
        output, [e for e in entries if e not in copies], summary, overwrite=overwrite
    )


def refuse_others(
    output: str, entries: Iterable[str], summary: Any, *, overwrite: bool
) -> None:
    """Refuses what is in a folder, unless it may be overwritten and a job wrote it.

    Args:
        output: The folder.
        entries: Paths in it of files, and of folders without any.
        summary: What its `SUMMARY` holds, whoever wrote it; None: there is none.
        overwrite: Whether an earlier output may be replaced.

    Raises:
        OutputExists: With the first entry that no job has written, if this decides.
    """
    entries = sorted(entries, key=lambda entry: (entry.count("/"), entry))
    if entries and not overwrite:
        raise OutputExists(f"{output} exists (hint: another --output, or --overwrite)")
    known = {SUMMARY, *summary["output_files"]} if is_summary(summary) else set()
    for entry in entries:
        if entry not in known:
            shown = replace_surrogates(entry)
            raise OutputExists(
                f"{output} holds {shown}, which no earlier job has written; it is not "
                "overwritten (hint: choose another --output)"
            )


def is_summary(value: Any) -> bool:
    """Returns whether a value is what a job says in its `SUMMARY`."""
    return (
        isinstance(value, dict)
        and value.keys() >= _OF_A_SUMMARY
        and isinstance(value["output_files"], list)
        and all(isinstance(name, str) for name in value["output_files"])
    )


def check_inputs(files: Iterable[str], output: str) -> None:
    """Refuses input that the job would remove, as it lies in its own output.

    Raises:
        UserError: With the first of such files.
    """
    output = output.rstrip("/")
    places = [output + "/", output + WORK_SUFFIX + "/"]
    if is_local(output):
        places = [
            os.path.realpath(each) + "/" for each in places if os.path.isdir(each)
        ]
    if not places:
        return
    for file in files:
        real = os.path.realpath(file) if is_local(file) else file
        if (real + "/").startswith(tuple(places)):
            shown = replace_surrogates(file)
            raise UserError(
                f"option --output: the input {shown} lies in the output, which is to "
                "be replaced (hint: choose another --output)"
            )


def check_summary_file(path: str, inputs: Iterable[str], output: str) -> None:
    """Refuses a file for the summary that could not be written when all is done.

    Args:
        path: The file; a pipe or a link is fine.
        inputs: What is read, as the user names it.
        output: Absolute, if local. A `.json` file directly in it may be named, though
            the folder is not there yet.

    Raises:
        UserError: It is a folder or an input, or cannot be written.
    """
    real = os.path.realpath(path)
    if is_local(output):
        folder = os.path.realpath(output)
        if os.path.dirname(real) == folder and real.endswith(".json"):
            return
        if real.startswith((folder + "/", folder + WORK_SUFFIX + "/")):
            raise _not_written("--summary", path, "in the output, only *.json may be")
        if (folder + "/").startswith(real + "/"):
            raise _not_written("--summary", path, "the output needs it as a folder")
    if _may_be_input(real, inputs) and not is_summary(_read_summary(real)):
        raise _not_written("--summary", path, "it is an input")
    if os.path.isdir(real):
        raise _not_written("--summary", path, "it is a folder")
    if os.path.exists(path):
        if not os.access(path, os.W_OK):
            raise _not_written("--summary", path, "it is not writable")
        return
    try:  # nothing else tells so surely, on any disk
        os.close(os.open(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        os.unlink(real)
    except OSError as error:
        raise _not_written("--summary", path, error.strerror) from error


def _may_be_input(file: str, inputs: Iterable[str]) -> bool:
    """Returns whether a file exists and a name, glob or folder of the input has it."""
    if not os.path.isfile(file):
        return False
    patterns = [os.path.realpath(data) for data in inputs if is_local(data)]
    return os.path.dirname(file) in patterns or any(
        file == pattern
        or (
            fnmatch.fnmatchcase(file, pattern)
            and ("**" in pattern or pattern.count("/") == file.count("/"))
        )
        for pattern in patterns
    )


def _entries(folder: str) -> list[str]:
    """Returns the paths in a folder of its files, and of folders that have none."""
    found = []
    for base, folders, files in os.walk(folder, onerror=_raise):
        inner = os.path.relpath(base, folder)
        prefix = "" if inner == "." else inner + "/"
        links = [name for name in folders if os.path.islink(os.path.join(base, name))]
        found += [prefix + name for name in (*files, *links)]
        if prefix and not files and not folders:
            found.append(prefix)
    return found


def _raise(error: OSError) -> None:
    raise error


def _read_summary(path: str) -> Any:
    """Returns what a JSON file holds; None if it is none, or not there."""
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            return json.load(file)
    except (OSError, ValueError, RecursionError):
        return None


def _not_written(option: str, path: str, why: str | None) -> UserError:
    shown = replace_surrogates(path)
    return UserError(f"option {option}: cannot be written: {shown}: {why}")
