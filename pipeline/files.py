"""Files that appear whole or not at all, and folders that one process at a time holds.

Nothing of `pipeline` is imported here: every other room may use this one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import re
import select
import shutil
import stat
import uuid
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from keras_elmo import paths

_LOCK_ATTEMPTS = 100  # each fails as others end at that moment
_PIPE_SECONDS = 5.0
_PIECE_BYTES = 2**20
_WILDCARD = re.compile(r"[*?\[\\]")
_HIDDEN = re.compile(r"\.(.+)\.[0-9a-f]{32}\.part", re.DOTALL)


def is_local(path: str) -> bool:
    """Returns whether a path lies on this machine's own file system."""
    return "://" not in path


def is_pattern(path: str) -> bool:
    """Returns whether TensorFlow or Beam take a path for one that stands for others.

    They look for what lies below a folder by such patterns: of one that is called
    `out [1]` they find nothing, of `out?` also what lies in another one.
    """
    return _WILDCARD.search(path) is not None


def absolute(path: str | Path) -> str:
    """Returns a local path as an absolute one; `~` is the home folder.

    It means the same to every program, as `paths.absolute` says.
    """
    return paths.absolute(os.path.expanduser(path))


class FileTooLarge(ValueError):
    """A file that a person writes is far larger than such a file is, or has no end."""


def short_names(names: Sequence[str]) -> list[str]:
    """Returns the names of files from the deepest folder on that all of them share."""
    folders = [name[: name.rfind("/") + 1] for name in names]
    shared = posixpath.commonprefix(folders)
    return [name[shared.rfind("/") + 1 :] for name in names]


def read_bounded(path: Path, most_bytes: int) -> str:
    """Returns the text of a small file in UTF-8; a device without an end is refused.

    Raises:
        OSError: It cannot be read.
        UnicodeDecodeError: It is not UTF-8.
        FileTooLarge: It is larger.
    """
    with open(path, "rb", opener=_without_waiting) as file:
        if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            if not select.select([file], [], [], _PIPE_SECONDS)[0]:
                raise OSError(errno.EAGAIN, "nothing comes out of this pipe", str(path))
            os.set_blocking(file.fileno(), True)
        data = file.read(most_bytes + 1) or b""  # None: it would be waited for
    if len(data) > most_bytes:
        raise FileTooLarge(f"{path} is larger than {most_bytes:,} bytes")
    return data.decode("utf-8")


def read_regular(path: Path) -> bytes:
    """Returns the content of a file that a program of ours wrote.

    Raises:
        OSError: It cannot be read, or is no file: a pipe would be waited for.
    """
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is not a file", str(path))
        return file.read()


def _without_waiting(path: str, flags: int) -> int:
    """Opens a file; a pipe into which nobody writes would be waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


@contextlib.contextmanager
def replace_when_done(path: Path) -> Iterator[Path]:
    """Yields a path beside `path` to write a file or a folder to.

    When the block ends well, what was written there takes the name `path`, in one step.
    When the block fails, it is removed, and what `path` was before stays. Several
    processes may do this at once: the last to end wins. The hidden file that a killed
    process leaves has a name that nothing reads.

    Raises:
        OSError: It cannot be renamed, such as a folder to one that is not empty.
    """
    unfinished = _hidden_name(path)
    try:
        yield unfinished
        os.replace(unfinished, path)
    except BaseException:
        # The first error counts, not that of a disk on which nothing can be removed.
        with contextlib.suppress(OSError):
            remove(unfinished)
        raise


def crc32_of(path: str | Path) -> int:
    """Returns the CRC-32 of a file's bytes.

    Raises:
        OSError: It cannot be read.
    """
    total = 0
    with open(path, "rb") as file:
        while piece := file.read(_PIECE_BYTES):
            total = zlib.crc32(piece, total)
    return total


def remove(path: Path) -> None:
    """Removes a file, or a folder with all that is in it; nothing if it is not there.

    Of a symbolic link only the link goes: what it points to is not touched.

    Raises:
        OSError: It cannot be removed; the error names `path`, and not a file in it.
    """
    if path.is_dir() and not path.is_symlink():
        try:
            shutil.rmtree(path)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
    else:
        path.unlink(missing_ok=True)


def remove_at_once(folder: Path, *, notes: Iterable[Path] = ()) -> None:
    """Removes a folder that others look at: they see all of it or nothing.

    What a killed process leaves is among `hidden_leftovers`.

    Args:
        folder: What is removed.
        notes: Files about it elsewhere. They go after its name and before the rest: as
            long as one is left, a hidden folder tells of it.
    """
    hidden = _hidden_name(folder)
    os.rename(folder, hidden)
    for note in notes:
        note.unlink(missing_ok=True)
    remove(hidden)


def hidden_leftovers(folder: Path) -> dict[Path, str]:
    """Returns what others of these functions have hidden in a folder.

    Returns:
        Hidden path -> the name for which it is, or from which it was removed.
    """
    found = {each: _HIDDEN.fullmatch(each.name) for each in folder.glob(".*.part")}
    return {path: match[1] for path, match in found.items() if match}


@contextlib.contextmanager
def hidden_folder(path: Path) -> Iterator[Path]:
    """Yields a new folder beside `path`, for work, and removes it in the end.

    What a killed process leaves is among `hidden_leftovers`.
    """
    folder = _hidden_name(path)
    folder.mkdir()
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            remove(folder)


def _hidden_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")


def write_whole(path: Path, content: bytes | str) -> None:
    """Writes a file, text as UTF-8, so that it is whole even after a power cut.

    Raises:
        OSError: It cannot be written; what was there before stays.
    """
    data = content.encode() if isinstance(content, str) else content
    with replace_when_done(path) as unfinished, unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def unshare(path: Path, *, even_link: bool = False) -> None:
    """Gives a file of several names one of its own under this name.

    Folders that were copied with hard links, as backups are, share their files: what is
    written in place in one of them is written in all. Nothing is done without a file.

    Args:
        path: Of the file.
        even_link: Whether a symbolic link becomes a file, too.

    Raises:
        OSError: It cannot be written.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_nlink > 1 or (even_link and path.is_symlink()):
            write_whole(path, read_regular(path))


def open_own(path: Path, flags: int) -> int:
    """Opens a file to write, which is made if need be, and returns its descriptor.

    A pipe into which nobody reads is not waited for.

    Raises:
        OSError: It cannot be opened, or is a link: what it leads to may be anybody's.
    """
    flags |= os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags, 0o644)
    except OSError as error:
        if error.errno == errno.ELOOP:
            error.strerror = "is a link, which is not followed"
        raise


def is_other_than_folder(path: str | Path) -> bool:
    """Returns whether something is there that is no folder, and leads to none.

    A folder that is replaced at this moment is no such thing.
    """
    return not os.path.isdir(path) and os.path.lexists(path) and not os.path.isdir(path)


def locked_folder(folder: Path) -> contextlib.AbstractContextManager[object]:
    """Takes hold of a folder, which is created if need be, until the context ends.

    The lock is a file `.lock` in the folder; the system frees it if the process dies.
    Who holds the folder may remove it.

    Raises:
        filelock.Timeout: Another process holds the folder. It is an `OSError`, too.
        OSError: The folder cannot be created or written.
    """
    import filelock  # with asyncio, which no --help should wait for

    path = folder / ".lock"
    for _ in range(_LOCK_ATTEMPTS):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            if is_other_than_folder(folder):
                raise
        with contextlib.suppress(FileNotFoundError):  # removed at this moment
            before = open_own(path, os.O_RDWR)
            try:
                held = filelock.FileLock(path).acquire(timeout=0)
                # Another file of this name others would lock as well.
                here = os.fstat(before)
                if os.path.samestat(here, path.stat()):
                    if here.st_nlink == 1:
                        return held
                    path.unlink()  # shared with a copy of the folder
                held.lock.release()
            finally:
                os.close(before)
    raise filelock.Timeout(str(path))
