"""Judges by its first bytes whether a file is text at all."""

from __future__ import annotations

import codecs

from components.text_example_gen import reasons
from components.text_example_gen.errors import UnreadableFileError

# How much of a file is looked at to judge what it is.
HEAD_BYTES = 2**16

# Of other control characters a text has hardly any: 2 % is well above a stray NUL in
# a short file and well below what programs, pictures and archives have (20 % and up).
_MOST_CONTROL = 0.02
_CONTROL = bytes(c for c in range(32) if c not in b"\t\n\v\f\r\x1a\x1b")
# Western European text in Latin-1 has up to 10 % of bytes that are no UTF-8.
_MOST_INVALID = 0.3
# So many in a tiny file cost rows, not the file.
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


def check_is_text(path: str, head: bytes) -> None:
    """Refuses a file whose beginning (`HEAD_BYTES` or all of it) is no UTF-8 text.

    Raises:
        UnreadableFileError: With reason `not_text`, and what it seems to be instead.
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
        raise _not_text(path, "its bytes are no UTF-8", "save it as UTF-8")


def _not_text(path: str, what: str, hint: str = "") -> UnreadableFileError:
    detail = f"{path} is not a text file: {what}"
    return UnreadableFileError(
        reasons.NOT_TEXT, f"{detail}\nhint: {hint}" if hint else detail
    )
