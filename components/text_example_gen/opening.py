"""Opens a file on any file system Beam knows, compressed or not."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

_BUFFER_BYTES = 2**18
_DECOMPRESSORS: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
_LONGEST_MAGIC = 6

# What the decompressors raise on broken data. bz2 raises a bare OSError: see
# `is_damage`.
DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError)


@contextlib.contextmanager
def open_bytes(path: str) -> Iterator[BinaryIO]:
    """Opens a file for reading its bytes as they were before any compression.

    What counts is how the content begins, not the name: a `.gz` that a download has
    already unpacked is read as it is. Knows gzip, bzip2 and xz.
    """
    with contextlib.ExitStack() as stack:
        raw = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
        buffered = io.BufferedReader(cast(Any, stack.enter_context(raw)), _BUFFER_BYTES)
        magic = buffered.peek(_LONGEST_MAGIC)[:_LONGEST_MAGIC]
        for prefix, decompressor in _DECOMPRESSORS:
            if magic.startswith(prefix):
                unpacked = stack.enter_context(decompressor(buffered))
                yield cast(BinaryIO, io.BufferedReader(unpacked, _BUFFER_BYTES))
                return
        yield cast(BinaryIO, buffered)


def is_unpacked(stream: BinaryIO) -> bool:
    """Whether a stream of `open_bytes` is being decompressed; seeking is slow then."""
    return isinstance(
        getattr(stream, "raw", None), (gzip.GzipFile, bz2.BZ2File, lzma.LZMAFile)
    )


def is_damage(error: BaseException) -> bool:
    """Whether an error of `DAMAGE` comes from the data and not from the disk."""
    return (
        not isinstance(error, OSError)
        or isinstance(error, gzip.BadGzipFile)
        or error.errno is None
    )
