"""What came of a run, as typed facts: what `summary.json` in an output holds.

A part that does not apply, or whose artifact does not exist, is None. Seconds are wall
time; shares lie from 0 to 1 and have no unit. `RunSummary.model_validate_json` reads a
file of this version or of an earlier one: what those lacked has its default.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True)


class Data(_Facts):
    """Which files were read; `source` is the line with which `make data` names them.

    Attributes:
        layouts: How they are written, as it was found out -> files.
        held_out: Split -> its files, where they are files of their own.
        split_column, group_column: What else says which rows are held out, or None.
    """

    pattern: str
    source: str | None = None
    held_out: dict[str, str] = {}
    split_column: str | None = None
    group_column: str | None = None
    layouts: dict[str, int] = {}


class Spans(_Facts):
    """The span that was read, and the window that it was trained with.

    Attributes:
        newest: Name of the span that was read.
        window: Name of each span of the window -> rows used of it.
        unread: Spans that would lie in the window, if a run had read them.
    """

    newest: str
    window: dict[str, int | None]
    unread: list[str] = []


class Rows(_Facts):
    """What became of the rows: `read` = `used` + `rejected`.

    Attributes:
        reasons: Reason of rejection -> rows.
        duplicates: Of the used ones, how many repeat a text.
        replaced_utf8: Of the used ones, how many have U+FFFD for what is not decoded.
        rejected_folder: Where the rejected ones lie, if there are any.
        labels: Split -> label -> rows.
        cleaned: What was done to labels -> rows.
        cleaned_labels: Label -> how else it was written -> rows.
        left_out_files: Those that were not read, as their names are not those of data.
        given: Held-out split -> rows with text and label that came with it.
        leaked: Of the used ones, how many are held out with a text of an earlier split.
        notes: Lines on classes that are rare or too small to be tested well.
    """

    read: int
    used: int
    rejected: int
    reasons: dict[str, int]
    duplicates: int
    replaced_utf8: int = 0
    rejected_folder: str | None
    labels: dict[str, dict[str, int]]
    cleaned: dict[str, int] = {}
    cleaned_labels: dict[str, dict[str, int]] = {}
    left_out_files: list[str] = []
    given: dict[str, int] = {}
    leaked: int = 0
    notes: list[str] = []


class Distance(_Facts):
    """How far a span lies from those before it; None: not measured, or no bound.

    Attributes:
        measure: How it is measured, such as `L_INFTY`.
        newest: What was measured of the newest span, where that is a number.
        before: The same of the spans before it.
    """

    measure: str | None = None
    value: float | None
    threshold: float | None
    newest: float | None = None
    before: float | None = None


class Drift(_Facts):
    """The spans that the newest was compared with, and the distances by name."""

    before: list[str]
    distances: dict[str, Distance]


class Anomaly(_Facts):
    """One thing in which the data does not fit its schema, and was let pass.

    Attributes:
        split, feature: Where.
        kind, type, severity: See `components.anomaly_gate.anomalies.Anomaly`.
        short, description: In a few words, and with the values seen.
    """

    split: str
    feature: str
    kind: str | None = None
    type: str | None = None
    severity: str | None = None
    short: str
    description: str | None = None


class Anomalies(_Facts):
    """What the AnomalyGate said."""

    verdict: str
    found: list[Anomaly]


class Epoch(_Facts):
    """One epoch of the training; the losses are cross entropies in nats."""

    epoch: int
    steps: int | None = None
    train_loss: float
    train_accuracy: float | None = None
    eval_loss: float
    eval_accuracy: float
    seconds: float


class WarmStart(_Facts):
    """What a training began from.

    Attributes:
        model: Folder of the model whose weights it began with, or None.
        reason: Why it began fresh, or None.
        new_classes: Classes that the earlier model did not know.
    """

    model: str | None = Field(alias="from")
    reason: str | None
    new_classes: list[str] = []


class EmbeddingCache(_Facts):
    """How the vectors of the texts were kept between the epochs."""

    bytes: int
    bound_bytes: int
    examples: int
    cached_examples: int
    encode_seconds: float | None = None
    tokens_per_second: float | None = None
    reused: bool | None = None
    first_epoch_seconds: float
    later_epoch_seconds: float | None


class Training(_Facts):
    """The Trainer's `history.json`; see `pipeline.training.history`."""

    epochs: list[Epoch]
    best_epoch: int
    steps: int
    ended_by: str
    stopped_early: bool
    resumed_after: int
    warm_start: WarmStart | None
    embedding_cache: EmbeddingCache | None = None
    class_counts: dict[str, int] = {}
    class_weights: dict[str, float] | None = None
    thresholds: dict[str, float] | None = None


class ClassMeasures(_Facts):
    """The measures of one class; None where one is undefined; `support` in rows."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


class LengthMeasures(_Facts):
    """The measures of a third of the test rows, by length of text."""

    accuracy: float | None
    auc: float | None
    macro_f1: float | None
    calibration_error: float | None = None
    rows: int


class SliceMeasures(LengthMeasures):
    """The same of test rows with a value of a kept column; `name`: `column=value`."""

    name: str


class Threshold(_Facts):
    """A bound that the model had to reach.

    Attributes:
        slice: Name of the slice whose test rows it judges; "": all of them.
        measure: Such as `accuracy`.
        kind: `least` and `most` bound the value, `change` what it may lose against
            the last blessed model.
        value: What was measured; None: undefined.
    """

    slice: str = ""
    measure: str
    kind: Literal["least", "most", "change"]
    bound: float
    value: float | None
    ok: bool


class Evaluation(_Facts):
    """What the Evaluator measured on the test split, and whether it blessed the model.

    Attributes:
        metrics: Measure -> value over all rows; None: undefined.
        baseline: The same of the last blessed model; None: there was none.
        rows: Test rows, of which `unknown_labels` have a label that was not trained
            on, and `invalid_predictions` have probabilities that are not numbers.
        by_length: `short`, `medium`, `long` -> measures.
        slices: Measures of the values of columns that are kept.
        ok: Whether all thresholds were met; None: there were none.
        failures: A line for each threshold that was missed.
        notes: Lines on what makes the figures less than they seem.
    """

    metrics: dict[str, float | None]
    baseline: dict[str, float | None] | None
    rows: int
    unknown_labels: int = 0
    invalid_predictions: int = 0
    classes: list[ClassMeasures]
    by_length: dict[str, LengthMeasures]
    slices: list[SliceMeasures] = []
    ok: bool | None
    thresholds: list[Threshold]
    failures: list[str]
    notes: list[str]
    blessed: bool


class Baseline(_Facts):
    """What TF-IDF with logistic regression reaches on the same splits."""

    metrics: dict[str, float | None]
    notes: list[str]
    seconds: float


class ServingCheck(_Facts):
    """Whether the exported model serves alone; see `components.serving_check`."""

    blessed: bool
    reasons: list[str] | None = None
    facts: dict[str, Any] | None = None


class Push(_Facts):
    """Whether the model was pushed, by this run (`now`); `path`: if still there."""

    pushed: bool
    path: str | None
    now: bool


class NodeTime(_Facts):
    """One node: `state` is `done`, or `unchanged` if an earlier run had done it."""

    node: str
    state: str
    seconds: float


class RunSummary(_Facts):
    """What came of a run; nodes taken from TFX's cache count like those that ran.

    Attributes:
        output: Folder that the run wrote into.
        log: Its log; None: each node has one of its own.
        score_command: What to type to score a text; None: no model is served.
    """

    output: str
    log: str | None
    data: Data
    spans: Spans | None
    rows: Rows | None
    drift: Drift | None
    anomalies: Anomalies | None
    training: Training | None
    evaluation: Evaluation | None
    tfidf: Baseline | None
    serving_check: ServingCheck | None
    push: Push | None
    nodes: list[NodeTime]
    score_command: str | None = None

    def to_json(self) -> str:
        """Returns the text of `summary.json`."""
        return self.model_dump_json(indent=2, by_alias=True) + "\n"
