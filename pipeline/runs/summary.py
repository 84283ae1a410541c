"""What came of a run, as typed facts: what `summary.json` in an output holds.

A part that does not apply, or whose artifact does not exist, is None. Seconds are wall
time; shares lie from 0 to 1 and have no unit. `RunSummary.model_validate_json` reads a
file of this version or of an earlier one: what those lacked has its default.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
from pathlib import Path
from typing import Any

from components.text_example_gen.corrections import CorrectionCounts
from pipeline.evaluation.facts import Evaluation, Facts
from pipeline.files import read_regular
from pipeline.runs.training_facts import Training
from pipeline.written_times import Moment, Seconds


class Data(Facts):
    """Which files were read; `source` is the line with which `make data` names them.

    Attributes:
        examples: Folders of these, the newest span's last; empty: an earlier version.
        layouts: How they are written, as it was found out -> files.
        held_out: Split -> its files, where they are files of their own.
        split_column, group_column: What else says which rows are held out, or None.
    """

    pattern: str
    source: str | None = None
    examples: list[str] = []
    held_out: dict[str, str] = {}
    split_column: str | None = None
    group_column: str | None = None
    layouts: dict[str, int] = {}


class Spans(Facts):
    """The span that was read, and the window that it was trained with.

    Attributes:
        newest: Name of the span that was read.
        window: Name of each span of the window -> rows used of it.
        unread: Spans that would lie in the window, if a run had read them.
    """

    newest: str
    window: dict[str, int | None]
    unread: list[str] = []


class RejectedRow(Facts):
    """A row, or a file (position 0), that could not be used: as in `records.Reject`.

    Attributes:
        reason: A code of `reading.reasons`.
        detail: The same for people.
        text: At most its first 300 characters.
    """

    source: str
    position: int
    reason: str
    detail: str
    text: str


class Rows(Facts):
    """What became of the rows: `read` = `used` + `rejected`.

    Attributes:
        reasons: Reason of rejection -> rows.
        duplicates: Of the used ones, how many repeat a text.
        replaced_utf8: Of the used ones, how many have U+FFFD for what is not decoded.
        rejected_folder: Where the rejected ones lie, if there are any.
        examples: The first of them, at most 3 for each reason.
        labels: Split -> label -> rows.
        cleaned: What was done to labels -> rows.
        cleaned_labels: Label -> how else it was written -> rows.
        left_out_files: Those that were not read, as their names are not those of data.
        split_files: Files that seem to be splits of the data, but were read together.
        given: Held-out split -> rows with text and label that came with it.
        leaked: Of the used ones, how many are held out with a text of an earlier split.
        corrections: What became of `data.corrections`; None: there were none.
        notes: Lines on classes that are rare or too small to be tested well.
    """

    read: int
    used: int
    rejected: int
    reasons: dict[str, int]
    duplicates: int
    replaced_utf8: int = 0
    rejected_folder: str | None
    examples: list[RejectedRow] = []
    labels: dict[str, dict[str, int]]
    cleaned: dict[str, int] = {}
    cleaned_labels: dict[str, dict[str, int]] = {}
    left_out_files: list[str] = []
    split_files: list[str] = []
    given: dict[str, int] = {}
    leaked: int = 0
    corrections: CorrectionCounts | None = None
    notes: list[str] = []


class Distance(Facts):
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


class Drift(Facts):
    """The spans that the newest was compared with, and the distances by name."""

    before: list[str]
    distances: dict[str, Distance]


class Anomaly(Facts):
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


class Anomalies(Facts):
    """What the AnomalyGate said."""

    verdict: str
    found: list[Anomaly]


class DoubtedRow(Facts):
    """The first row of a text whose label is doubted; see `LabelDoubt`.

    Attributes:
        text: At most its first 1,000 characters.
        source, position: File and row; None: an earlier version made the examples.
        split: It is in.
        rows: How many rows have this label and a text of the same tokens.
    """

    text: str
    label: str
    suggested: str
    label_probability: float
    suggested_probability: float
    source: str | None
    position: int | None
    split: str
    rows: int


class Baseline(Facts):
    """What TF-IDF with logistic regression reaches on the same splits.

    Attributes:
        lengths: Split -> words of the texts it read (at most their first 10,000
            characters): the fewest, the 5th, 50th and 95th percentile, the most.
    """

    metrics: dict[str, float | None]
    notes: list[str]
    seconds: float
    lengths: dict[str, tuple[int, ...]] = {}


class ServingCheck(Facts):
    """Whether the exported model serves alone; see `components.serving_check`."""

    blessed: bool
    reasons: list[str] | None = None
    facts: dict[str, Any] | None = None


class Push(Facts):
    """Whether the model was pushed, by this run (`now`); `path`: if still there.

    Attributes:
        instead: The version that servers take, if it is not this run's.
        before: The version with another model that a rollback serves again.
    """

    pushed: bool
    path: str | None
    now: bool
    instead: str | None = None
    before: str | None = None


class NodeTime(Facts):
    """One node: `state` is `done`, or `unchanged` if an earlier run had done it."""

    node: str
    state: str
    seconds: float


class RunSummary(Facts):
    """What came of a run; nodes taken from TFX's cache count like those that ran.

    Attributes:
        output: Folder that the run wrote into.
        log: Its log; None: each node has one of its own.
        run_id: TFX's name of the run; empty: an earlier version wrote this.
        began, ended: When, in UTC; the end is when this was gathered.
        seconds: From begin to end.
        doubted: The rows of `training.doubts`, as far as they are still there.
        length_limits: Third of the texts by length -> the fewest and most tokens it
            has; no most: it has no end. Empty: an earlier version, or no Transform.
        program: What to type for `elmo-tfx`.
        score_command: What to type to score a text; None: no model is served.
        report: The page that shows all this; None: an earlier version made none.
        model_bytes: Size of the exported model; None: not known.
        versions: Package -> version, of those that made the model.
        options: Those that differ from their defaults, by name, without passwords.
    """

    output: str
    log: str | None
    run_id: str = ""
    began: Moment | None = None
    ended: Moment | None = None
    seconds: Seconds | None = None
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
    doubted: list[DoubtedRow] = []
    length_limits: dict[str, tuple[int, int | None]] = {}
    nodes: list[NodeTime]
    program: str = "elmo-tfx"
    score_command: str | None = None
    report: str | None = None
    model_bytes: int | None = None
    versions: dict[str, str] = {}
    options: dict[str, Any] = {}

    def moved_to(self, output: str) -> RunSummary:
        """Returns the summary with the places it names, as the output is elsewhere now.

        Args:
            output: Where, as an absolute path.
        """
        if output == self.output:
            return self

        def place(path: str | None) -> str | None:
            inside = (path or "").removeprefix(self.output + "/")
            return path if inside == (path or "") else f"{output}/{inside}"

        push, rows, command = self.push, self.rows, self.score_command
        training = self.training
        if push is not None:
            names = ("path", "instead", "before")
            push = push.model_copy(update={n: place(getattr(push, n)) for n in names})
        if rows is not None:
            places: dict[str, Any] = {"rejected_folder": place(rows.rejected_folder)}
            if rows.corrections is not None:
                places["corrections"] = dataclasses.replace(
                    rows.corrections, path=place(rows.corrections.path) or ""
                )
            rows = rows.model_copy(update=places)
        if training is not None and training.warm_start is not None:
            began_with = {"model": place(training.warm_start.model)}
            warm_start = training.warm_start.model_copy(update=began_with)
            training = training.model_copy(update={"warm_start": warm_start})
        if command is not None and push is not None and push.path is not None:
            command = score_command(self.program, push.path)
        changed = {
            "output": output,
            "log": place(self.log),
            "report": place(self.report),
            "push": push,
            "rows": rows,
            "training": training,
            "score_command": command,
        }
        return self.model_copy(update=changed)

    def to_json(self) -> str:
        """Returns the text of `summary.json`."""
        return self.model_dump_json(indent=2, by_alias=True) + "\n"


def score_command(program: str, model: str) -> str:
    """Returns what to type in this folder to score a text with a model."""
    path = shlex.quote(os.path.relpath(model))
    return f'{program} score --model {path} "Type a text here."'


def is_summary(path: Path) -> bool:
    """Returns whether a file is what a run wrote about itself."""
    try:
        RunSummary.model_validate_json(read_regular(path))
    except (OSError, ValueError, RecursionError):
        return False
    return True
