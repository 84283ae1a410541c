"""How files are to be read."""

from __future__ import annotations

import codecs
import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args

from components.text_example_gen.examples import FEATURES

Format = Literal[
    "auto", "csv", "tsv", "jsonl", "json", "parquet", "fasttext", "trec", "folder"
]
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
        text_column: Column with the text, or several of them, whose texts
            `values.join_texts` joins in this order.
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
        label_separator: What stands between the labels of a row, in CSV say; with it
            a row may have several.
        multi_label: Whether a row may have several labels, as a list in JSON Lines or
            Parquet.
        other_columns: Other columns that a file must have; they are kept. Of columns
            with one name they are those that `records.distinct_names` calls so.
        most_chars: About where reading ends, for a look at the beginning of text files
            (but JSON documents); an empty line counts as 32; None: at their end.

    Raises:
        ValueError: An option is out of its range, or two contradict each other.
    """

    format: str = "auto"
    text_column: str | tuple[str, ...] = "text"
    label_column: str | None = "label"
    key_column: str | None = None
    columns: tuple[str, ...] | None = None
    header: bool | None = None
    encoding: str | None = None
    delimiter: str | None = None
    label_separator: str | None = None
    multi_label: bool = False
    quoting: str = "auto"
    escape_character: str | None = None
    keep_all: bool = False
    other_columns: tuple[str, ...] = ()
    most_chars: int | None = None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(
                f"`format` must be one of {', '.join(FORMATS)}. "
                f"Received: {self.format!r}"
            )
        self._check_text_columns()
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
        if self.label_separator == "":
            raise ValueError("`label_separator` must not be empty. Received: ''")
        for name in (*self.required, *(self.columns or ())):
            if replace_surrogates(name) != name:
                raise ValueError(
                    "names of columns must be UTF-8. "
                    f"Received: {replace_surrogates(name)!r}"
                )
        self._check_columns()

    def _check_text_columns(self) -> None:
        names = self.text_columns
        # One is the same whether it stands in a list or alone.
        object.__setattr__(self, "text_column", names[0] if len(names) == 1 else names)
        if not names or not all(names):
            raise ValueError(
                f"`text_column` must not be empty. Received: {self.text_column!r}"
            )
        if len(set(names)) != len(names):
            raise ValueError(
                f"`text_column` must not repeat a name. Received: {names!r}"
            )
        if self.label_column in names:
            raise ValueError(
                "`text_column` and `label_column` must differ. "
                f"Received: {self.label_column!r} for both"
            )
        if self.format == "folder" and len(names) > 1:
            raise ValueError(
                "`text_column` must be one column with format `folder`, where a file "
                f"is one text. Received: {names!r}"
            )

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
    def text_columns(self) -> tuple[str, ...]:
        """The columns with the text: one, or several in the order of joining."""
        names = self.text_column
        return (names,) if isinstance(names, str) else tuple(names)

    @property
    def has_several_labels(self) -> bool:
        """Whether a row may have several labels."""
        return self.multi_label or self.label_separator is not None

    @property
    def unique(self) -> tuple[str, ...]:
        """The columns of which a file has exactly one each: texts, label and key."""
        names = (*self.text_columns, self.label_column, self.key_column)
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
        # A list of text columns becomes a tuple as the options are made.
        return cls(**{**older, **tuples})


def text_encoding(name: str) -> str:
    """Returns Python's name of an encoding; Latin-1 is cp1252.

    Raises:
        ValueError: Python has no such encoding of text.
    """
    try:
        found = codecs.lookup(name)
    except (LookupError, UnicodeError):
        found = None
    if found is None or not found._is_text_encoding or found.name in _NO_FILE_HAS:
        raise ValueError(
            "`encoding` must name an encoding, such as utf-8, cp1252 or utf-16. "
            f"Received: {replace_surrogates(name)!r}"
        )
    if found.name == "utf-8-sig":
        return "utf-8"
    return "cp1252" if found.name in _LATIN_1 else found.name


def replace_surrogates(text: str) -> str:
    """Returns a text with `?` for what stands for bytes that are not UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _check_character(name: str, value: str | None) -> None:
    if value is not None and (len(value) != 1 or value in '"\r\n'):
        raise ValueError(
            f"`{name}` must be one character, not a quote or a line end. "
            f"Received: {value!r}"
        )


@dataclasses.dataclass(frozen=True)
class RowColumns:
    """Columns beside text and label that rows may have.

    Args:
        split: Column that says which rows are held out; None: there is none.
        group: Column of which equal values share a split; None: equal texts do.
        keep: Columns that the examples get as well.
    """

    split: str | None = None
    group: str | None = None
    keep: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """All of them, each once."""
        names = (self.split, self.group, *self.keep)
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def check(self, options: ReadOptions) -> None:
        """Refuses columns that would say two things at once.

        Raises:
            ValueError: The text or the label decides the split, or a column that is
                kept would take the name of another feature.
        """
        for name in (self.split, self.group):
            if name is not None and name in options.unique:
                raise ValueError(
                    "`split_column` and `group_column` must be other columns than text "
                    f"and label. Received: {name!r}"
                )
        taken = {*options.unique, *FEATURES}
        for name in self.keep:
            if not name or name in taken:
                raise ValueError(
                    "`keep_columns` must name other columns than text and label, once "
                    f"each, and none of the features {', '.join(FEATURES)}. "
                    f"Received: {name!r}"
                )
            if "=" in name:
                raise ValueError(
                    "`keep_columns` must name columns without `=`, which parts column "
                    f"and value in the name of a slice. Received: {name!r}"
                )
            taken.add(name)

    def of_held_out(self) -> RowColumns:
        """Returns those that files of rows which are held out need."""
        return RowColumns(keep=self.keep)

    def added_to(self, options: ReadOptions) -> ReadOptions:
        """Returns the options with which a file must have these columns, too."""
        names = [name for name in self.all if name not in options.unique]
        return dataclasses.replace(options, other_columns=tuple(names))
