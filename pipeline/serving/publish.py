"""Puts versions into the serving folder and takes them out, each in one step.

Servers, and whoever copies the folder, see a version whole or not at all: until it is
whole it has a hidden name, which is no version to them.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Collection
from pathlib import Path

from pipeline.files import (
    hidden_leftovers,
    remove,
    remove_at_once,
    replace_when_done,
)
from pipeline.serving.manifest import (
    check_digests,
    manifest_path,
    manifest_text,
    read_manifest,
    write_manifest,
)
from pipeline.serving.versions import (
    ModelError,
    is_version,
    next_version,
    version_of,
    whole_versions,
)

_LOGGER = logging.getLogger(__name__)

MODEL_CARDS = "model_cards"
"""Folder of the model cards, beside that of the versions."""

# Names beside the versions.
_OURS = re.compile(r"\.[0-9]+\.push|[0-9]+\.(sha256|md)")
_MOST_SECONDS = 3600  # without a new file in a copy that goes on
_MOST_DIGITS = 18  # of the number of an execution, in 64 bits
_MOST_BYTES = _MOST_DIGITS + 1 + 64  # of a note, which has a SHA-256 as well


def model_card_path(version: str | Path) -> Path:
    """Returns where the model card of a version's folder lies.

    Not in that folder: servers read it, and its manifest lists what is in it.
    """
    return Path(version).parent.parent / MODEL_CARDS / f"{Path(version).name}.md"


def publish(model: Path, version: Path) -> None:
    """Copies a model to the folder of a version, which appears when it is whole.

    Its manifest is there before, as others may reach the version then. If it fails,
    what is there is somebody else's: the note on the push goes.

    Raises:
        OSError: It cannot be copied, or the version is there already.
        ModelError: The model cannot be read.
    """
    version.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_manifest(str(model), manifest_path(str(version)))
        with replace_when_done(version) as unfinished:
            _copy(model, unfinished)
            _flush(unfinished)
            if os.path.lexists(version):
                problem = "another program has put it there"
                raise FileExistsError(errno.EEXIST, problem, str(version))
    except (OSError, ModelError):
        Path(manifest_path(str(version))).unlink(missing_ok=True)
        forget_push(version)
        raise


def _copy(model: Path, folder: Path) -> None:
    """Copies a model; what stopped its first file is raised, not a list of all."""
    try:
        shutil.copytree(model, folder)
    except shutil.Error as error:
        _, _, first = error.args[0][0]
        raise OSError(first) from None


def remove_version(version: Path) -> None:
    """Removes a version, its manifest and its model card."""
    notes = (Path(manifest_path(str(version))), model_card_path(version))
    if os.path.lexists(version):
        remove_at_once(version, notes=notes)
    else:
        for note in notes:
            note.unlink(missing_ok=True)


def undo_push(version: Path) -> bool:
    """Removes the version of a noted push that was never recorded.

    Another model was put there by somebody else: it stays. So does its manifest, unless
    that is of other files.

    Returns:
        Whether the version was there.
    """
    if os.path.lexists(version):
        if not _is_of_push(version):
            _LOGGER.warning(
                "is not of the push that was killed, and stays: %s", version
            )
            _drop_wrong_manifest(version)
            return False
        _LOGGER.warning("removing what a killed push left: %s", version)
        remove_version(version)
        return True
    remove_version(version)  # what is about it
    return False


def _drop_wrong_manifest(version: Path) -> None:
    manifest = manifest_path(str(version))
    try:
        check_digests(str(version), read_manifest(manifest))
    except ModelError:
        Path(manifest).unlink(missing_ok=True)


def remove_leftovers(
    serving: Path, *, below: int | None = None, only: str | None = None
) -> None:
    """Removes what killed processes have left of versions under hidden names.

    A manifest and a model card go, too, if no version of that number is there.

    Args:
        serving: The folder of versions.
        below: Of versions with lower numbers. Without it and `only` it is all, which
            is right only while nothing is pushed.
        only: Of the version of this name.
    """
    # Behind a link another output may be copying a version just now.
    is_shared = serving.is_symlink()
    for path, name in hidden_leftovers(serving).items():
        if (
            is_version(name)
            and (below is None or int(name) < below)
            and only in (None, name)
            and not (is_shared and _is_young(path))
        ):
            try:
                if not os.path.lexists(serving / name):
                    remove_version(serving / name)  # what is about it, first
                remove(path)
            except OSError as error:  # somebody else's: no server sees it
                _LOGGER.warning("cannot be removed: %s", error)


def _is_young(path: Path) -> bool:
    """Returns whether somebody may still be writing there."""
    try:
        return time.time() - path.stat().st_mtime < _MOST_SECONDS
    except FileNotFoundError:
        return True  # it has got its name


def remove_unwritten_notes(serving: Path) -> None:
    """Removes what killed processes have left of manifests, model cards and notes.

    Right only while nothing is pushed.
    """
    for beside in (_note(serving / "0"), model_card_path(serving / "0")):
        for path, name in hidden_leftovers(beside.parent).items():
            if _OURS.fullmatch(name):
                remove(path)
    for note in _note(serving / "0").parent.glob(".*.push"):
        # Of a link that leads nowhere there is no size.
        is_ours = _OURS.fullmatch(note.name) and note.is_file()
        if is_ours and not note.stat().st_size:
            note.unlink()


def claim_version(serving: Path, now: float, execution: str, model: Path) -> Path:
    """Notes that an execution of Pusher is about to publish a model as a version.

    Of several that do so at once, each gets a version of its own.

    Args:
        serving: The folder of versions.
        now: In seconds since 1970; the number, unless one there is as high.
        execution: The number of the execution in ML Metadata.
        model: The folder of the model.

    Returns:
        The version's folder, which is not there yet.

    Raises:
        ModelError: No number is left above those of the folder, or the model cannot be
            read.
    """
    while True:
        version = serving / str(next_version(str(serving), now))
        try:
            note_push(version, execution, model)
        except FileExistsError:  # another one is about to publish it
            now = int(version.name) + 1
        else:
            return version


def note_push(version: Path, execution: str, model: Path) -> None:
    """Notes which execution of Pusher is about to publish a version.

    A process that is killed between that and the record in ML Metadata leaves a version
    that looks as if somebody had put it there by hand. The note tells them apart.

    Args:
        version: Its folder, which is not there yet.
        execution: The number of the execution in ML Metadata.
        model: The folder of the model, by which its version is known again.

    Raises:
        FileExistsError: There is a note on that version.
        ModelError: The model cannot be read.
    """
    note = _note(version)
    note.parent.mkdir(parents=True, exist_ok=True)
    digest = _digest(manifest_text(str(model)).encode())
    with note.open("x", encoding="ascii") as file:
        file.write(f"{execution}\n{digest}")
        file.flush()
        os.fsync(file.fileno())


def noted_pushes(serving: Path) -> dict[Path, str]:
    """Returns folder of a version -> the execution that was to publish it.

    What is not a note of ours is left alone.
    """
    pushes = {}
    for note in _note(serving / "0").parent.glob(".*.push"):
        name = note.name.split(".")[1]
        if is_version(name) and note.is_file() and note.stat().st_size <= _MOST_BYTES:
            execution, _, _ = note.read_bytes().partition(b"\n")
            if execution.isdigit() and len(execution) <= _MOST_DIGITS:
                pushes[serving / name] = execution.decode("ascii")
    return pushes


def _is_of_push(version: Path) -> bool:
    """Returns whether a version and its manifest are those of the model that was noted.

    Earlier releases noted no model: whatever has a right manifest is the push's then.
    """
    manifest = manifest_path(str(version))
    _, _, noted = _note(version).read_bytes().partition(b"\n")
    try:
        check_digests(str(version), read_manifest(manifest))
        return not noted or noted.decode() == _digest(Path(manifest).read_bytes())
    except ModelError:
        return False


def _digest(manifest: bytes) -> str:
    return hashlib.sha256(manifest).hexdigest()


def forget_push(version: Path) -> None:
    """Removes the note on a version: ML Metadata knows it, or it is gone."""
    _note(version).unlink(missing_ok=True)


def _note(version: Path) -> Path:
    return Path(manifest_path(str(version))).with_name(f".{version.name}.push")


def _flush(folder: Path) -> None:
    """Waits until all files are on disk: no name may outlast them in a power cut."""
    for directory, _, names in os.walk(folder):
        for path in (directory, *(os.path.join(directory, name) for name in names)):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def remove_old_versions(
    serving: Path,
    keep: int,
    withdrawn: Collection[str] = (),
    pushed: Collection[str] = (),
    say: Callable[[str], object] = _LOGGER.warning,
) -> list[int]:
    """Removes all whole versions but the newest `keep`, with their manifests.

    What is not a version, or still being copied, stays. So does a symbolic link, which
    no run makes, and what it points to; it takes no place of another.

    Args:
        serving: The folder of versions.
        keep: At least 1, so that the served one stays.
        withdrawn: Folders of versions that a rollback took out of service: they are
            removed and do not count among those kept.
        pushed: Folders of versions that stay whatever their number: those with the
            model of this run.
        say: Takes the line on a version that cannot be removed, such as one that
            somebody else has put there.

    Returns:
        The versions that were removed, oldest first.
    """
    whole = [each for each in whole_versions(str(serving)) if not os.path.islink(each)]
    kept = [each for each in whole if each not in withdrawn][-keep:]
    stay = {*kept, *whole[-1:], *pushed}
    removed = []
    for folder in (each for each in whole if each not in stay):
        _LOGGER.info("removing the old version %s", folder)
        try:
            remove_version(Path(folder))
        except OSError as error:
            say(
                f"the old version {folder} cannot be removed: {error.filename}: "
                f"{error.strerror}"
            )
        if not os.path.lexists(folder):
            removed.append(folder)
    if kept:
        # One that is being pushed has a number above all others.
        remove_leftovers(serving, below=int(version_of(kept[0])))
    return [int(version_of(folder)) for folder in removed]
