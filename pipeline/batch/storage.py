"""Files on any file system that Beam knows, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipeline.files import is_local, replace_when_done

_COPY_BYTES = 2**20
_SURROGATE = re.compile("[\ud800-\udfff]")


def open_reading(path: str) -> BinaryIO:
    """Opens a file for its bytes, without unpacking them."""
    return cast(
        BinaryIO,
        FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED),
    )


@contextlib.contextmanager
def local_writer(path: str) -> Iterator[Path]:
    """Yields a local path to write; `path` appears, whole, when the block ends well.

    Writers of Parquet, HDF5 and TFRecord want a real file, and a worker may die.
    """
    if is_local(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with replace_when_done(Path(path)) as unfinished:
            yield unfinished
        return
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "file"
        yield local
        # An object store shows an object when it is closed, and not before.
        with (
            local.open("rb") as source,
            FileSystems.create(
                path, compression_type=CompressionTypes.UNCOMPRESSED
            ) as target,
        ):
            shutil.copyfileobj(source, target, _COPY_BYTES)


@contextlib.contextmanager
def local_reader(path: str) -> Iterator[Path]:
    """Yields a local path with the content of `path`: itself, or a copy for a while."""
    if is_local(path):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / posixpath.basename(path)
        with open_reading(path) as source, local.open("wb") as target:
            shutil.copyfileobj(source, target, _COPY_BYTES)
        yield local


def append_to(path: str, target: BinaryIO) -> None:
    """Copies the bytes of a file to the end of an open one."""
    with open_reading(path) as source:
        shutil.copyfileobj(source, target, _COPY_BYTES)


def write_json(path: str, value: Any) -> None:
    """Writes a value as JSON.

    What cannot be UTF-8, such as the bytes of a file's name, is escaped.
    """
    text = json.dumps(value, ensure_ascii=False)
    with local_writer(path) as local:
        local.write_text(_SURROGATE.sub(lambda m: f"\\u{ord(m[0]):04x}", text), "utf-8")


def read_json(path: str) -> Any:
    """Returns what `write_json` wrote; None if it is not there."""
    if not FileSystems.exists(path):
        return None
    with open_reading(path) as file:
        return json.loads(file.read())


def list_files(folder: str, glob: str) -> list[str]:
    """Returns the files in a folder whose names match a glob, sorted.

    Args:
        folder: Its name is no glob; none need be there.
        glob: `**` for the files of all folders in it, too; else of this one alone.
    """
    if is_local(folder):  # where a name may have any character
        return sorted(
            str(path)
            for path in Path(folder).glob("**/*" if glob == "**" else glob)
            if path.is_file()
        )
    [matched] = FileSystems.match([posixpath.join(folder, glob)])
    return sorted(file.path for file in matched.metadata_list)


def remove(folder: str) -> None:
    """Removes a folder with all that is in it; nothing happens if it is not there."""
    if is_local(folder):
        shutil.rmtree(folder, ignore_errors=True)
    elif list_files(folder, "**"):
        FileSystems.delete([folder + "/"])


def remove_file(path: str) -> None:
    """Removes a file; nothing happens if it is not there."""
    if is_local(path):  # Beam would read a name with [ or * as a glob
        Path(path).unlink(missing_ok=True)
    elif FileSystems.exists(path):
        FileSystems.delete([path])
