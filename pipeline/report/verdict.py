"""What became of a model, and why: the first lines of the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline.evaluation.facts import Change, Evaluation, Threshold
from pipeline.evaluation.measures import CALIBRATION_ERROR
from pipeline.report.views import has_several_labels, points
from pipeline.runs.evaluation_text import MEASURE_NAMES, measure_value
from pipeline.runs.summary import RunSummary


@dataclass(frozen=True)
class Verdict:
    """What became of the model: one word for a mark, and a sentence."""

    word: str
    is_good: bool
    sentence: str


def verdict_of(summary: RunSummary) -> Verdict:
    """Returns whether the model was pushed, or why not, and how good it is."""
    evaluation = summary.evaluation
    refused = list(evaluation.failures) if evaluation and not evaluation.blessed else []
    check = summary.serving_check
    if check is not None and not check.blessed:
        refused += check.reasons or ["it does not serve"]
    how_good = _how_good(summary)
    push = summary.push
    if push is not None and push.pushed and push.now and push.path is not None:
        number = PurePosixPath(push.path).name
        sentence = f"Pushed as version {number}. {how_good}{_why_worse(evaluation)}"
        return Verdict("pushed", True, sentence)
    if push is not None and push.pushed:
        place = (
            "The version that an earlier run pushed is no longer there."
            if push.path is None
            else f"Version {PurePosixPath(push.path).name} is the same model."
        )
        return Verdict("unchanged", True, f"{place} {how_good}")
    if refused:
        why = "; ".join(refused)
        return Verdict("refused", False, f"Not pushed: {why}. {how_good}")
    if evaluation is None:
        return Verdict("not pushed", False, "No model was tested.")
    if push is None and evaluation.blessed:
        return Verdict("blessed", True, how_good)
    # The Pusher has no other cause than the two checks and this one.
    why = "the model was withdrawn by a rollback"
    return Verdict("not pushed", False, f"Not pushed: {why}. {how_good}")


def _how_good(summary: RunSummary) -> str:
    evaluation = summary.evaluation
    accuracy = evaluation.metrics.get("accuracy") if evaluation else None
    if evaluation is None or accuracy is None:
        return ""
    right = "with all labels right" if has_several_labels(evaluation) else "right"
    text = f"{accuracy:.1%} of {evaluation.rows:,} test rows are {right}"
    others = []
    before = (evaluation.baseline or {}).get("accuracy")
    if before is not None:
        chance = _chance(evaluation.change)
        others.append(f"{_compared(accuracy, before)} the last model{chance}")
    words = summary.tfidf.metrics.get("accuracy") if summary.tfidf else None
    if words is not None:
        others.append(f"{_compared(accuracy, words)} TF-IDF with logistic regression")
    text += f"{', ' if others else ''}{' and '.join(others)}"
    is_first = evaluation.baseline is None
    return f"{text}{'; there is no earlier model' if is_first else ''}."


def _why_worse(evaluation: Evaluation | None) -> str:
    """Returns why a model was pushed that is worse than the last; mostly nothing."""
    if evaluation is None or evaluation.baseline is None:
        return ""
    before, now = (
        each.get("accuracy") for each in (evaluation.baseline, evaluation.metrics)
    )
    if before is None or now is None or now >= before:
        return ""
    for bound in evaluation.thresholds:
        if bound.kind == "change" and bound.measure == "accuracy" and not bound.slice:
            most = abs(bound.bound) * 100
            plural = "" if most == 1 else "s"
            return f" A loss of {most:g} point{plural} is let pass (max_drop)."
    return " No bound says how much worse than the last model it may be."


def _compared(value: float, other: float) -> str:
    # Of what stands in the page, so that the difference is that of its figures.
    change = round(round(value * 100, 1) - round(other * 100, 1), 1)
    if not change:
        return "as many as with"
    plural = "" if abs(change) == 1 else "s"
    side = "more" if change > 0 else "fewer"
    return f"{abs(change):.1f} point{plural} {side} than with"


def _chance(change: Change | None) -> str:
    """Returns how sure a change of the accuracy is."""
    if change is None:
        return ""
    low, high = map(points, change.interval)
    maybe = ": may be chance" if change.interval[0] <= 0 <= change.interval[1] else ""
    return f" ({low} to {high} with 95% confidence{maybe})"


@dataclass(frozen=True)
class Condition:
    """One thing that a model had to fulfil.

    Attributes:
        asked, found: What, and what was seen, in words.
        is_met: Whether it did.
    """

    asked: str
    found: str
    is_met: bool


def conditions(summary: RunSummary | None, evaluation: Evaluation) -> list[Condition]:
    """Returns what decided whether the model is pushed, what was missed first."""
    found = [*_bounds(evaluation), *_others(summary)]
    return sorted(found, key=lambda each: each.is_met)


def _bounds(evaluation: Evaluation) -> Iterator[Condition]:
    for bound in evaluation.thresholds:
        name = MEASURE_NAMES[bound.measure]
        of_slice = f"{bound.slice}: " if bound.slice else ""
        if bound.kind == "change":
            better = "more" if bound.measure == CALIBRATION_ERROR else "less"
            most = _points(bound, abs(bound.bound))
            asked = f"{name} at most {most} {better} than the last model's: it "
            asked += "need not be better"
            found = "undefined"
            if bound.value is not None:
                side = "less" if bound.value < 0 else "more"
                found = f"{_points(bound, abs(bound.value))} {side}"
        else:
            side = "at least" if bound.kind == "least" else "at most"
            asked = f"{name} {side} {measure_value(bound.measure, bound.bound)}"
            found = "undefined"
            if bound.value is not None:
                found = measure_value(bound.measure, bound.value)
        yield Condition(f"{of_slice}{asked}", found, bound.ok)


def _points(bound: Threshold, value: float) -> str:
    shown = measure_value(bound.measure, value)
    if not shown.endswith("%"):
        return shown
    return f"{shown[:-1]} point{'' if shown == '1.0%' else 's'}"


def _others(summary: RunSummary | None) -> Iterator[Condition]:
    check = summary.serving_check if summary else None
    if check is not None:
        why = "; ".join(check.reasons or []) or "no"
        found = "yes" if check.blessed else why
        asked = "the exported model loads and answers in a process of its own"
        yield Condition(asked, found, check.blessed)


def compared_rows(summary: RunSummary, earlier: Sequence[RunSummary]) -> str:
    """Returns whether the last model was trained on rows that test this one; or ""."""
    if summary.evaluation is None or summary.evaluation.baseline is None:
        return ""
    rows = f"Both models are measured on the same {summary.evaluation.rows:,} test rows"
    ways = {_division(run) for run in [summary, *earlier]}
    data = summary.data
    by_content = not (data.held_out or data.split_column or data.group_column)
    if not by_content or len(ways) > 1 or not earlier:
        return f"{rows}."
    return (
        f"{rows}. The last one was not trained on them: a text is in the same split "
        "in each run."
    )


def since_last(summary: RunSummary, earlier: Sequence[RunSummary]) -> str:
    """Returns what is other than in the last run that pushed a model; or ""."""
    if summary.evaluation is None or summary.evaluation.baseline is None:
        return ""
    pushed = [run for run in earlier if run.push is not None and run.push.pushed]
    if not pushed or not pushed[-1].options:
        return ""
    last = pushed[-1]
    changes = []
    if last.rows and summary.rows and last.rows.used != summary.rows.used:
        changes.append(f"{summary.rows.used:,} rows used, before {last.rows.used:,}")
    names = {
        name
        for name in summary.options.keys() | last.options.keys()
        if summary.options.get(name) != last.options.get(name)
    }
    if names:
        changes.append(f"other options: {', '.join(sorted(names))}")
    if not changes:
        changes.append("as many rows, and the same options")
    when = f" of {last.began:%Y-%m-%d %H:%M}" if last.began else ""
    return f"Since the run{when} that pushed last: {'; '.join(changes)}."


def _division(run: RunSummary) -> str:
    """Returns what decides which rows are held out, as far as a run keeps that."""
    data = run.data
    options = {
        name: value for name, value in run.options.items() if name.endswith("_fraction")
    }
    return repr([data.held_out, data.split_column, data.group_column, options])
