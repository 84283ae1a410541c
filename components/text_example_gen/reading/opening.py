"""Opens a file on any file system that Beam knows, and refuses what is not text."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from components.text_example_gen.errors import UnreadableFileError
from components.text_example_gen.reading import reasons

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

# How much of a file is read to tell what it is.
HEAD_BYTES = 2**16

# A text has hardly any other control characters: 2 % is well above a stray NUL in a
# short file and well below the share in programs, pictures and archives (from 20 %).
_MOST_CONTROL = 0.02
_CONTROL = bytes(c for c in range(32) if c not in b"\t\n\v\f\r\x1a\x1b")
# In Western European text in Latin-1 up to 10 % of the bytes are not UTF-8.
_MOST_INVALID = 0.3
# Up to so many, even in a tiny file, cost rows and not the file.
_FEW = 8
_KINDS = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet"),
    (b"%PDF-", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"SQLite format 3", "a database"),
    (b"\x7fELF", "a program"),
)
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@contextlib.contextmanager
def open_bytes(path: str) -> Iterator[BinaryIO]:
    """Opens a file for reading its bytes as they were before any compression.

    The content decides, not the name: a `.gz` that a download has already unpacked is
    read as it is. Knows gzip, bzip2 and xz.
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
    """Returns whether `open_bytes` decompresses a stream; seeking is slow then."""
    return isinstance(
        getattr(stream, "raw", None), (gzip.GzipFile, bz2.BZ2File, lzma.LZMAFile)
    )


def is_damage(error: BaseException) -> bool:
    """Returns whether an error of `DAMAGE` comes from the data, not from the disk."""
    return (
        not isinstance(error, OSError)
        or isinstance(error, gzip.BadGzipFile)
        or error.errno is None
    )


def check_is_text(path: str, head: bytes) -> None:
    """Refuses a file whose beginning (`HEAD_BYTES` or all of it) is not UTF-8 text.

    Raises:
        UnreadableFileError: With reason `not_text`, and what the file seems to be.
    """
    for magic, kind in _KINDS:
        if head.startswith(magic):
            raise _not_text(path, f"it looks like {kind}", "export the data as CSV")
    if head.startswith(_WIDE):
        raise _not_text(path, "it is UTF-16", "save it as UTF-8")
    if not head:
        return
    control = sum(head.count(bytes([c])) for c in _CONTROL)
    if control > max(_FEW, _MOST_CONTROL * len(head)):
        raise _not_text(path, "it looks like binary data")
    decoded = head.decode("utf-8", "surrogateescape")
    invalid = sum("\udc80" <= c <= "\udcff" for c in decoded)
    if invalid > max(_FEW, _MOST_INVALID * len(decoded)):
        raise _not_text(path, "its bytes are not UTF-8", "save it as UTF-8")


def _not_text(path: str, what: str, hint: str = "") -> UnreadableFileError:
    detail = f"{path} is not a text file: {what}"
    return UnreadableFileError(
        reasons.NOT_TEXT, f"{detail}\nhint: {hint}" if hint else detail
    )
