"""The sections of the configuration: what can be set, and within which bounds.

Units stand in each description. A fraction has no unit and lies between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from pipeline.durations import seconds_of

_MOST_TOKENS = 2**20  # of a text
MOST = 2**31 - 1  # of a whole number that nothing else bounds: all libraries take it
Fraction = Annotated[float, Field(ge=0, le=1)]
ColumnName = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A part of the configuration: unknown names are refused, values cannot change."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _take_truth_for_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        # pydantic makes 1 of True: `epochs: yes` would be an epoch.
        kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
        if bool not in kinds and kinds & {int, float} and _has_truth_value(value):
            raise ValueError("must be a number, not a truth value")
        return value

    @field_validator("*")
    @classmethod
    def _hold_no_nul(cls, value: Any) -> Any:
        if has_nul(value):
            raise ValueError("must not hold the character NUL")
        return value


def _kinds(annotation: Any) -> set[Any]:
    """Returns the types that an annotation is made of."""
    return {annotation}.union(*map(_kinds, get_args(annotation)))


def _has_truth_value(value: Any) -> bool:
    """Whether a value, or one in a list or a table, is True or False."""
    if isinstance(value, Mapping):
        return any(map(_has_truth_value, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_truth_value, value))
    return isinstance(value, bool)


def has_nul(value: Any) -> bool:
    """Whether a text, or one in a list or a table, has the character NUL.

    The system takes it for the end of a path, so Python accepts it in none.
    """
    if isinstance(value, Mapping):
        return any(map(has_nul, (*value, *value.values())))
    if isinstance(value, list | tuple):
        return any(map(has_nul, value))
    return isinstance(value, str) and "\0" in value


class TransformConfig(Section):
    """How texts become tokens."""

    tokenizer: Literal["elmo", "whitespace", "unicode_script", "characters"] = Field(
        "elmo",
        description="What a token is: `elmo`, words and punctuation as ELMo's training "
        "text has them; `whitespace`, what stands between blanks; `unicode_script`, a "
        "run of one script; `characters`, as for Chinese, Japanese or Thai.",
    )
    max_tokens: Annotated[int, Field(ge=1, le=_MOST_TOKENS)] | Literal["auto"] = Field(
        "auto",
        description="Tokens kept of a text; `auto`: a quantile of the training texts.",
    )
    max_tokens_quantile: float = Field(
        0.95, gt=0, le=1, description="The quantile that `auto` uses; no unit."
    )
    max_tokens_limit: int = Field(
        400,
        ge=1,
        le=_MOST_TOKENS,
        description="Most tokens that `auto` keeps of a text.",
    )


class ElmoConfig(Section):
    """Which ELMo computes the embeddings."""

    source: str = Field(
        "default",
        min_length=1,
        description="`default` (included), a folder, an archive of one, the two files "
        "`OPTIONS,WEIGHTS`, or a TF Hub or Kaggle handle.",
    )
    trainable: bool = Field(
        False, description="Whether the ELMo weights themselves are fine-tuned."
    )
    learning_rate: float = Field(
        1e-4,
        gt=0,
        le=1000,
        description="Step size for ELMo's weights where they are fine-tuned; no unit. "
        "That of the head is train.learning_rate.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="In which numbers the embeddings are computed that a head is "
        "trained on; what is pushed computes in float32. `auto`: bfloat16 where it was "
        "measured to be faster on this machine.",
    )


class ModelConfig(Section):
    """The head: it reads the embeddings and the words, and returns probabilities."""

    pooling: Literal["mean", "max", "attention", "bilstm"] = Field(
        "attention", description="How token vectors become one vector per text."
    )
    hidden_units: int = Field(
        128,
        ge=0,
        le=2**16,
        description="Width of a dense layer before the pooling; 0: none.",
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
        "words that two training texts have, which are found by their hash. They are "
        "learnt by themselves; how much they count is found on texts not trained on. "
        "With more than 8 classes the table has fewer rows, so that it has at most two "
        "million weights. 0: the head reads only ELMo.",
    )
    word_vectors: bool = Field(
        True,
        description="Whether what is learnt of a word counts for words like it, by "
        "vectors of English words that were trained beforehand. That helps with few "
        "texts about topics. Only where `model.ngram_rows` is not 0.",
    )
    pretrained_branch: bool = Field(
        True,
        description="Whether a second branch of the head starts from what was learnt "
        "on reviews, which helps with few texts; with the included ELMo only.",
    )


class TrainConfig(Section):
    """How the model is trained."""

    epochs: Annotated[int, Field(ge=1, le=10**6)] | Literal["auto"] = Field(
        "auto",
        description="Passes over the training texts; the learning rate falls to nearly "
        "nothing over them. `auto`: 5, and more where there are few texts.",
    )
    batch_size: int = Field(
        32, ge=1, le=2**20, description="Examples per training step."
    )
    learning_rate: float = Field(
        3e-3,
        gt=0,
        le=1000,
        description="Step size of the optimizer at the start; no unit.",
    )
    seed: int = Field(
        1, ge=0, lt=2**31, description="Seed of every random choice; no unit."
    )
    patience: int | None = Field(
        None,
        ge=1,
        le=MOST,
        description="Epochs without a better eval loss before training stops; the one "
        "with the best is kept. None: all epochs are trained, and the last is kept.",
    )
    max_steps: int | None = Field(
        None,
        ge=1,
        le=MOST,
        description="Most training steps; none: as many as the epochs take.",
    )
    warm_start: bool = Field(
        False,
        description="Whether to start from the weights of the last blessed model.",
    )
    class_weights: Literal["balanced", "none"] = Field(
        "balanced", description="Whether rare classes weigh more in the loss."
    )
    cache_gib: float = Field(
        4.0,
        ge=0,
        le=2**20,
        description="Most GiB of the store of embeddings that an output keeps between "
        "runs; 0: none is kept.",
    )
    encode_with_beam: bool = Field(
        False,
        description="Whether ELMo encodes the training texts in a Beam job, on the "
        "runner of beam.args, and not in the Trainer. Every worker must see the output "
        "folder.",
    )
    tune: str | None = Field(
        None,
        description="For how long better options of the head are searched before the "
        "training, such as `90s`, `5m` or `1h`. None: they are as they are set.",
    )

    @field_validator("tune")
    @classmethod
    def _take_a_duration(cls, value: str | None) -> str | None:
        if value is not None:
            seconds_of(value)
        return value


class BeamConfig(Section):
    """How Beam jobs run."""

    args: tuple[str, ...] = Field(
        (), description="Beam options such as `--runner=FlinkRunner`; later ones win."
    )


MetricName = Literal["accuracy", "auc", "macro_f1", "calibration_error"]
_MetricOrCoverage = Literal[MetricName, "coverage"]
StopOrWarn = Literal["stop", "warn"]


class EvaluationConfig(Section):
    """What a model must reach on the test split to be pushed."""

    # First, as the thresholds are checked against it.
    precision: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="The model answers only where eval says that this share of its "
        "answers is right; the rest is `unsure`. None: it always answers.",
    )
    thresholds: dict[_MetricOrCoverage, Fraction] = Field(
        {"auc": 0.6},
        validate_default=True,
        description="Least value of each metric; for calibration_error, the most. "
        "`coverage` is the share of test rows that the model answers, which needs "
        "`evaluation.precision`.",
    )
    max_drop: dict[MetricName, Fraction] = Field(
        {"accuracy": 0.01},
        validate_default=True,
        description="How much worse than the last blessed model a metric may be.",
    )
    slices: dict[str, dict[_MetricOrCoverage, Fraction]] = Field(
        {},
        description="The same as `thresholds`, for the test rows that have a value in "
        "a column of data.keep_columns: `{language=de: {accuracy: 0.8}}`.",
    )

    @field_validator("thresholds", "slices")
    @classmethod
    def _judge_coverage_only_of_models_that_can_be_unsure(
        cls, value: dict[str, Any], info: ValidationInfo
    ) -> dict[str, Any]:
        of_slices = value.values() if info.field_name == "slices" else [value]
        has_coverage = any("coverage" in bounds for bounds in of_slices)
        if has_coverage and info.data.get("precision") is None:
            raise ValueError(
                "a threshold for coverage needs evaluation.precision, such as 0.95: "
                "without it the model answers every text"
            )
        return value


def slice_of(name: str, columns: Collection[str]) -> tuple[str, str] | None:
    """Returns column and value of a slice, named `column=value`; None: it has none."""
    column, equals, value = name.partition("=")
    return (column, value) if equals and column in columns else None


class PushConfig(Section):
    """What happens to pushed models."""

    keep_versions: int | None = Field(
        None,
        ge=1,
        le=MOST,
        description="How many of the newest versions to keep; none: all of them.",
    )
    webhook: bool = Field(
        False,
        description="Whether a receiver is told of each run that pushed a model, or "
        "was refused, drifted or failed. Its address stands in the environment, in "
        "`ELMO_TFX_WEBHOOK`.",
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
