"""Files that appear whole or not at all, and folders that one process at a time holds.

Nothing of ours is imported here: every other room may use this one.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

_WILDCARD = re.compile(r"[*?\[]")


def is_local(path: str) -> bool:
    """Returns whether a path lies on this machine's own file system."""
    return "://" not in path


def may_exist(pattern: str) -> bool:
    """Returns False if no file can match a name or glob; loads nothing for it.

    Of what is not on this machine, or may not be looked at, nothing is known so soon.
    """
    if not is_local(pattern):
        return True
    wildcard = _WILDCARD.search(pattern)
    try:
        if wildcard is None:
            os.stat(pattern)
            return True
        folder, slash, name = pattern[: wildcard.start()].rpartition("/")
        base = Path(folder + slash)
        if "**" in pattern:
            return base.is_dir()
        return any(base.glob(name + pattern[wildcard.start() :]))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


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
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except BaseException:
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
        else:
            unfinished.unlink(missing_ok=True)
        raise


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


def locked_folder(folder: Path) -> contextlib.AbstractContextManager[object]:
    """Takes hold of a folder, which is created if need be, until the context ends.

    The lock is a file `.lock` in the folder; the system frees it if the process dies.

    Raises:
        filelock.Timeout: Another process holds the folder. It is an `OSError`, too.
        OSError: The folder cannot be created or written.
    """
    import filelock  # with asyncio, which no --help should wait for

    folder.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(folder / ".lock").acquire(timeout=0)
