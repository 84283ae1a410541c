"""The sections of the configuration that say what data and models must pass."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config_sections import Fraction, Section

MetricName = Literal["accuracy", "auc", "macro_f1", "calibration_error"]
StopOrWarn = Literal["stop", "warn"]


class EvaluationConfig(Section):
    """What a model must reach on the test split to be pushed."""

    thresholds: dict[MetricName, Fraction] = Field(
        {"auc": 0.6},
        validate_default=True,
        description="Least value of each metric, most for calibration_error; no unit.",
    )
    max_drop: dict[MetricName, Fraction] = Field(
        {"accuracy": 0.01},
        validate_default=True,
        description="Most that a metric may lose against the last blessed model.",
    )


class PushConfig(Section):
    """What becomes of pushed models."""

    keep_versions: int | None = Field(
        None, ge=1, description="Newest versions that stay; none: all of them."
    )


class GateConfig(Section):
    """What happens when the data looks wrong."""

    on_schema_anomaly: StopOrWarn = Field(
        "stop", description="When the data does not fit the schema."
    )
    on_drift: StopOrWarn = Field(
        "warn",
        description="When the newest span lies too far from the window before it.",
    )


class DriftConfig(Section):
    """How far a span may lie from the window of spans before it.

    Each is the distance of two distributions and has no unit: 0, the same; 1, nothing
    in common.
    """

    label: Fraction = Field(
        0.1, description="Of the labels: most that the share of one may change."
    )
    length: Fraction = Field(
        0.1, description="Of the texts' lengths in tokens: Jensen-Shannon divergence."
    )
    unknown_words: Fraction = Field(
        0.1,
        description="Of the words that the window has not: most that their share may "
        "change.",
    )
