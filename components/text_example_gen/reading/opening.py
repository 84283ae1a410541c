"""Opens a file on any file system that Beam knows, and refuses what is not text."""

from __future__ import annotations

import bz2
import contextlib
import functools
import gzip
import io
import lzma
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, TextIO, cast

from components.text_example_gen.errors import UnreadableFileError
from components.text_example_gen.file_names import COMPRESSED
from components.text_example_gen.file_systems import open_raw
from components.text_example_gen.reading import reasons

_BUFFER_BYTES = 2**18
_LONGEST_MAGIC = 6
# Zero bytes between the streams of xz are legal in fours.
_XZ_PADDING = 4
# Of memory, to unpack it: `xz -9` needs 65 MiB. A file may ask for 4 GiB.
_XZ_BYTES = 2**28

# What decompressors and decoders raise on broken data, where they ask no handler of
# errors. bz2 raises a bare OSError, ISO 2022 a bare UnicodeError: see `is_damage`.
DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, UnicodeError)

_GIVES_UP = "pending buffer overflow"

Reopen = Callable[[], contextlib.AbstractContextManager[TextIO]]
"""Opens the text of a file anew, from its beginning."""

# How much of a file is read to tell what it is.
HEAD_BYTES = 2**16
_MOST_HEAD_BYTES = 2**22
_SOME_LINES = 4

# A text has hardly any other control characters: 2 % is well above a stray NUL in a
# short file and well below the share in programs, pictures and archives (from 20 %).
_MOST_CONTROL = 0.02
_CONTROL = bytes(c for c in range(32) if c not in b"\t\n\v\f\r\x1a\x1b")
# Up to so many, even in a tiny file, cost rows and not the file.
_FEW = 8
# Nor do more that stand in a few lines alone, as zeros that a crash left in one text;
# of a file that is no text, most lines have some.
_MOST_LINES = 0.05
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_EXPORT = "export the data as CSV"
_UNPACK = "unpack it"
_KINDS = (  # where its mark stands, the mark, what it is, what to do
    (
        0,
        b"PK\x03\x04",
        "a zip archive or a spreadsheet",
        "unpack the archive, or export the spreadsheet as CSV",
    ),
    (0, b"%PDF-", "a PDF document", _EXPORT),
    (0, b"\xd0\xcf\x11\xe0", "an old Office document", _EXPORT),
    (0, b"\x89PNG", "a picture", _EXPORT),
    (0, b"\xff\xd8\xff", "a picture", _EXPORT),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd", _UNPACK),
    (0, b"7z\xbc\xaf", "a 7z archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a rar archive", _UNPACK),
    (0, b"\x1f\x9d", "compressed with compress", _UNPACK),
    (0, b"\x5d\x00\x00", "compressed with lzma", _UNPACK),  # its usual settings
    (0, b"\x04\x22\x4d\x18", "compressed with lz4", _UNPACK),
    (0, b"\xff\x06\x00\x00sNaPpY", "compressed with snappy", _UNPACK),
    (0, b"LZIP\x01", "compressed with lzip", _UNPACK),
    (0, b"\x89LZO\x00", "compressed with lzop", _UNPACK),
    # Of a long table, its head and the first rows have too few NULs to be binary.
    (257, b"ustar\0", "a tar archive", _UNPACK),  # not "mustard"
    (257, b"ustar  \0", "a tar archive", _UNPACK),  # by GNU
    (0, b"\x1f\x8b\x08", "packed twice", _UNPACK),
    (0, b"ARROW1\0\0", "an Arrow or Feather file", "write it as Parquet"),
    (0, b"SQLite format 3", "a database", _EXPORT),
    (0, b"\x7fELF", "a program", _EXPORT),
)
_NOT_REGULAR = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)
_WIDE = ("utf-16", "utf-32")


class _Streams(io.RawIOBase):
    """Unpacks bzip2 or xz streams that stand one behind another, to the last byte.

    Python's own readers end in silence where a later stream is damaged.

    Args:
        packed: Begins with a stream.
        make: Returns a decompressor of one stream.
        padding: Zero bytes may stand behind a stream in multiples of this; 0: never.
    """

    def __init__(
        self, packed: BinaryIO, make: Callable[[], Any], padding: int = 0
    ) -> None:
        super().__init__()
        self._packed = packed
        self._make = make
        self._padding = padding
        self._stream = make()
        self._ahead = b""  # read, and not yet given to the decompressor

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer from its beginning.

        Raises:
            EOFError: The data end within a stream.
            OSError: What follows is not a stream, or a damaged one; lzma has an
                LZMAError for that.
        """
        unpacked = b""
        while not unpacked:
            if self._stream.eof and not self._begin_next():
                return 0
            packed, self._ahead = self._ahead, b""
            if not packed and self._stream.needs_input:
                packed = self._packed.read(_BUFFER_BYTES)
                if not packed:
                    raise EOFError("it ends within a compressed stream")
            try:
                unpacked = self._stream.decompress(packed, len(buffer))
            except lzma.LZMAError as error:
                if "memory" not in str(error).lower():
                    raise
                most = f"{_XZ_BYTES >> 20} MiB of memory"
                raise lzma.LZMAError(f"it needs more than {most} to unpack") from error
        buffer[: len(unpacked)] = unpacked
        return len(unpacked)

    def _begin_next(self) -> bool:
        """Begins the stream behind the one that has ended, if there is one."""
        ahead = self._stream.unused_data or self._packed.read(_BUFFER_BYTES)
        zeros = 0
        while self._padding and ahead.startswith(b"\0"):
            rest = ahead.lstrip(b"\0")
            zeros += len(ahead) - len(rest)
            ahead = rest or self._packed.read(_BUFFER_BYTES)
        if zeros and zeros % self._padding:
            raise EOFError("a compressed stream is followed by what is none")
        if not ahead:
            return False
        self._ahead = ahead
        self._stream = self._make()
        return True


def _unpack_bz2(packed: BinaryIO) -> _Streams:
    return _Streams(packed, bz2.BZ2Decompressor)


def _unpack_xz(packed: BinaryIO) -> _Streams:
    make = functools.partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, _XZ_BYTES)
    return _Streams(packed, make, _XZ_PADDING)


_UNPACKERS: tuple[tuple[bytes, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", _unpack_bz2),
    (b"\xfd7zXZ\x00", _unpack_xz),
)


@contextlib.contextmanager
def open_bytes(path: str) -> Iterator[BinaryIO]:
    """Opens a file for reading its bytes as they were before any compression.

    The content decides, not the name: a `.gz` that a download has already unpacked is
    read as it is. Knows gzip, bzip2 and xz.

    Raises:
        UnreadableFileError: It is not a regular file, or it is empty and its name says
            that it is compressed.
    """
    check_is_regular(path)
    with contextlib.ExitStack() as stack:
        raw = stack.enter_context(open_raw(path))
        buffered = io.BufferedReader(cast(Any, raw), _BUFFER_BYTES)
        magic = buffered.peek(_LONGEST_MAGIC)[:_LONGEST_MAGIC]
        if not magic and path.lower().endswith(COMPRESSED):
            raise UnreadableFileError(
                reasons.DAMAGED_FILE,
                f"{path} is damaged: it has no bytes, and a compressed file has some",
            )
        for prefix, unpack in _UNPACKERS:
            if magic.startswith(prefix):
                unpacked = stack.enter_context(unpack(buffered))
                yield cast(BinaryIO, io.BufferedReader(unpacked, _BUFFER_BYTES))
                return
        yield cast(BinaryIO, buffered)


def check_is_regular(path: str) -> None:
    """Refuses what is on this machine and not a file, such as a pipe, before a read.

    Opening a pipe waits for whoever writes to it, perhaps for ever. A link that leads
    nowhere would be passed over, and its rows with it.

    Raises:
        UnreadableFileError: With reason `not_a_file`.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if os.path.islink(path):
            why = (error.strerror or str(error)).lower()
            raise UnreadableFileError(
                reasons.NOT_A_FILE, f"{path} is a link to {os.readlink(path)}: {why}"
            ) from error
        return  # elsewhere, or gone: opening it tells
    for is_it, what in _NOT_REGULAR:
        if is_it(mode):
            raise UnreadableFileError(
                reasons.NOT_A_FILE, f"{path} is {what}, not a file of data"
            )


def is_unpacked(stream: BinaryIO) -> bool:
    """Returns whether `open_bytes` decompresses a stream; seeking is slow then."""
    return isinstance(getattr(stream, "raw", None), (gzip.GzipFile, _Streams))


def is_damage(error: BaseException) -> bool:
    """Returns whether an error of `DAMAGE` comes from the data.

    Others come from the disk, or from this program.
    """
    if isinstance(error, UnicodeError):
        # In Python 3.13 ISO 2022 raises the other one, which no handler is asked about.
        return type(error) is UnicodeError or _GIVES_UP in str(error)
    return (
        not isinstance(error, OSError)
        or isinstance(error, gzip.BadGzipFile)
        or error.errno is None
    )


def with_some_lines(stream: BinaryIO, head: bytes) -> tuple[bytes, bool]:
    """Reads on behind the head of a file while hardly a line has ended in it.

    How fields are separated is not seen in one row. Lines that are longer than a row
    may be are given up.

    Args:
        stream: What follows.
        head: `HEAD_BYTES`, or all of the file.

    Returns:
        The head, and whether more follows.
    """
    is_part = len(head) == HEAD_BYTES
    while (
        is_part
        and len(head) < _MOST_HEAD_BYTES
        and max(head.count(b"\n"), head.count(b"\r")) < _SOME_LINES
    ):
        more = stream.read(len(head))
        head += more
        is_part = bool(more)
    return head, is_part


def check_is_there(path: str, head: bytes) -> None:
    """Refuses what Git LFS leaves in place of a file that was not fetched.

    Args:
        path: For the message.
        head: The beginning of the file.

    Raises:
        UnreadableFileError: With reason `damaged_file`.
    """
    if head.startswith(_LFS_POINTER):
        raise UnreadableFileError(
            reasons.DAMAGED_FILE,
            f"{path} is a pointer of Git LFS, without the content\nhint: git lfs pull",
        )


def check_is_text(
    path: str, head: bytes, encoding: str | None = None, *, delimiter: str | None = None
) -> None:
    """Refuses a file whose beginning (`HEAD_BYTES` or all of it) is not text.

    Args:
        path: For the message.
        head: The beginning.
        encoding: By its byte order mark or an option; None: it is to be found.
        delimiter: That is set by an option, and may be a control character.

    Raises:
        UnreadableFileError: With reason `not_text`, and what the file seems to be, or
            as `check_is_there`.
    """
    check_is_there(path, head)
    for start, magic, kind, hint in _KINDS:
        if head.startswith(magic, start):
            raise _not_text(path, f"it looks like {kind}", hint)
    if not head or (encoding or "").startswith(_WIDE):
        return
    allowed = (delimiter or "").encode("latin-1", "ignore")
    unwanted = bytes(c for c in _CONTROL if c not in allowed)

    def control(part: bytes) -> int:
        return len(part) - len(part.translate(None, unwanted))

    if control(head) <= max(_FEW, _MOST_CONTROL * len(head)):
        return
    lines = head.splitlines()
    if sum(map(bool, map(control, lines))) <= _MOST_LINES * len(lines):
        return
    for name, first in (("utf-16-le", 1), ("utf-16-be", 0)):
        # The other half of the bytes of Western text is zero.
        if head[first::2].count(0) > len(head) / 4 > head[1 - first :: 2].count(0) * 9:
            what = f"it looks like {name} without a byte order mark"
            raise _not_text(path, what, f"`encoding={name}`")
    hint = "if it is text in UTF-16 without a byte order mark, `encoding=utf-16-le`"
    raise _not_text(path, "it looks like binary data", hint if 0 in head else "")


def _not_text(path: str, what: str, hint: str = "") -> UnreadableFileError:
    detail = f"{path} is not a text file: {what}"
    return UnreadableFileError(
        reasons.NOT_TEXT, f"{detail}\nhint: {hint}" if hint else detail
    )
