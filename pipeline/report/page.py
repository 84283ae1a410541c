"""Renders the facts of a run as one page of HTML that needs nothing else.

A page is a list of sections, each with a template of its own; one whose facts are
missing says why in a few words. Whatever comes from the data is made visible, cut and
escaped by the environment, not by each template: it becomes neither markup nor an
invisible character, and one value cannot fill the page.
"""

from __future__ import annotations

import functools
import json
import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from components.text_example_gen.notes import correction_notes, split_file_notes
from pipeline.evaluation.facts import Evaluation
from pipeline.report import plots, views
from pipeline.runs.evaluation_text import measure_value
from pipeline.runs.summary import RunSummary
from pipeline.runs.summary_text import spelt
from pipeline.terminal import visible

if TYPE_CHECKING:
    import jinja2

_MOST_SHOWN = 2_000  # characters of one value
_MOST_PLACES = 50  # runs or spans of a plot over time


@dataclass(frozen=True)
class Review:
    """The first rows of `review.csv`: the names of its columns, and its rows."""

    names: Sequence[str]
    rows: Sequence[Sequence[str]]


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
        _data(summary, runs),
        _training(summary),
        *_test(summary.evaluation, summary),
        _words(summary),
        _labels(summary.evaluation, review),
        _trust(summary),
        _Section("run", "The run", {"nodes": summary.nodes}),
        _next(summary),
        _history(runs),
    ]
    verdict = views.verdict(summary)
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
        [*_test(evaluation, None), _labels(evaluation, None)],
        verdict=views.Verdict(word, evaluation.blessed, f"{sentence} {lines}".strip()),
        evaluation=evaluation,
    )


def statistics_page(splits: Sequence[SplitStatistics]) -> str:
    """Returns a page of the statistics of the examples, two tables for each split."""
    return _render(
        "Statistics of the examples",
        [_Section("statistics", "Statistics", {"splits": splits})],
    )


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
                is_share=False,
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
    return "An earlier version made this model: it kept no rows that are wrong."


def _words(summary: RunSummary) -> _Section:
    words = summary.training.words if summary.training else {}
    if not words:
        why = "The strongest words of each class were not measured."
        return _Section("words", "Strongest words", missing=why)
    return _Section("words", "Strongest words", {"words": words})


def _labels(evaluation: Evaluation | None, review: Review | None) -> _Section:
    rows = views.to_relabel(evaluation.wrong) if evaluation else []
    if not rows and review is None:
        why = "No wrong row is known."
        return _Section("labels", "Labels to look at", missing=why)
    return _Section("labels", "Labels to look at", {"rows": rows, "review": review})


def _trust(summary: RunSummary) -> _Section:
    evaluation, training = summary.evaluation, summary.training
    certain = evaluation.certain if evaluation else None
    on_eval = training.certain if training else None
    temperature = training.temperature if training else None
    if certain is None and on_eval is None and temperature is None:
        why = "This model has no temperature and answers every text."
        return _Section("trust", "When to trust it", missing=why)
    facts = {"certain": certain, "on_eval": on_eval, "temperature": temperature}
    return _Section("trust", "When to trust it", facts)


def _begin(run: RunSummary) -> str:
    return f"{run.began:%Y-%m-%d %H:%M}" if run.began else run.run_id[:16]


def _next(summary: RunSummary) -> _Section:
    path = summary.push.path if summary.push else None
    facts = {
        "output": shlex.quote(summary.output),
        "run_id": shlex.quote(summary.run_id) if summary.run_id else "",
        "serving": path and shlex.quote(posixpath.dirname(path)),
    }
    return _Section("next", "What next", facts)


def _history(runs: Sequence[RunSummary]) -> _Section:
    shown = list(runs)[-_MOST_PLACES:]
    if len(shown) < 2:
        why = "This is the only run that is kept here."
        return _Section("runs", "Runs", missing=why)
    drawn = []
    for name in ("accuracy", "auc", "macro_f1"):
        points, filled = [], []
        for place, run in enumerate(shown):
            value = run.evaluation.metrics.get(name) if run.evaluation else None
            if value is not None:
                points.append((float(place), value))
                filled.append(run.push is not None and run.push.pushed)
        if len(points) > 1:
            ticks = [shown[int(points[0][0])], shown[int(points[-1][0])]]
            plot = plots.series_plot(
                f"{views.MEASURES[name]} of the runs",
                [plots.Series(points, filled=filled)],
                ticks=[_begin(run) for run in ticks],
            )
            drawn.append((name, plot))
    rows = [(run, views.verdict(run)) for run in reversed(shown)]
    has_spans = any(run.spans for run in shown)
    facts = {"rows": rows, "plots": drawn, "has_spans": has_spans}
    return _Section("runs", "Runs", facts)


def _render(title: str, sections: Sequence[_Section], **facts: Any) -> str:
    template = _environment().get_template("page.html")
    return template.render(title=title, sections=sections, **facts)


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2  # a tenth of a second, for which no --help should wait
    import markupsafe

    def shown(value: Any) -> Any:
        if isinstance(value, markupsafe.Markup) or not isinstance(value, str):
            return "–" if value is None else value
        text = visible(value[:_MOST_SHOWN])
        return f"{text}…" if len(value) > _MOST_SHOWN else text

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report"),
        autoescape=True,
        finalize=shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "share": _share,
        "measure": _measure,
        "figure": lambda value: None if value is None else f"{value:.3f}",
        "signed": lambda value: f"{value:+.2f}".replace("-", "−"),
        "count": lambda value: None if value is None else f"{value:,}",
        "bytes": _bytes,
        "seconds": _seconds,
        "cut": lambda text, most=80: text if len(text) <= most else text[:most] + "…",
        "begin": _begin,
        "option": _option,
        "spelt": spelt,
        "quoted": lambda text: re.sub("`([^`]*)`", "“\\1”", text),
        "pieces": views.pieces,
        "strongest": views.strongest,
    }
    environment.globals |= {"measures": views.MEASURES}
    return environment


def _share(value: float | None, digits: int = 1) -> str | None:
    return None if value is None else f"{value:.{digits}%}"


def _measure(value: float | None, name: str) -> str | None:
    return None if value is None else measure_value(name, value)


def _option(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _bytes(value: int) -> str:
    size, units = float(value), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:,.0f} {units[0]}" if size >= 100 else f"{size:,.3g} {units[0]}"


def _seconds(value: float) -> str:
    if value < 100:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"
