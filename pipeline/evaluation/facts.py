"""What was measured of a model, as typed facts: a part of `summary.json`.

Shares lie from 0 to 1 and have no unit. What an earlier version did not measure has its
default.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Facts(BaseModel):
    """Facts that do not change."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


Interval = tuple[float, float]
"""Between which values a share lies with 95 % confidence (Wilson's interval)."""


class ClassMeasures(Facts):
    """The measures of one class; None where one is undefined; `support` in rows.

    Attributes:
        precision_interval, recall_interval: How sure these are; None: undefined.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    precision_interval: Interval | None = None
    recall_interval: Interval | None = None


class LengthMeasures(Facts):
    """The measures of a third of the test rows, by length of text.

    Attributes:
        coverage: None: undefined, or `evaluation.precision` was not set.
    """

    accuracy: float | None
    auc: float | None
    macro_f1: float | None
    calibration_error: float | None = None
    coverage: float | None = None
    rows: int


class SliceMeasures(LengthMeasures):
    """The same of test rows with a value of a kept column; `name`: `column=value`."""

    name: str


class Threshold(Facts):
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


class WordWeight(Facts):
    """How much a token speaks for what was predicted, below 0 against it.

    Attributes:
        weight: What it adds to the logit of the predicted class, against the mean of
            all classes; in nats.
    """

    token: str
    weight: float


class WrongRow(Facts):
    """A test row that the model got wrong.

    Attributes:
        text: At most its first 1,000 characters.
        labels: Those it has; one, unless rows may have several.
        predicted: Those it was given.
        probability: Of the decision that is most surely wrong: what it was given most
            confidently, or, where a row may have several labels, lacks so.
        label_probability: That its (first) label got; None: the model does not know it.
        source, position: File and row, as in `records.Record`; None: not known, as an
            earlier version made the examples.
        words: What decided, in the order of the text; empty: not asked for.
    """

    text: str
    labels: list[str]
    predicted: list[str]
    probability: float
    label_probability: float | None = None
    source: str | None = None
    position: int | None = None
    words: list[WordWeight] = []


class Confused(Facts):
    """Test rows of one label that were given another.

    The label may be one that the model does not know.
    """

    label: str
    predicted: str
    rows: int


class Bin(Facts):
    """Test rows whose confidence lies from `low` up to, and without, `high`.

    Where a row may have several labels, each decision counts as a row, and its
    confidence is the probability of the label.

    Attributes:
        confidence: Mean of what the predicted class got; None: no row.
        accuracy: Share of them that are right; None: no row.
    """

    low: float
    high: float
    rows: int
    confidence: float | None
    accuracy: float | None


class Curves(Facts):
    """One class against the rest, from the strictest threshold to the mildest.

    Attributes:
        name: The class.
        roc: False and true positive rate, at most 100 points.
        precision_recall: Recall and precision, at most 100 points.
    """

    name: str
    roc: list[tuple[float, float]]
    precision_recall: list[tuple[float, float]]


class Certain(Facts):
    """What the model answers if it may also say that it is unsure.

    Attributes:
        precision: What was asked for (`evaluation.precision`).
        threshold: Probability from which on it answers, found on eval; above 1: never.
        coverage: Share of the test rows that it answers; None: no test row.
        accuracy: Share of these that are right; None: it answers none.
    """

    precision: float
    threshold: float
    coverage: float | None
    accuracy: float | None


class Change(Facts):
    """The answers to the test rows beside those of the last model.

    Attributes:
        gained, lost: Rows that only this model, or only the last one, gets right.
        both, neither: Rows that both get right, or none of them.
        interval: Between which values the change of the accuracy lies with 95 %
            confidence, were there other test rows; both below 0: it fell.
    """

    gained: int
    lost: int
    both: int
    neither: int
    interval: Interval


class Evaluation(Facts):
    """What the Evaluator measured on the test split, and whether it blessed the model.

    Attributes:
        metrics: Measure -> value over all rows; None: undefined.
        baseline: The same of the last blessed model; None: there was none.
        change: None: there was no last one, or an earlier version measured.
        rows: Test rows, of which `unknown_labels` have a label that was not trained
            on, and `invalid_predictions` have probabilities that are not numbers.
        by_length: `short`, `medium`, `long` -> measures.
        slices: Measures of the values of columns that are kept.
        accuracy_interval: How sure the accuracy is; None: undefined.
        confused: Pairs of label and prediction, the most frequent first, at most 400;
            empty where a row may have several labels.
        bins: Confidence beside accuracy, 15 bins; empty: not measured.
        curves: Of each class, at most 20: those with the most rows.
        wrong: The rows that the model got wrong with most confidence, at most 50.
        certain: None: `evaluation.precision` was not set.
        ok: Whether all thresholds were met; None: there were none.
        failures: A line for each threshold that was missed.
        notes: Lines on what makes the figures less than they seem.
    """

    metrics: dict[str, float | None]
    baseline: dict[str, float | None] | None
    change: Change | None = None
    rows: int
    unknown_labels: int = 0
    invalid_predictions: int = 0
    classes: list[ClassMeasures]
    by_length: dict[str, LengthMeasures]
    slices: list[SliceMeasures] = []
    accuracy_interval: Interval | None = None
    confused: list[Confused] = []
    bins: list[Bin] = []
    curves: list[Curves] = []
    wrong: list[WrongRow] = []
    certain: Certain | None = None
    ok: bool | None
    thresholds: list[Threshold]
    failures: list[str]
    notes: list[str]
    blessed: bool
