"""Texts and labels from the values of columns, and the digest that splits texts."""

from __future__ import annotations

import base64
import datetime
import decimal
import functools
import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

# These say nothing that one sees: soft hyphen, zero-width space, marks of direction,
# word joiner, byte order mark. Transform leaves them out of texts.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
# What Transform turns into spaces: a text of these alone has no tokens.
_NO_TEXT = re.compile(r"<br\s*/?>|[\x00-\x20\x7f-\xa0]", re.IGNORECASE)
_DIGEST_BYTES = 16
MOST_CHARS_OF_NAME = 1000
"""Of a label or a column. A text may stand where a name should."""

# Stands between the texts of several columns: a full stop that is a token of its own.
JOINT = " . "
# After these the tokeniser takes a full stop that stands alone for theirs. Behind one
# that they have already, it does not.
_TITLES = re.compile(r"\b(Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Gen|Rev|Lt|Col|Capt|Sgt|vs)\.?$")


# Joiners mean something between letters that join, and between parts of an emoji. Each
# run of them is looked at once: else the time would grow with the square of its length.
_IDLE_JOINER = re.compile(
    r"(?<![\u200c\u200d])[\u200c\u200d]+(?=[\s!-~]|$)|(?:(?<=[\s!-~])|^)[\u200c\u200d]+"
)
_MOST_MARKS = 30  # of a letter, as in UAX 15's stream-safe text
_TO_SPACE = re.compile(r"[\x01-\x08\x0e-\x1f\x7f-\x9f]|[^\S\t-\r ]")
_WHOLE_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
_TRUTH_VALUE = re.compile("true|True|TRUE|false|False|FALSE")

# What may be done to a label. Outputs hold these: keep them.
INVISIBLE = "label_invisible"  # characters that one does not see are left out
WHITE_SPACE = "label_white_space"  # a run of blanks or line ends is one blank
UNICODE_FORM = "label_unicode_form"  # composed: NFC
WHOLE_NUMBER = "label_whole_number"  # 1.0 is 1
TRUTH_VALUE = "label_truth_value"  # True is true


class BadValueError(ValueError):
    """A value that cannot be a text or a label."""


class SeveralLabelsError(BadValueError):
    """There are several labels where one is expected."""


def clean_text(value: Any) -> str | None:
    """Returns the text as it stands, or None if there is nothing to read.

    A text of HTML line breaks, white space, control characters and what is invisible
    has nothing to read.

    Raises:
        BadValueError: The value is a list or an object, or has a NUL.
    """
    text = _scalar(value)
    if text is None or not _NO_TEXT.sub("", _INVISIBLE.sub("", text)).strip():
        return None
    if "\0" in text:
        raise BadValueError("the text contains a NUL character")
    return text


def text_of(columns: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """Returns the text of a row, or None if no column has anything to read.

    Of one column it is the text as it stands; of several, what `join_texts` returns.

    Args:
        columns: Values by column; one that is missing is empty.
        names: The columns with the text, in the order of joining.

    Raises:
        BadValueError: A value cannot be a text; the message names the column.
    """
    texts = []
    for name in names:
        try:
            text = clean_text(columns.get(name))
        except BadValueError as error:
            raise BadValueError(f"`{name}`: {error}") from error
        if text is not None:
            texts.append(text)
    return join_texts(texts) if texts else None


def join_texts(texts: Sequence[str]) -> str:
    """Returns texts as one, with a sentence boundary between them: `JOINT`.

    In each but the last, white space at the ends and one full stop at the end are left
    out: the tokeniser would take `plot.` before the boundary for one token.

    Args:
        texts: None of them empty; at least one.
    """
    *before, last = texts
    parts = [
        _TITLES.sub(r"\1..", text.strip()).removesuffix(".").rstrip() for text in before
    ]
    return JOINT.join([*parts, last.lstrip() if parts else last])


class Label(NamedTuple):
    """A label, how it was written, and what was done to it; white space aside."""

    name: str
    written: str
    changes: tuple[str, ...]


def clean_label(value: Any) -> str | None:
    """Returns the label as one line without outer white space; None if it is empty.

    One class has one label, however and in whichever format it is written:

    - Characters that one does not see are left out; the rest is NFC.
    - A whole number is its digits: 1, 1.0 and "1.0" become "1". Other numbers in texts
      stay as they are, such as "1.10" and "007".
    - True, "True" and "TRUE" become "true".

    Raises:
        BadValueError: The value is a list or an object, or has a NUL.
    """
    label = read_label(value)
    return None if label is None else label.name


def read_label(value: Any) -> Label | None:
    """Returns what `clean_label` does, with what was done."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    written = _scalar(value)
    if written is None:
        return None
    if "\0" in written:
        raise BadValueError("the label contains a NUL character")
    if _is_plain(written):
        return Label(written, written, ())
    changes = []
    seen = without_invisible(written)
    if seen != written:
        changes.append(INVISIBLE)
    name = " ".join(seen.split())
    if name != seen.strip():
        changes.append(WHITE_SPACE)
    composed = _normalised("NFC", name)
    if composed != name:
        changes.append(UNICODE_FORM)
    name = composed
    if number := _WHOLE_NUMBER.fullmatch(name):
        name = "0" if number[1] == "-0" else number[1]
        changes.append(WHOLE_NUMBER)
    elif _TRUTH_VALUE.fullmatch(name) and not name.islower():
        name = name.lower()
        changes.append(TRUTH_VALUE)
    return Label(name, written, tuple(changes)) if name else None


def without_invisible(name: str) -> str:
    """Returns a name without characters that show nothing; other blanks are spaces."""
    return _TO_SPACE.sub(" ", _IDLE_JOINER.sub("", _INVISIBLE.sub("", name)))


def _normalised(form: Literal["NFC", "NFKC"], text: str) -> str:
    """Returns a text in a form of Unicode, in time that is linear in its length.

    Marks are sorted, which takes time with the square of their number. So of a letter
    with more than 30 marks, each 30 are sorted by themselves.
    """
    if len(text) <= _MOST_MARKS or text.isascii():
        return unicodedata.normalize(form, text)
    cuts = [match.end() for match in _many_marks().finditer(text)]
    parts = zip([0, *cuts], [*cuts, len(text)], strict=True)
    return "".join(unicodedata.normalize(form, text[a:b]) for a, b in parts)


@functools.cache
def _many_marks() -> re.Pattern[str]:
    """Returns what finds 30 characters in a row that become marks."""
    decomposed = {
        chr(code): unicodedata.normalize("NFKD", chr(code))
        for code in range(0x80, 0x1F000)  # no mark comes after these
        if not 0xD800 <= code < 0xE000
    }
    marks = [
        char for char, parts in decomposed.items() if unicodedata.combining(parts[0])
    ]
    return re.compile(f"[{''.join(marks)}]{{{_MOST_MARKS}}}")


def _is_plain(label: str) -> bool:
    """Returns whether nothing has to be done: most labels are a word in ASCII."""
    return label.isidentifier() and label.isascii() and label[0].islower()


def clean_labels(
    value: Any, *, separator: str | None = None, several: bool = False
) -> list[str]:
    """Returns the labels of a row, each once and sorted; none if it is empty.

    Args:
        value: One label, or a list of them.
        separator: What stands between labels in a text; not within those of a list.
        several: Whether there may be more than one.

    Raises:
        SeveralLabelsError: There is more than one, and there may not be.
        BadValueError: As of `clean_label`, of any of them; or one has more than 1,000
            characters.
    """
    found = read_labels(value, separator=separator, several=several)
    return [label.name for label in found]


def read_labels(
    value: Any, *, separator: str | None = None, several: bool = False
) -> list[Label]:
    """Returns what `clean_labels` does, with what was done."""
    parts: Sequence[Any] = [value]
    if isinstance(value, (list, tuple)):
        parts = value
    elif separator is not None and isinstance(value, (str, bytes)):
        parts = (_scalar(value) or "").split(separator)
    found = {label.name: label for label in map(read_label, parts) if label is not None}
    labels = [found[name] for name in sorted(found)]
    longest = max((len(label.written) for label in labels), default=0)
    if longest > MOST_CHARS_OF_NAME:
        raise BadValueError(
            f"the label has {longest:,} characters, and a label has at most "
            f"{MOST_CHARS_OF_NAME:,}"
        )
    if len(labels) > 1 and not several:
        raise SeveralLabelsError(
            f"{len(labels)} labels, such as {labels[0].name!r} and {labels[1].name!r}"
        )
    return labels


def is_lossy(record: Mapping[str, Any], value: Any, cleaned: str) -> bool:
    """Returns whether a label or key has U+FFFD for what could not be decoded.

    Args:
        record: Of the value; it says whether any of it was replaced.
        value: As it was read; bytes are decoded here.
        cleaned: What has become of it.
    """
    parts = value if isinstance(value, (list, tuple)) else [value]
    is_replaced = record["replaced_utf8"] or any(
        isinstance(part, bytes) for part in parts
    )
    return is_replaced and "\ufffd" in cleaned


def has_replaced(record: Mapping[str, Any], text_columns: Sequence[str]) -> bool:
    """Returns whether what is not UTF-8 is, or becomes, U+FFFD in a row.

    Args:
        record: It says whether any of it was replaced.
        text_columns: Names of columns whose bytes are decoded here, if they are bytes.
    """
    values = map(record["columns"].get, text_columns)
    return record["replaced_utf8"] or not all(map(_is_decodable, values))


def _is_decodable(value: Any) -> bool:
    if isinstance(value, bytes):
        try:
            value.decode("utf-8")
        except UnicodeDecodeError:
            return False
    return True


def digest(text: str) -> bytes:
    """Returns 16 bytes that do not depend on case, white space or Unicode form.

    Invisible characters left out, NFKC, case folding, runs of white space as one space;
    then BLAKE2b.
    """
    normalised = _normalised("NFKC", _INVISIBLE.sub("", text)).casefold()
    # Case folding can bring back what NFKC would compose.
    normalised = _normalised("NFKC", normalised)
    data = " ".join(normalised.split()).encode("utf-8")
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()


def group_digest(name: str) -> bytes:
    """Returns 16 bytes that stand for a group of rows, and for no text."""
    data = name.encode("utf-8")
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES, person=b"group").digest()


def kept_value(value: Any) -> str:
    """Returns the value of a column that is kept, as one line; "" if it is missing.

    One value is written in one way, as a label is; lists and objects are JSON.
    """
    try:
        return clean_label(value) or ""
    except BadValueError:
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        text = json.dumps(value, ensure_ascii=False, default=str)
    return " ".join(text.split())


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


def to_json(value: Any) -> Any:
    """Returns the value in JSON's types, unchanged wherever JSON has its type.

    Dates, times and durations become ISO 8601, bytes base64, decimals their digits; NaN
    and infinity become None.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(each) for each in value]
    if isinstance(value, datetime.timedelta):
        # pandas has nanoseconds beside the microseconds.
        micros = value // datetime.timedelta(microseconds=1)
        return iso_duration(1000 * micros + getattr(value, "nanoseconds", 0))
    isoformat = getattr(value, "isoformat", None)
    return str(value) if isoformat is None else isoformat()


def iso_duration(nanoseconds: int) -> str:
    """Returns a duration as ISO 8601 writes it, in days and seconds: `P1DT0.5S`."""
    sign = "-" if nanoseconds < 0 else ""
    days, rest = divmod(abs(nanoseconds), 24 * 3600 * 10**9)
    seconds, rest = divmod(rest, 10**9)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{sign}P{days}DT{seconds}{fraction}S"
