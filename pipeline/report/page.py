"""Renders the facts of a run as one page of HTML that needs nothing else.

A page is a list of sections, each with a template of its own; one whose facts are
missing says why in a few words.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.text_example_gen.notes import correction_notes, split_file_notes
from pipeline.evaluation.facts import Evaluation
from pipeline.report import plots, views
from pipeline.report.environment import begin, environment
from pipeline.report.verdict import (
    Verdict,
    compared_rows,
    conditions,
    since_last,
    verdict_of,
)
from pipeline.runs.summary import RunSummary
from pipeline.runs.training_facts import Training
from pipeline.runs.tuning_text import tuning_lines

_MODELS = {"words": "words", "vectors": "mean ELMo vectors"}  # that doubt labels
_MOST_PLACES = 50  # runs or spans of a plot over time


@dataclass(frozen=True)
class Review:
    """The first rows of `review.csv`: the names of its columns, and its rows.

    Attributes:
        error: Why it cannot be read; "": it can.
    """

    names: Sequence[str]
    rows: Sequence[Sequence[str]]
    error: str = ""


@dataclass(frozen=True)
class FeatureStatistics:
    """What TFDV knows of a feature; None: not measured.

    Attributes:
        name: Of the feature.
        values, missing: How many examples have it, and have not.
        distinct: How many different values it has.
        mean_bytes: Their mean length.
        frequent: The most frequent values -> examples that have them.
    """

    name: str
    values: int
    missing: int
    distinct: int | None
    mean_bytes: float | None
    frequent: Mapping[str, int]


@dataclass(frozen=True)
class SplitStatistics:
    """A split, how many examples it has, and their features."""

    name: str
    examples: int
    features: Sequence[FeatureStatistics]


@dataclass(frozen=True)
class _Section:
    """A part of a page; `missing` says why it has no content, if it has none."""

    id: str
    title: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    missing: str = ""


def run_page(
    summary: RunSummary,
    *,
    runs: Sequence[RunSummary] = (),
    review: Review | None = None,
) -> str:
    """Returns the page of a run.

    Args:
        summary: What came of it.
        runs: The runs of this output up to this one, oldest first, this one included.
        review: What a person may have reviewed of its labels.
    """
    sections = [
        *_why(summary.evaluation, summary, runs),
        _data(summary, runs),
        _training(summary),
        *_test(summary.evaluation, summary),
        _words(summary),
        _labels(summary, review),
        _trust(summary),
        _Section("run", "The run", {"nodes": summary.nodes}),
        _next(summary),
        _history(runs),
    ]
    verdict = verdict_of(summary)
    return _render(
        f"{verdict.word}: {summary.data.pattern}",
        sections,
        summary=summary,
        verdict=verdict,
        evaluation=summary.evaluation,
    )


def evaluation_page(evaluation: Evaluation) -> str:
    """Returns a page of what the Evaluator measured, before a run has ended."""
    word = "blessed" if evaluation.blessed else "refused"
    sentence = f"The model is {word}, on {evaluation.rows:,} test rows."
    lines = " ".join(f"{line}." for line in evaluation.failures)
    return _render(
        "Evaluation",
        [*_why(evaluation), *_test(evaluation, None)],
        verdict=Verdict(word, evaluation.blessed, f"{sentence} {lines}".strip()),
        evaluation=evaluation,
    )


def statistics_page(splits: Sequence[SplitStatistics]) -> str:
    """Returns a page of the statistics of the examples, two tables for each split."""
    return _render(
        "Statistics of the examples",
        [_Section("statistics", "Statistics", {"splits": splits})],
    )


def _why(
    evaluation: Evaluation | None,
    summary: RunSummary | None = None,
    runs: Sequence[RunSummary] = (),
) -> list[_Section]:
    if evaluation is None:
        return []
    push = summary.push if summary else None
    is_good = evaluation.blessed
    if summary is not None and push is None:
        is_good = verdict_of(summary).is_good
    elif push is not None:
        is_good = push.pushed
    title = f"Why it was {'' if is_good else 'not '}{'pushed' if push else 'blessed'}"
    facts = {
        "conditions": conditions(summary, evaluation),
        "compared": compared_rows(summary, runs[:-1]) if summary else "",
        "changes": since_last(summary, runs[:-1]) if summary else "",
        "tfidf": summary.tfidf if summary else None,
    }
    return [_Section("why", title, facts)]


def _data(summary: RunSummary, runs: Sequence[RunSummary]) -> _Section:
    if summary.rows is None:
        return _Section("data", "Data", missing="No rows were counted.")
    spans = [run for run in runs if run.drift is not None]
    facts = {
        "rows": summary.rows,
        "notes": [
            *correction_notes(summary.rows.corrections),
            *split_file_notes(summary.rows.split_files),
            *summary.rows.notes,
        ],
        "labels": views.label_shares(summary.rows.labels),
        "drift": _drift(spans) if summary.drift is not None else [],
    }
    return _Section("data", "Data", facts)


def _drift(runs: Sequence[RunSummary]) -> list[dict[str, Any]]:
    """Returns each distance of the last run, with its course over the spans."""
    of_span: dict[str, RunSummary] = {}
    for run in runs:
        of_span[run.spans.newest if run.spans else run.run_id] = run
    last = list(of_span.items())[-_MOST_PLACES:]
    if not last:
        return []
    newest = last[-1][1].drift
    shown = []
    for name, distance in (newest.distances if newest else {}).items():
        points = [
            (float(place), each.value)
            for place, (_, run) in enumerate(last)
            if run.drift is not None
            and (each := run.drift.distances.get(name)) is not None
            and each.value is not None
        ]
        plot = ""
        if len(points) > 1:
            bound = distance.threshold
            filled = [bound is not None and value > bound for _, value in points]
            plot = plots.series_plot(
                f"Drift of {name} over the spans",
                [plots.Series(points, filled=filled)],
                ticks=[last[int(points[0][0])][0], last[int(points[-1][0])][0]],
                bound=bound,
            )
        shown.append({"name": name, "distance": distance, "plot": plot})
    return shown


def _training(summary: RunSummary) -> _Section:
    training = summary.training
    if training is None or not training.epochs:
        return _Section("training", "Training", missing="No model was trained.")
    best = training.best_epoch
    facts = {
        "training": training,
        "tuning": list(tuning_lines(training.tuning)),
        "loss": plots.loss_plot(training.epochs, best),
        "accuracy": plots.accuracy_plot(training.epochs, best),
    }
    return _Section("training", "Training", facts)


def _test(evaluation: Evaluation | None, summary: RunSummary | None) -> list[_Section]:
    if evaluation is None:
        return [_Section("test", "Test", missing="No model was tested.")]
    drawn = views.drawn_curves(evaluation)
    curves = [each.curve for each in drawn]
    strokes = [each.stroke for each in drawn]
    facts = {
        "classes": views.worst_first(evaluation.classes),
        "low": views.scale_begin(evaluation.classes),
        "confusion": views.confusion(evaluation),
        "drawn": drawn,
        "roc": plots.roc_plot(curves, strokes) if curves else "",
        "precision_recall": (
            plots.precision_recall_plot(curves, strokes) if curves else ""
        ),
        "reliability": (
            plots.reliability_plot(evaluation.bins) if evaluation.bins else ""
        ),
        "tfidf": summary.tfidf if summary else None,
        "limits": views.length_limits(summary),
    }
    errors = (
        _Section("errors", "Errors", {"wrong": evaluation.wrong})
        if evaluation.wrong
        else _Section("errors", "Errors", missing=_why_no_errors(evaluation))
    )
    return [_Section("test", "Test", facts), errors]


def _why_no_errors(evaluation: Evaluation) -> str:
    if evaluation.metrics.get("accuracy") == 1:
        return "No test row is wrong."
    if not evaluation.rows:
        return "There is no test row."
    if evaluation.invalid_predictions:
        return "No other rows are wrong than those whose probabilities are no numbers."
    return "An earlier version made this model: it kept no rows that are wrong."


def _words(summary: RunSummary) -> _Section:
    words = summary.training.words if summary.training else {}
    if not words:
        why = "The strongest words of each class were not measured."
        return _Section("words", "Strongest words", missing=why)
    return _Section("words", "Strongest words", {"words": words})


def _labels(summary: RunSummary, review: Review | None) -> _Section:
    training = summary.training
    if not summary.doubted and review is None:
        why = _why_no_doubts(training)
        return _Section("labels", "Labels to look at", missing=why)
    doubts = training.doubts if training else None
    facts = {
        "rows": summary.doubted,
        "doubts": doubts,
        "why_none": "" if summary.doubted else _why_no_doubts(training),
        "classes": [doubts.classes, len(training.class_counts)]
        if training and doubts and doubts.classes is not None
        else [],
        "models": " and ".join(_MODELS[name] for name in doubts.models)
        if doubts
        else "",
        "review": review,
        "program": summary.program,
        "output": shlex.quote(summary.output),
        "review_path": shlex.quote(posixpath.join(summary.output, "review.csv")),
    }
    return _Section("labels", "Labels to look at", facts)


def _why_no_doubts(training: Training | None) -> str:
    if training is None:
        return "No model was trained."
    doubts = training.doubts
    if doubts is None:
        return "No label was doubted: rows may have several, or the run is old."
    if doubts.found:
        return (
            f"Labels are doubted ({len(doubts.found):,}), but their rows cannot be "
            "read any more."
        )
    if not doubts.texts:
        return (
            "No label could be looked at: that takes two classes of ten texts each, "
            "and words that are in several of them."
        )
    some = "" if doubts.all_texts is None else f"{doubts.texts:,} of "
    texts = doubts.texts if doubts.all_texts is None else doubts.all_texts
    return f"No label is doubted: {some}{texts:,} train and eval texts were looked at."


def _trust(summary: RunSummary) -> _Section:
    evaluation, training = summary.evaluation, summary.training
    steps = views.trust_steps(evaluation) if evaluation else []
    on_eval = training.certain if training else None
    if evaluation is None or not (steps or on_eval):
        why = "How often its probabilities are right was not measured."
        if evaluation is not None and not evaluation.rows:
            why = "There is no test row."
        return _Section("trust", "When to trust it", missing=why)
    facts = {
        # Of several labels, each decision has a probability of its own.
        "steps": [] if views.has_several_labels(evaluation) else steps,
        "error": evaluation.metrics.get("calibration_error"),
        "chance_error": views.chance_error(evaluation),
        "weakest": views.weakest(evaluation, views.length_limits(summary)),
        "certain": evaluation.certain,
        "on_eval": on_eval,
        "temperature": training.temperature if training else None,
    }
    return _Section("trust", "When to trust it", facts)


def _next(summary: RunSummary) -> _Section:
    push = summary.push
    path = push.path if push else None
    before = push.before if push else None
    instead = push.instead if push else None
    facts = {
        "program": summary.program,
        "version": path and shlex.quote(path),
        "served": instead and shlex.quote(instead),
        "missed": [
            bound
            for bound in (summary.evaluation.thresholds if summary.evaluation else [])
            if not bound.ok and bound.value is not None
        ],
        "before": before and posixpath.basename(before),
        "instead": instead and posixpath.basename(instead),
        # An earlier version did not write it.
        "knows_before": push is not None and "before" in push.model_fields_set,
        "output": shlex.quote(summary.output),
        "run_id": shlex.quote(summary.run_id) if summary.run_id else "",
        "serving": shlex.quote(posixpath.dirname(path or instead or "")),
    }
    return _Section("next", "What next", facts)


def _history(runs: Sequence[RunSummary]) -> _Section:
    shown = list(runs)[-_MOST_PLACES:]
    if len(shown) < 2:
        why = "This is the only run that is kept here."
        return _Section("runs", "Runs", missing=why)
    points = [
        plots.Measured(
            place,
            accuracy,
            run.evaluation.accuracy_interval,
            is_filled=run.push is not None and run.push.pushed,
        )
        for place, run in enumerate(shown)
        if run.evaluation
        and (accuracy := run.evaluation.metrics.get("accuracy")) is not None
    ]
    plot = ""
    if len(points) > 1:
        ends = [begin(shown[points[0].place]), begin(shown[points[-1].place])]
        plot = plots.measured_plot("Accuracy of the runs", points, ticks=ends)
    rows = [(run, verdict_of(run)) for run in reversed(shown)]
    has_spans = any(run.spans for run in shown)
    facts = {"rows": rows, "plot": plot, "has_spans": has_spans}
    return _Section("runs", "Runs", facts)


def _render(title: str, sections: Sequence[_Section], **facts: Any) -> str:
    template = environment().get_template("page.html")
    return template.render(title=title, sections=sections, **facts)
