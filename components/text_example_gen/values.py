"""Texts and labels from the values of columns, and the digest that splits texts."""

from __future__ import annotations

import datetime
import decimal
import hashlib
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

# What Transform turns into spaces: a text of these alone has no tokens.
_NO_TEXT = re.compile(r"<br\s*/?>|[\x00-\x20\x7f-\xa0]", re.IGNORECASE)
_DIGEST_BYTES = 16


class BadValueError(ValueError):
    """A value that cannot be a text or a label."""


def clean_text(value: Any) -> str | None:
    """Returns the text as it stands, or None if there is nothing to read.

    A text of HTML line breaks, white space and control characters has nothing to read.

    Raises:
        BadValueError: The value is a list or an object, or has a NUL.
    """
    text = _scalar(value)
    if text is None or not _NO_TEXT.sub("", text).strip():
        return None
    if "\0" in text:
        raise BadValueError("the text contains a NUL character")
    return text


def clean_label(value: Any) -> str | None:
    """Returns the label as one line without outer white space; None if it is empty.

    Numbers become decimal digits, even if a missing value elsewhere in the column
    turned integers into floats: 1, 1.0 and True become "1". Strings stay as they are.

    Raises:
        BadValueError: The value is a list or an object, or has a NUL.
    """
    label = _scalar(value)
    if label is None or not label.strip():
        return None
    if "\0" in label:
        raise BadValueError("the label contains a NUL character")
    return " ".join(label.split())


def is_lossy(record: Mapping[str, Any], value: Any, cleaned: str) -> bool:
    """Returns whether a label or key has U+FFFD for what could not be decoded.

    Args:
        record: Of the value; it says whether any of it was replaced.
        value: As it was read; bytes are decoded here.
        cleaned: What has become of it.
    """
    is_replaced = record["replaced_utf8"] or isinstance(value, bytes)
    return is_replaced and "\ufffd" in cleaned


def digest(text: str) -> bytes:
    """Returns 16 bytes that do not depend on case, white space or Unicode form.

    NFKC, case folding, runs of white space as one space; then BLAKE2b.
    """
    normalised = unicodedata.normalize("NFKC", text).casefold()
    # Case folding can bring back what NFKC would compose.
    normalised = unicodedata.normalize("NFKC", normalised)
    data = " ".join(normalised.split()).encode("utf-8")
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()


def _scalar(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (bool, int)):
        return str(int(value))
    if isinstance(value, (float, decimal.Decimal)):
        if not math.isfinite(value):
            return None if math.isnan(value) else str(value)
        return str(int(value)) if value == int(value) else str(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    raise BadValueError(f"the value is a {type(value).__name__}")


def iso_duration(nanoseconds: int) -> str:
    """Returns a duration as ISO 8601 writes it, in days and seconds: `P1DT0.5S`."""
    sign = "-" if nanoseconds < 0 else ""
    days, rest = divmod(abs(nanoseconds), 24 * 3600 * 10**9)
    seconds, rest = divmod(rest, 10**9)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{sign}P{days}DT{seconds}{fraction}S"
