"""How files are to be read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args

from components.text_example_gen.examples import FEATURES

Format = Literal["auto", "csv", "tsv", "jsonl", "parquet", "folder"]
FORMATS = get_args(Format)


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
        delimiter: One character between fields; None: a tab in TSV, and in CSV the
            first of `, ; tab |` that separates the columns.
        quoted: Whether a field may stand in double quotes; None: in CSV yes, in TSV
            if the beginning of the file is consistently quoted.
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
    delimiter: str | None = None
    quoted: bool | None = None
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
        if self.delimiter is not None and (
            len(self.delimiter) != 1 or self.delimiter in '"\r\n'
        ):
            raise ValueError(
                "`delimiter` must be one character, not a quote or a line end. "
                f"Received: {self.delimiter!r}"
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
        return cls(**{**values, **tuples})


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
            taken.add(name)

    def of_held_out(self) -> RowColumns:
        """Returns those that files of rows which are held out need."""
        return RowColumns(keep=self.keep)

    def added_to(self, options: ReadOptions) -> ReadOptions:
        """Returns the options with which a file must have these columns, too."""
        names = [name for name in self.all if name not in options.unique]
        return dataclasses.replace(options, other_columns=tuple(names))
