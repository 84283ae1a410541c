"""SHA-256 of a model's files, in the form that `sha256sum --check` reads.

This machine's files are read without TensorFlow, all others with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from pipeline.files import is_local, write_whole
from pipeline.serving.versions import (
    GRAPH,
    ModelError,
    check_regular,
    model_files,
    unreadable,
)

MANIFESTS = "manifests"
"""Folder of the manifests, beside that of the versions."""

_BLOCK_BYTES = 2**20
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def manifest_path(version: str) -> str:
    """Returns where the manifest of a pushed version's folder lies."""
    serving, number = posixpath.split(version.rstrip("/"))
    return posixpath.join(posixpath.dirname(serving), MANIFESTS, f"{number}.sha256")


def digests(folder: str) -> dict[str, str]:
    """Returns the SHA-256 of every file below a folder, by its path in it.

    Args:
        folder: On any file system that TensorFlow knows.

    Raises:
        ModelError: On this machine, something there cannot be read, or is no file.
    """
    paths = model_files(folder)
    return {posixpath.relpath(path, folder): _digest(path) for path in paths}


def manifest_text(folder: str) -> str:
    """Returns what `digests` returns as text, a line for each file."""
    return "".join(f"{digest}  {name}\n" for name, digest in digests(folder).items())


def write_manifest(folder: str, path: str) -> None:
    """Writes the manifest of a folder, whole or not at all."""
    text = manifest_text(folder)
    if is_local(path):
        os.makedirs(posixpath.dirname(path), exist_ok=True)
        write_whole(Path(path), text)
        return
    import tensorflow as tf

    # An object store shows an object when it is closed, and not before.
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)


def read_manifest(path: str) -> dict[str, str]:
    """Reads what `write_manifest` or `sha256sum` wrote.

    Raises:
        ModelError: It does not exist, or is not such a list.
    """
    try:
        with _opened(path) as file:
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError as error:
        reason = error.strerror or error
        raise ModelError(f"{path} cannot be read: {reason}") from error
    by_name = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise ModelError(f"{path} is not a list of SHA-256 sums: {line[:80]!r}")
        by_name[posixpath.normpath(match[2])] = match[1]
    return by_name


def check_digests(folder: str, expected: Mapping[str, str]) -> None:
    """Refuses a folder whose files are not those expected, neither more nor less.

    Raises:
        ModelError: It names the first file that differs.
    """
    current = digests(folder)
    for name in sorted({*current, *expected}):
        if name not in current:
            raise ModelError(f"{folder} lacks {name}, which its manifest lists")
        if name not in expected:
            raise ModelError(f"{folder} has {name}, which its manifest does not list")
        if current[name] != expected[name]:
            raise ModelError(f"{folder}/{name} has changed since its manifest was made")


def lacking_file(version: str) -> str | None:
    """Returns the first file that a version in this machine's folder lacks, or None.

    Its manifest says which there are; without one it is the graph. No file is read.
    """
    try:
        names = list(read_manifest(manifest_path(version)))
    except ModelError:
        names = [GRAPH]
    absent = (name for name in names if not os.path.exists(f"{version}/{name}"))
    return next(absent, None)


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    try:
        with _opened(path) as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        if is_local(path):
            raise unreadable(path, error) from error
        raise  # another file system may answer next time
    return digest.hexdigest()


@contextlib.contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    """Opens a file for reading; whatever goes wrong is an `OSError`."""
    if is_local(path):
        check_regular(path)
        with open(path, "rb") as file:
            yield file
        return
    import tensorflow as tf

    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            yield file
    except tf.errors.OpError as error:
        raise OSError(error.message) from error
