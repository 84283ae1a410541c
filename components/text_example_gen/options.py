"""How files are to be read."""

from __future__ import annotations

import codecs
import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args

Format = Literal["auto", "csv", "tsv", "jsonl", "parquet", "folder"]
FORMATS = get_args(Format)
Quoting = Literal["auto", "double", "none"]
QUOTINGS = get_args(Quoting)

_LATIN_1 = ("iso8859-1", "ascii")
_NO_FILE_HAS = ("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How files are to be read; the defaults suit files that name their columns.

    Args:
        format: One of `FORMATS`; `auto` goes by the name of each file, then by its
            content; `folder`: one text per file, its folder's name is the label.
        text_column: Column with the text.
        label_column: Column with the label; None: no label is needed.
        key_column: Column with a key of the row; None: no key is needed.
        columns: Names for the columns of CSV and TSV files, in order; None: the first
            row names them.
        header: Whether the first row of CSV and TSV files is a header; None: it is
            if `columns` is None or the first row repeats `columns`.
        encoding: As Python names it; None or `auto`: it is found for each file. A byte
            order mark is stronger. Latin-1 means cp1252, which has punctuation for
            its control characters.
        delimiter: One character between fields, or `tab`; None: that of
            `, ; tab |` under which the rows agree.
        quoting: One of `QUOTINGS`. `double`: a field may stand in double quotes, and
            have doubled ones within; `none`: a quote is text; `auto`: in CSV `double`,
            between tabs as the quotes of the file tell.
        escape_character: Behind it a quote, a delimiter or itself is text; "": there is
            none; None: a backslash, if otherwise rows are at fault.
        keep_all: Whether to keep columns other than text and label.
        other_columns: Other columns that a file must have; they are kept. Of columns
            with one name they are those that `records.distinct_names` calls so.

    Raises:
        ValueError: An option is out of its range, or two contradict each other.
    """

    format: str = "auto"
    text_column: str = "text"
    label_column: str | None = "label"
    key_column: str | None = None
    columns: tuple[str, ...] | None = None
    header: bool | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quoting: str = "auto"
    escape_character: str | None = None
    keep_all: bool = False
    other_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(
                f"`format` must be one of {', '.join(FORMATS)}. "
                f"Received: {self.format!r}"
            )
        if not self.text_column:
            raise ValueError("`text_column` must not be empty. Received: ''")
        if self.text_column == self.label_column:
            raise ValueError(
                "`text_column` and `label_column` must differ. "
                f"Received: {self.text_column!r} for both"
            )
        if self.quoting not in QUOTINGS:
            raise ValueError(
                f"`quoting` must be one of {', '.join(QUOTINGS)}. "
                f"Received: {self.quoting!r}"
            )
        if self.encoding == "auto":
            object.__setattr__(self, "encoding", None)
        elif self.encoding is not None:
            object.__setattr__(self, "encoding", text_encoding(self.encoding))
        if self.delimiter in ("\\t", "tab"):
            object.__setattr__(self, "delimiter", "\t")
        _check_character("delimiter", self.delimiter)
        _check_character("escape_character", self.escape_character or None)
        if self.delimiter is not None and self.delimiter == self.escape_character:
            raise ValueError(
                "`delimiter` and `escape_character` must differ. "
                f"Received: {self.delimiter!r} for both"
            )
        self._check_columns()

    def _check_columns(self) -> None:
        if self.columns is None:
            if self.header is False:
                raise ValueError(
                    "`columns` must name the columns if `header` is False. "
                    "Received: columns=None"
                )
            return
        if isinstance(self.columns, str):
            raise ValueError(
                "`columns` must be a sequence of names. "
                f"Received: {self.columns!r}\nhint: columns=[{self.columns!r}]"
            )
        object.__setattr__(self, "columns", tuple(self.columns))
        if len(set(self.columns)) != len(self.columns):
            raise ValueError(
                f"`columns` must not repeat a name. Received: {self.columns!r}"
            )
        missing = [name for name in self.required if name not in self.columns]
        if missing:
            raise ValueError(
                f"`columns` must contain {missing[0]!r}. Received: {self.columns!r}"
            )

    @property
    def unique(self) -> tuple[str, ...]:
        """The columns of which a file has exactly one each: text, label and key."""
        names = (self.text_column, self.label_column, self.key_column)
        return tuple(dict.fromkeys(name for name in names if name is not None))

    @property
    def required(self) -> tuple[str, ...]:
        """The columns without which a file cannot be used."""
        return tuple(dict.fromkeys((*self.unique, *self.other_columns)))

    def to_dict(self) -> dict[str, Any]:
        """Returns the options as values that JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ReadOptions:
        """Reads what `to_dict` returned, also after JSON turned tuples into lists."""
        columns = values.get("columns")
        tuples = {
            "columns": None if columns is None else tuple(columns),
            "other_columns": tuple(values.get("other_columns", ())),
        }
        older = dict(values)
        quoted = older.pop("quoted", None)  # what `quoting` was called
        if quoted is not None:
            older["quoting"] = "double" if quoted else "none"
        return cls(**{**older, **tuples})


def text_encoding(name: str) -> str:
    """Returns Python's name of an encoding; Latin-1 is cp1252.

    Raises:
        ValueError: Python has no such encoding of text.
    """
    try:
        found = codecs.lookup(name)
    except LookupError:
        found = None
    if found is None or not found._is_text_encoding or found.name in _NO_FILE_HAS:
        raise ValueError(
            "`encoding` must name an encoding, such as utf-8, cp1252 or utf-16. "
            f"Received: {name!r}"
        )
    if found.name == "utf-8-sig":
        return "utf-8"
    return "cp1252" if found.name in _LATIN_1 else found.name


def _check_character(name: str, value: str | None) -> None:
    if value is not None and (len(value) != 1 or value in '"\r\n'):
        raise ValueError(
            f"`{name}` must be one character, not a quote or a line end. "
            f"Received: {value!r}"
        )
