"""The sections of the configuration: what can be set, and within which bounds.

Units stand in each description. A fraction has no unit and lies between 0 and 1.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from components.text_example_gen.options import Format, Quoting
from components.text_example_gen.spans import (
    LATEST,
    check_placeholders,
    has_spans,
    span_number,
)

Fraction = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of the configuration: unknown names are refused, values cannot change."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
    )


class DataConfig(Section):
    """Where the labelled texts are, and how they are divided."""

    pattern: str = Field(
        min_length=1,
        description="A file, a glob of files, or a folder with one folder per class.",
    )
    format: Format = Field(
        "auto", description="File format; `auto`: by the files' names."
    )
    text_column: str = Field(
        "text", min_length=1, description="Name of the column with the text."
    )
    label_column: str = Field(
        "label", min_length=1, description="Name of the column with the label."
    )
    columns: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Names of the columns of CSV and TSV files that have no header.",
    )
    header: bool | None = Field(
        None, description="Whether the first row is a header; none: it is detected."
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
        description="Fraction of the rows used for early stopping.",
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
    schema_path: str | None = Field(
        None,
        description="Your own schema (schema.pbtxt); none: inferred from the data.",
    )

    span: Annotated[int, Field(ge=0)] | str = Field(
        LATEST,
        description="Which span to read if the pattern has `{SPAN}`, or `{YYYY}`, "
        "`{MM}` and `{DD}`: `latest`, a number, or a day such as 2026-11-26.",
    )
    window_spans: int = Field(
        1,
        ge=1,
        description="Spans to train and test on: that one and those before it.",
    )
    done_file: str | None = Field(
        None,
        pattern="^[^/]+$",
        description="Name of a file, such as `_SUCCESS`, that is put beside the files "
        "of a span when all have arrived: `latest` skips spans without it.",
    )

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
    def _leave_rows_to_train_on(self) -> DataConfig:
        if self.eval_fraction + self.test_fraction >= 1:
            raise ValueError("eval_fraction and test_fraction must sum to less than 1")
        return self


class TransformConfig(Section):
    """How texts become tokens."""

    max_tokens: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description="Tokens kept of a text; `auto`: a quantile of the training texts.",
    )
    max_tokens_quantile: float = Field(
        0.95, gt=0, le=1, description="The quantile that `auto` uses; no unit."
    )
    max_tokens_limit: int = Field(
        400, ge=1, description="Most tokens that `auto` keeps of a text."
    )


class ElmoConfig(Section):
    """Which ELMo computes the embeddings."""

    source: str = Field(
        "default",
        min_length=1,
        description="`default` (included), a folder, a TF Hub or Kaggle handle.",
    )
    trainable: bool = Field(
        False, description="Whether the ELMo weights themselves are fine-tuned."
    )


class ModelConfig(Section):
    """The head: it reads the embeddings and the words, and returns probabilities."""

    pooling: Literal["mean", "max", "attention", "bilstm"] = Field(
        "attention", description="How token vectors become one vector per text."
    )
    hidden_units: int = Field(
        128, ge=0, description="Width of a dense layer before the pooling; 0: none."
    )
    embedding_dropout: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="Fraction of the embeddings' values set to zero in training.",
    )
    dropout: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="Fraction of the pooled values set to zero in training.",
    )
    ngram_rows: Literal[0] | Annotated[int, Field(ge=2, le=2**24)] = Field(
        2**18,
        description="Rows of the table with a weight per class for words and pairs of "
        "words, which are found by their hash. With more than 8 classes the table has "
        "fewer rows, so that it has at most two million weights. 0: the head reads "
        "only ELMo.",
    )


class TrainConfig(Section):
    """How the model is trained."""

    epochs: int = Field(
        20, ge=1, description="Most epochs; fewer if training stops early."
    )
    batch_size: int = Field(32, ge=1, description="Examples per training step.")
    learning_rate: float = Field(
        1e-3, gt=0, description="Step size of the optimizer; no unit."
    )
    seed: int = Field(
        1, ge=0, lt=2**31, description="Seed of every random choice; no unit."
    )
    patience: int = Field(
        3, ge=1, description="Epochs without a better eval loss before training stops."
    )
    max_steps: int | None = Field(
        None, ge=1, description="Most training steps; none: as many as the epochs take."
    )
    warm_start: bool = Field(
        False,
        description="Whether to start from the weights of the last blessed model.",
    )
    class_weights: Literal["balanced", "none"] = Field(
        "balanced", description="Whether rare classes weigh more in the loss."
    )
    cache_gib: float = Field(
        4.0, ge=0, description="Limit of the embedding cache in GiB; 0: no cache."
    )


class BeamConfig(Section):
    """How Beam jobs run."""

    args: tuple[str, ...] = Field(
        (), description="Beam options such as `--runner=FlinkRunner`; later ones win."
    )


MetricName = Literal["accuracy", "auc", "macro_f1", "calibration_error"]
StopOrWarn = Literal["stop", "warn"]


class EvaluationConfig(Section):
    """What a model must reach on the test split to be pushed."""

    thresholds: dict[MetricName, Fraction] = Field(
        {"auc": 0.6},
        validate_default=True,
        description="Least value of each metric; for calibration_error, the most.",
    )
    max_drop: dict[MetricName, Fraction] = Field(
        {"accuracy": 0.01},
        validate_default=True,
        description="How much worse than the last blessed model a metric may be.",
    )


class PushConfig(Section):
    """What happens to pushed models."""

    keep_versions: int | None = Field(
        None,
        ge=1,
        description="How many of the newest versions to keep; none: all of them.",
    )


class GateConfig(Section):
    """What to do if the data looks wrong."""

    on_schema_anomaly: StopOrWarn = Field(
        "stop", description="If the data does not fit the schema."
    )
    on_drift: StopOrWarn = Field(
        "warn",
        description="If the newest span differs too much from the window before it.",
    )


class DriftConfig(Section):
    """How much a span may differ from the window of spans before it.

    Each is a distance of two distributions, without a unit: 0 is the same, 1 is nothing
    in common.
    """

    label: Fraction = Field(
        0.1, description="Of the labels: the largest change of the share of one."
    )
    length: Fraction = Field(
        0.1, description="Of the texts' lengths in tokens: Jensen-Shannon divergence."
    )
    unknown_words: Fraction = Field(
        0.1,
        description="Of words that are not in the window: the largest change of their "
        "share.",
    )
