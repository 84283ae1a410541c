"""Finds out in which encoding the text of a file is, and decodes it.

How it is decided, in this order: a byte order mark; the option; UTF-8, unless far more
of the bytes that are not ASCII break its rules than keep them; what a detector says of
the lines that are not ASCII.
"""

from __future__ import annotations

import codecs
import dataclasses
import functools
import io
import re
from collections.abc import Callable, Iterable
from typing import BinaryIO, TextIO

from components.text_example_gen.errors import UnreadableFileError
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.guessing import (
    SINGLE_BYTE,
    guess_encoding,
    is_no_utf8,
    is_plausible,
)
from components.text_example_gen.reading.line_codecs import (
    AND_UTF8,
    BY_LINE,
    MARK_ERRORS,
)
from components.text_example_gen.reading.opening import DAMAGE, is_damage, is_unpacked

# So much of a file is looked at before it is read. Unpacking takes longer than reading.
SURVEY_BYTES = 64 * 2**20
_SURVEY_PACKED_BYTES = 8 * 2**20
_CHUNK_BYTES = 2**18
# The detector sees so much of the lines that are not ASCII.
_SAMPLE_BYTES = 2**16

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Of these the mark says in which order the bytes are.
_WITH_MARK = ("utf-16", "utf-32")
# Encodings of seven bits that say by an escape sequence which letters follow.
_ESCAPES = (
    (re.compile(rb"\x1b\$[@B]|\x1b\([JI]|\x1b\$\([DOPQ]"), "iso2022_jp_ext"),
    (re.compile(rb"\x1b\$\)C"), "iso2022_kr"),
)
# Text stays UTF-8 if for each byte that is not, so many would have to be by chance:
# where a letter is one byte, at most one of three keeps its rules by chance. In
# East Asian encodings and in DOS's Cyrillic up to half of the bytes do, but few lines.
_CHANCE = 1 / 2
# So many lines that are in no encoding at all are odd values of a text in ASCII.
_MOST_ODD = 0.05
# Doubled quotes, and those that close a field, are none that open one.
_BLANK_BEFORE_QUOTES = re.compile(rb'[,;|] +"[^",;|\r\n]')
_ASCII = bytes(range(128))


@dataclasses.dataclass(frozen=True)
class Survey:
    """What the first 64 MiB of a file tell of its text, 8 MiB if it is compressed.

    Args:
        encoding: As Python names it; `utf-8` with or without a byte order mark;
            `cp1252 and UTF-8` of a file that mixes them.
        quotes: Whether there are double quotes.
        escapes: Whether there are double quotes behind a backslash.
        blanks: Whether there are double quotes behind a delimiter of CSV and blanks.
    """

    encoding: str
    quotes: bool
    escapes: bool
    blanks: bool


def take_survey(
    path: str,
    head: bytes,
    stream: BinaryIO,
    encoding: str | None,
    beside: Callable[[], list[bytes]] | None = None,
) -> Survey:
    """Reads on in a file to find out how its text is written.

    Args:
        path: For the message.
        head: What has been read of the stream.
        stream: What follows.
        encoding: The option; None: it is to be found.
        beside: Returns lines that are not UTF-8, of texts in the same encoding.

    Raises:
        UnreadableFileError: The text is in no encoding that is known, or in one that
            needs a byte order mark.
    """
    known = encoding_by_mark(head)
    if head and known is None and encoding in _WITH_MARK:
        raise UnreadableFileError(
            reasons.NOT_TEXT,
            f"{path} has no byte order mark, and without one {encoding} has two orders"
            f"\nhint: `encoding={encoding}-le`, or {encoding}-be",
        )
    known = known or encoding
    most = _SURVEY_PACKED_BYTES if is_unpacked(stream) else SURVEY_BYTES
    look = _Look()
    chunk = head
    size = 0
    while chunk and size < most:
        look.add(chunk, is_text=known is None)
        size += len(chunk)
        try:
            chunk = stream.read(_CHUNK_BYTES)
        except DAMAGE as error:
            if not is_damage(error):
                raise
            break  # who reads the rows before it says so
    look.end(is_whole=not chunk)
    if known is None:
        if look.escaped and look.escapes_letters > len(look.lines):
            known = look.escaped
        elif look.is_utf8:
            known = "utf-8"
        else:
            known = look.legacy_encoding(beside() if beside else [])
    if known is None and (look.is_mostly_ascii or look.keeps_rules):
        known = "utf-8"
    if known is None:
        raise UnreadableFileError(
            reasons.NOT_TEXT,
            f"{path} is not a text file: its bytes are not UTF-8, and in no other "
            "encoding that is known\nhint: set its `encoding`, or save it as UTF-8",
        )
    return Survey(known, look.quotes, look.escapes, look.blanks)


def encoding_by_mark(head: bytes) -> str | None:
    """Returns the encoding whose byte order mark a file begins with, or None."""
    return next((name for mark, name in _BOMS if head.startswith(mark)), None)


class _Look:
    """Looks at a file piece by piece."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._invalid = 0  # bytes
        self._wide = 0  # bytes that are not ASCII
        self._sampled = 0
        self._line_ends = 0
        self._last = b""
        self.escaped: str | None = None
        self.escapes_letters = 0  # lines with a sequence that says which follow
        self.lines: list[bytes] = []
        self.quotes = self.escapes = self.blanks = False

    def add(self, chunk: bytes, *, is_text: bool) -> None:
        """Looks at the next piece; `is_text`: also for its encoding."""
        if b'"' in chunk:
            self.quotes = True
            # Without the zero bytes of UTF-16 and UTF-32.
            near = (self._last + chunk).replace(b"\0", b"")
            self.escapes = self.escapes or b'\\"' in near
            self.blanks = self.blanks or (
                b' "' in near and _BLANK_BEFORE_QUOTES.search(near) is not None
            )
        # Only as far as lines are sampled, with which their number is compared.
        if is_text and b"\x1b" in chunk and self._sampled < _SAMPLE_BYTES:
            name, number = _escaped(self._last + chunk)
            self.escaped = self.escaped or name
            self.escapes_letters += number
        self._line_ends += max(chunk.count(b"\n"), chunk.count(b"\r"))
        self._last = chunk[-4:]
        if not is_text or (chunk.isascii() and not self._decoder.getstate()[0]):
            return
        before = len(self._decoder.getstate()[0])
        text = self._decoder.decode(chunk)
        after = len(self._decoder.getstate()[0])
        self._invalid += before + len(chunk) - after - len(text.encode("utf-8"))
        self._wide += len(chunk.translate(None, _ASCII))
        if self._sampled < _SAMPLE_BYTES:
            self._sample(chunk)

    def _sample(self, chunk: bytes) -> None:
        lines = chunk.splitlines()
        if len(lines) > 2:  # the first and the last may be cut
            lines = lines[1:-1] if self.lines else lines[:-1]
        for line in lines:
            if not line.isascii() and self._sampled < _SAMPLE_BYTES:
                self.lines.append(line)
                self._sampled += len(line)

    def end(self, *, is_whole: bool) -> None:
        """Says that no more comes; `is_whole`: as the file ends here."""
        if is_whole:
            self._invalid += len(self._decoder.getstate()[0])

    def legacy_encoding(self, beside: list[bytes]) -> str | None:
        """Returns the encoding if it is not UTF-8, which some lines may be even so."""
        known = _guess(tuple(beside or self._broken))
        broken = set(self._broken)
        is_mixed = known in SINGLE_BYTE and any(
            line not in broken and is_plausible(line.decode("utf-8"))
            for line in self.lines
        )
        return f"{known}{AND_UTF8}" if known is not None and is_mixed else known

    @property
    def is_utf8(self) -> bool:
        if not self._invalid:
            return True
        if not self.keeps_rules:
            return False
        is_damage = len(self._broken) <= _CHANCE * len(self.lines)
        return is_damage or not is_no_utf8(self._broken)

    @property
    def keeps_rules(self) -> bool:
        """Whether more bytes keep the rules of UTF-8 than would by chance."""
        return self._wide - self._invalid > _CHANCE * self._invalid

    @property
    def is_mostly_ascii(self) -> bool:
        """Whether only a few lines are not ASCII, and all of these are known."""
        is_all = self._sampled < _SAMPLE_BYTES
        return is_all and len(self.lines) <= _MOST_ODD * self._line_ends

    @functools.cached_property
    def _broken(self) -> list[bytes]:
        """The sampled lines that are not UTF-8, once all are there."""
        return invalid_lines(self.lines)


@functools.lru_cache(maxsize=8)  # the texts of a folder are all guessed by the same
def _guess(lines: tuple[bytes, ...]) -> str | None:
    return guess_encoding(lines)


def _escaped(text: bytes) -> tuple[str | None, int]:
    """Returns the encoding with such escape sequences, and how many lines have them."""
    for escape, name in _ESCAPES:
        number = sum(escape.search(line) is not None for line in text.splitlines())
        if number:
            return name, number
    return None, 0


def invalid_lines(lines: Iterable[bytes]) -> list[bytes]:
    """Returns those that are not UTF-8."""
    return [line for line in lines if not _is_valid(line)]


def _is_valid(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def open_text(stream: BinaryIO, encoding: str, *, newline: str) -> TextIO:
    """Opens a stream as text; what cannot be decoded becomes lone surrogates.

    `records.replace_invalid` turns them into U+FFFD, and says that there were some.
    """
    name, errors = _codec(encoding)
    return io.TextIOWrapper(stream, encoding=name, errors=errors, newline=newline)


def decode(data: bytes, encoding: str, *, is_whole: bool) -> str:
    """Decodes as `open_text` does; `is_whole`: no character is cut at the end."""
    name, errors = _codec(encoding)
    decoder = codecs.getincrementaldecoder(name)(errors)
    # Which of two encodings a line has is known at its end: here where data ends.
    return decoder.decode(data, is_whole or encoding.endswith(AND_UTF8))


def decode_up_to(data: bytes, encoding: str, most: int) -> str:
    """Returns a whole text, or its beginning if it has more than `most` characters."""
    name, errors = _codec(encoding)
    decoder = codecs.getincrementaldecoder(name)(errors)
    parts, chars = [], 0
    for start in range(0, len(data), _CHUNK_BYTES):
        end = start + _CHUNK_BYTES
        parts.append(decoder.decode(data[start:end], end >= len(data)))
        chars += len(parts[-1])
        if chars > most:
            break
    return "".join(parts)


def _codec(encoding: str) -> tuple[str, str]:
    """Returns Python's names of the encoding and of what it does with errors."""
    if encoding.endswith(AND_UTF8):
        return encoding, MARK_ERRORS
    if encoding == "utf-8":
        return "utf-8-sig", "surrogateescape"
    name = codecs.lookup(encoding).name
    return name + BY_LINE if name.startswith("iso2022") else encoding, MARK_ERRORS
