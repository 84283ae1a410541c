"""The section `data`: where the labelled texts are, and how they are divided."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from components.text_example_gen.options import (
    Format,
    Quoting,
    ReadOptions,
    RowColumns,
)
from components.text_example_gen.spans import (
    LATEST,
    check_placeholders,
    has_spans,
    placeholder_names,
    span_number,
)
from pipeline import features
from pipeline.config.sections import MOST, ColumnName, Fraction, Section
from pipeline.features import EVAL, TEST


class DataConfig(Section):
    """Where the labelled texts are, and how they are divided."""

    pattern: str = Field(
        min_length=1,
        description="A file, a glob, or a folder with files or a folder per class.",
    )
    format: Format = Field(
        "auto", description="File format; `auto`: by the files' names and content."
    )
    text_column: ColumnName | Annotated[tuple[ColumnName, ...], Field(min_length=1)] = (
        Field(
            "text",
            description="Name of the column with the text; or several, `[title, "
            "body]`, whose texts are joined in this order.",
        )
    )
    label_column: str = Field(
        "label", min_length=1, description="Name of the column with the label."
    )
    label_separator: str | None = Field(
        None,
        min_length=1,
        description="What stands between the labels of a row, such as `;`: a row may "
        "then have several. None: a row has one, unless `data.multi_label` is set.",
    )
    multi_label: bool = Field(
        False,
        description="Whether a row may have several labels, as a list in JSON Lines or "
        "Parquet. It is so in any case if `data.label_separator` is set.",
    )
    columns: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Names of the columns of CSV and TSV files that have no header.",
    )
    header: bool | None = Field(
        None, description="Whether the first row is a header; none: it is detected."
    )
    eval_pattern: str | None = Field(
        None,
        min_length=1,
        description="Files of the eval rows (data.eval_fraction), where they are files "
        "their own; none: a fraction of the rows.",
    )
    test_pattern: str | None = Field(
        None,
        min_length=1,
        description="Files of the rows for the Evaluator, where they are files of "
        "their own; none: a fraction of the rows.",
    )
    split_column: str | None = Field(
        None,
        min_length=1,
        description="Name of a column that says train, eval or test; synonyms such as "
        "`dev` or `validation` are known.",
    )
    group_column: str | None = Field(
        None,
        min_length=1,
        description="Name of a column, such as an author: rows with the same value "
        "are in the same split.",
    )
    keep_columns: tuple[str, ...] = Field(
        (),
        description="Names of more columns; the evaluation is also done for each of "
        "their frequent values.",
    )
    encoding: str = Field(
        "auto",
        min_length=1,
        description="Encoding of the files, such as `cp1252`; `auto`: it is found for "
        "each file. A byte order mark is stronger.",
    )
    delimiter: str | None = Field(
        None,
        description="Character between the fields of CSV and TSV files, also `tab`; "
        "none: it is found for each file.",
    )
    quoting: Quoting = Field(
        "auto",
        description="`double`: fields may stand in double quotes; `none`: quotes are "
        "text; `auto`: as each file is written.",
    )
    escape_character: str | None = Field(
        None,
        description="Character before quotes that are text; none: a backslash if rows "
        "cannot be read otherwise. An empty string: there is none.",
    )
    eval_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Fraction of the rows by which the probabilities "
        "are calibrated, and training stops where train.patience says so.",
    )
    test_fraction: float = Field(
        0.1, gt=0, lt=1, description="Fraction of the rows used by the Evaluator."
    )
    max_rejected_fraction: Fraction = Field(
        0.01, description="Fraction of unusable rows above which the run stops."
    )
    max_replaced_fraction: Fraction = Field(
        0.01,
        description="Fraction of rows with characters that cannot be decoded, above "
        "which the run stops.",
    )
    corrections: str | None = Field(
        None,
        min_length=1,
        description="A table of labels that you corrected, as `elmo-tfx review` writes "
        "it.",
    )
    schema_path: str | None = Field(
        None,
        description="Your own schema (schema.pbtxt); none: inferred from the data.",
    )

    span: Annotated[int, Field(ge=0, le=MOST)] | str = Field(
        LATEST,
        description="Which span to read if the pattern has `{SPAN}`, or `{YYYY}`, "
        "`{MM}` and `{DD}`: `latest`, a number, or a day such as 2026-11-26.",
    )
    window_spans: int = Field(
        1,
        ge=1,
        le=10_000,
        description="Spans to train and test on: that one and those before it.",
    )
    done_file: str | None = Field(
        None,
        pattern="^[^/]+$",
        description="Name of a file, such as `_SUCCESS`, that is put beside the files "
        "of a span when all have arrived: `latest` skips spans without it.",
    )

    @property
    def has_several_labels(self) -> bool:
        """Whether a row may have several labels."""
        return self.multi_label or self.label_separator is not None

    @field_validator("span", mode="before")
    @classmethod
    def _read_days(cls, value: Any) -> Any:
        """YAML makes a date of a day."""
        return value.isoformat() if isinstance(value, datetime.date) else value

    @field_validator("span")
    @classmethod
    def _name_a_span(cls, value: int | str) -> int | str:
        if value != LATEST:
            span_number(value)
        return value

    @model_validator(mode="after")
    def _have_spans_where_they_are_named(self) -> DataConfig:
        check_placeholders(self.pattern)
        is_day = isinstance(self.span, str) and self.span != LATEST
        if is_day and "{SPAN" in self.pattern:
            raise ValueError(
                f"the spans of {self.pattern!r} have numbers. Received: {self.span!r}"
            )
        named = self.span != LATEST or self.window_spans > 1
        if named and not has_spans(self.pattern):
            raise ValueError(
                "span and window_spans need a pattern with {SPAN}, or {YYYY}, {MM} and "
                f"{{DD}}. Received: {self.pattern!r}"
            )
        return self

    @model_validator(mode="after")
    def _divide_in_one_way(self) -> DataConfig:
        for name in ("eval_pattern", "test_pattern"):
            pattern = getattr(self, name)
            if pattern is None:
                continue
            if self.split_column is not None:
                raise ValueError(
                    f"{name} and split_column must not both be set. "
                    f"Received: {pattern!r} and {self.split_column!r}"
                )
            check_placeholders(pattern)
            kinds = [placeholder_names(each) for each in (pattern, self.pattern)]
            if "VERSION" in kinds[0] or not kinds[0] <= kinds[1]:
                raise ValueError(
                    f"{name} must be one set of files, or have the placeholders of "
                    f"pattern for spans. Received: {pattern!r} and {self.pattern!r}"
                )
        return self

    @model_validator(mode="after")
    def _correct_rows_of_one_label(self) -> DataConfig:
        if self.corrections is not None and self.has_several_labels:
            raise ValueError(
                "corrections must not be set where a row may have several labels. "
                f"Received: {self.corrections!r}"
            )
        return self

    @model_validator(mode="after")
    def _keep_columns_of_names_that_are_free(self) -> DataConfig:
        for name in self.keep_columns:
            if name in features.TRANSFORMED:
                raise ValueError(
                    "keep_columns must not have the name of a feature. "
                    f"Received: {name!r}"
                )
        self.row_columns.check(
            ReadOptions(text_column=self.text_column, label_column=self.label_column)
        )
        return self

    @property
    def row_columns(self) -> RowColumns:
        """The columns beside text and label."""
        return RowColumns(self.split_column, self.group_column, self.keep_columns)

    @property
    def held_out(self) -> dict[str, str]:
        """The files of held-out rows, by the name of their split."""
        given = {EVAL: self.eval_pattern, TEST: self.test_pattern}
        return {name: pattern for name, pattern in given.items() if pattern is not None}

    @model_validator(mode="after")
    def _leave_rows_to_train_on(self) -> DataConfig:
        if self.eval_fraction + self.test_fraction >= 1:
            raise ValueError("eval_fraction and test_fraction must sum to less than 1")
        return self
