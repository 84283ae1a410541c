"""SHA-256 of a model's files, in the form that `sha256sum --check` reads."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping

import tensorflow as tf

from pipeline.serving.versions import ModelError

# Beside the folder of versions.
MANIFESTS = "manifests"
_BLOCK_BYTES = 2**20
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def manifest_path(version: str) -> str:
    """Returns where the manifest of a pushed version's folder lies."""
    serving, number = posixpath.split(version.rstrip("/"))
    return posixpath.join(posixpath.dirname(serving), MANIFESTS, f"{number}.sha256")


def digests(folder: str) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path in it.

    Args:
        folder: On any file system TensorFlow knows.
    """
    found = {}
    for directory, _, names in tf.io.gfile.walk(folder):
        for name in names:
            path = posixpath.join(directory, name)
            found[posixpath.relpath(path, folder)] = _digest(path)
    return dict(sorted(found.items()))


def write_manifest(folder: str, path: str) -> None:
    """Writes what `digests` gives, a line for each file, whole or not at all."""
    lines = [f"{digest}  {name}\n" for name, digest in digests(folder).items()]
    unfinished = f"{path}.unfinished"
    tf.io.gfile.makedirs(posixpath.dirname(path))
    with tf.io.gfile.GFile(unfinished, "w") as file:
        file.write("".join(lines))
    tf.io.gfile.rename(unfinished, path, overwrite=True)


def read_manifest(path: str) -> dict[str, str]:
    """Reads what `write_manifest` or `sha256sum` wrote.

    Raises:
        ModelError: It is not there, or no such list.
    """
    try:
        with tf.io.gfile.GFile(path) as file:
            lines = file.read().splitlines()
    except tf.errors.OpError as error:
        raise ModelError(f"{path} cannot be read: {error.message}") from error
    found = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise ModelError(f"{path} is no list of SHA-256 sums: {line[:80]!r}")
        found[posixpath.normpath(match[2])] = match[1]
    return found


def check_digests(folder: str, expected: Mapping[str, str]) -> None:
    """Refuses a folder whose files are not those expected, neither more nor less.

    Raises:
        ModelError: It names the first file that differs.
    """
    found = digests(folder)
    for name in sorted({*found, *expected}):
        if name not in found:
            raise ModelError(f"{folder} lacks {name}, which its manifest lists")
        if name not in expected:
            raise ModelError(f"{folder} has {name}, which its manifest does not list")
        if found[name] != expected[name]:
            raise ModelError(f"{folder}/{name} has changed since its manifest was made")


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with tf.io.gfile.GFile(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
