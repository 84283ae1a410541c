"""A folder that one process at a time may work in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import filelock

from pipeline.config import ConfigError


@contextlib.contextmanager
def locked_folder(folder: Path, busy: Exception) -> Iterator[None]:
    """Holds a folder, which is made if need be; a process that dies lets it go.

    Args:
        folder: Gets a file `.lock`.
        busy: What to raise where another process holds it.

    Raises:
        ConfigError: The folder cannot be made.
        Exception: `busy`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise busy from error
    except OSError as error:
        raise ConfigError(
            f"option output: cannot be written: {error.filename}: {error.strerror}"
        ) from error
    try:
        yield
    finally:
        lock.release()


def write_whole(path: Path, text: str) -> None:
    """Writes a file as UTF-8, so that nobody ever sees half of it.

    Raises:
        OSError: It cannot be written; what was there before stays.
    """
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
