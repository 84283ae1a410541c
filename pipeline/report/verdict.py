"""What became of a model, and why: the first lines of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline.evaluation.facts import Change, Evaluation, Threshold
from pipeline.evaluation.measures import CALIBRATION_ERROR
from pipeline.report.views import between, has_several_labels
from pipeline.runs.evaluation_text import MEASURE_NAMES, measure_value
from pipeline.runs.summary import RunSummary

_WITHDRAWN = "the model was withdrawn by a rollback"
_WHICH_SPANS = ("data.span", "data.window_spans", "data.done_file")
_HAIR = 0.002  # of an accuracy
_MOST_REASONS = 3  # in a sentence
_MOST_DIGITS = 4  # more than usual, where two figures would else read alike


@dataclass(frozen=True)
class Verdict:
    """What became of the model: one word for a mark, and a sentence."""

    word: str
    is_good: bool
    sentence: str


def verdict_of(summary: RunSummary) -> Verdict:
    """Returns whether the model was pushed, or why not, and how good it is."""
    evaluation, push = summary.evaluation, summary.push
    how_good = _how_good(summary)
    if push is not None and push.pushed and push.now and push.path is not None:
        number = PurePosixPath(push.path).name
        sentence = f"Pushed as version {number}. {how_good}{_why_worse(evaluation)}"
        return Verdict("pushed", True, sentence)
    if push is not None and push.pushed:
        by = "this run" if push.now else "an earlier run"
        place = f"The version that {by} pushed is no longer there."
        if push.path is not None:
            place = f"Version {PurePosixPath(push.path).name} is the same model"
            if push.instead is not None:
                other = PurePosixPath(push.instead).name
                place += f", but servers take version {other}, which is another one"
            place += "."
        return Verdict("unchanged", push.instead is None, f"{place} {how_good}")
    refused = _refusals(summary)
    if refused:
        why = "; ".join(refused[:_MOST_REASONS])
        if len(refused) > _MOST_REASONS:
            why += f"; and {len(refused) - _MOST_REASONS} more (below)"
        return Verdict("refused", False, f"Not pushed: {why}. {how_good}")
    if evaluation is None:
        return Verdict("not pushed", False, "No model was tested.")
    if push is None and evaluation.blessed:
        return Verdict("blessed", True, how_good)
    return Verdict("not pushed", False, f"Not pushed: {_WITHDRAWN}. {how_good}")


def _refusals(summary: RunSummary) -> list[str]:
    """Returns why the checks refused the model; nothing if they did not."""
    evaluation, check = summary.evaluation, summary.serving_check
    refused = list(evaluation.failures) if evaluation and not evaluation.blessed else []
    if evaluation and not (evaluation.blessed or refused):
        refused = ["the Evaluator did not bless it"]
    if check is not None and not check.blessed:
        refused += check.reasons or ["it does not serve"]
    return refused


def _is_withdrawn(summary: RunSummary) -> bool:
    # The Pusher has no other cause than the two checks and this one.
    push, evaluation = summary.push, summary.evaluation
    is_refused = evaluation is None or bool(_refusals(summary))
    return push is not None and not push.pushed and not is_refused


def _how_good(summary: RunSummary) -> str:
    evaluation = summary.evaluation
    accuracy = evaluation.metrics.get("accuracy") if evaluation else None
    if evaluation is None:
        return ""
    if accuracy is None:
        return "Its accuracy is undefined." if evaluation.rows else "No row tested it."
    right = "with all labels right" if has_several_labels(evaluation) else "right"
    are = "is" if evaluation.rows == 1 else "are"
    text = f"{accuracy:.1%} of {_rows(evaluation)} {are} {right}"
    others = []
    before = _accuracy_before(evaluation)
    if before is not None:
        chance = _chance(evaluation.change)
        others.append(f"{_compared(accuracy, before)} the last model{chance}")
    words = summary.tfidf.metrics.get("accuracy") if summary.tfidf else None
    if words is not None:
        others.append(f"{_compared(accuracy, words)} TF-IDF with logistic regression")
    text += f"{', ' if others else ''}{' and '.join(others)}"
    is_first = evaluation.baseline is None
    return f"{text}{'; there is no earlier model' if is_first else ''}."


def _rows(evaluation: Evaluation) -> str:
    return f"{evaluation.rows:,} test row{'' if evaluation.rows == 1 else 's'}"


def _why_worse(evaluation: Evaluation | None) -> str:
    """Returns why a model was pushed that is worse than the last; mostly nothing."""
    if evaluation is None or evaluation.baseline is None:
        return ""
    before, now = _accuracy_before(evaluation), evaluation.metrics.get("accuracy")
    if before is None or now is None or _difference(now, before) >= 0:
        return ""
    for bound in evaluation.thresholds:
        if bound.kind == "change" and bound.measure == "accuracy" and not bound.slice:
            most = abs(bound.bound) * 100
            plural = "" if most == 1 else "s"
            return f" A loss of {most:g} point{plural} is let pass (max_drop)."
    return " No bound says how much its accuracy may fall."


def _compared(value: float, other: float) -> str:
    change = _difference(value, other)
    if not change:
        return f"{'' if value == other else 'about '}as many as with"
    plural = "" if abs(change) == 1 else "s"
    side = "more" if change > 0 else "fewer"
    return f"{abs(change):.1f} point{plural} {side} than with"


def _difference(value: float, other: float) -> float:
    """Returns the points between two shares, as these stand in the page.

    Of less than a twentieth of a point there are none.
    """
    if not round((value - other) * 100, 1):
        return 0.0
    return round(round(value * 100, 1) - round(other * 100, 1), 1)


def _chance(change: Change | None) -> str:
    """Returns how sure a change of the accuracy is; nothing where no row changed."""
    if change is None or not (change.gained or change.lost):
        return ""
    is_sure = not change.interval[0] <= 0 <= change.interval[1]
    maybe = ": hardly chance" if is_sure else ": may be chance"
    maybe = "" if change.gained == change.lost else maybe
    return f" ({between(change.interval)} with 95% confidence{maybe})"


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
    if evaluation.invalid_predictions:
        rows = f"{evaluation.invalid_predictions:,} test rows have others"
        found.append(Condition("probabilities that are numbers", rows, False))
    return sorted(found, key=lambda each: each.is_met)


def _bounds(evaluation: Evaluation) -> Iterator[Condition]:
    for bound in evaluation.thresholds:
        name = MEASURE_NAMES[bound.measure]
        of_slice = f"{bound.slice}: " if bound.slice else ""
        if bound.kind == "change":
            better = "more" if bound.measure == CALIBRATION_ERROR else "less"
            most, found = _told_apart(_as_in_the_verdict(bound, evaluation), _points)
            asked = f"{name} at most {most} {better} than the last model's: it "
            asked += "need not be better"
            if bound.value is not None:
                side = "less" if bound.value < 0 else "more"
                found = f"{found} {side}" if round(bound.value, 9) else "the same"
        else:
            side = "at least" if bound.kind == "least" else "at most"
            most, found = _told_apart(bound, measure_value)
            asked = f"{name} {side} {most}"
        yield Condition(f"{of_slice}{asked}", found, bound.ok)


def _as_in_the_verdict(bound: Threshold, evaluation: Evaluation) -> Threshold:
    """Returns the bound of a change with the points that the verdict says, if any.

    Where it was met or missed by a hair, with the exact change.
    """
    before, now = _accuracy_before(evaluation), evaluation.metrics.get("accuracy")
    if bound.measure != "accuracy" or bound.slice or before is None or now is None:
        return bound
    change = _difference(now, before) / 100
    is_near = bound.value is None or abs(bound.value - bound.bound) < _HAIR
    return (
        bound if is_near or not change else bound.model_copy(update={"value": change})
    )


def _told_apart(
    bound: Threshold, shown: Callable[[str, float, int], str]
) -> tuple[str, str]:
    """Returns a bound and what was measured, with as many digits as tell them apart."""
    if bound.value is None:
        return shown(bound.measure, abs(bound.bound), 0), "undefined"
    # Without the digits of floating point.
    values = [round(abs(value), 9) for value in (bound.bound, bound.value)]
    asked = found = ""
    for more in (*range(_MOST_DIGITS + 1), 0):
        asked, found = (shown(bound.measure, value, more) for value in values)
        is_nothing = shown(bound.measure, 0.0, more) == found
        if (asked == found) == (values[0] == values[1]) and not (
            values[1] and is_nothing
        ):
            break
    return asked, found


def _points(measure: str, value: float, more_digits: int) -> str:
    text = measure_value(measure, value, more_digits)
    if not text.endswith("%"):
        return text
    return f"{text[:-1]} point{'' if text == '1.0%' else 's'}"


def _others(summary: RunSummary | None) -> Iterator[Condition]:
    check = summary.serving_check if summary else None
    if check is not None:
        why = "; ".join(check.reasons or []) or "no"
        found = "yes" if check.blessed else why
        asked = "the exported model loads and answers in a process of its own"
        yield Condition(asked, found, check.blessed)
    if summary is not None and _is_withdrawn(summary):
        yield Condition("no rollback took this model back", "one did", False)


def compared_rows(summary: RunSummary, earlier: Sequence[RunSummary]) -> str:
    """Returns whether the last model was trained on rows that test this one; or ""."""
    evaluation = summary.evaluation
    if evaluation is None or evaluation.metrics.get("accuracy") is None:
        return ""
    if _accuracy_before(evaluation) is None:
        return ""
    rows = f"Both models are measured on the same {_rows(evaluation)}"
    # Which of them made the last model is not known: what is said holds for each.
    tested = [run for run in earlier if run.evaluation is not None]
    ways = {_division(run) for run in [summary, *tested]}
    if not tested or (summary.push and summary.push.pushed and not summary.push.now):
        return f"{rows}."
    leaked = bool(summary.rows and summary.rows.leaked)
    leak = " Some held-out rows have a text of an earlier split, too." * leaked
    if (
        not leaked
        and summary.data.examples
        and all(run.data.examples == summary.data.examples for run in tested)
    ):
        return f"{rows}, which the last one was not trained on: the data is the same."
    if (
        not leaked
        and _is_by_text(summary, evaluation)
        and len(ways) == 1
        and all(run.options and _has_held_out_rows(run) for run in [summary, *tested])
    ):
        return (
            f"{rows}. The last one was not trained on them: the text alone decides "
            "which split it is in."
        )
    return (
        f"{rows}. The last one may have been trained on some of them, or chosen by "
        "them: which rows test a model can change with the data and the options."
        f"{leak}"
    )


def since_last(summary: RunSummary, earlier: Sequence[RunSummary]) -> str:
    """Returns what is other than in the last run that pushed a model; or ""."""
    evaluation, push = summary.evaluation, summary.push
    if evaluation is None or _accuracy_before(evaluation) is None:
        return ""
    if push is not None and push.pushed and not push.now:
        return ""  # what was measured is of the run that pushed
    pushed = [run for run in earlier if run.push is not None and run.push.now]
    if not pushed or not pushed[-1].options:
        return ""
    last = pushed[-1]
    compared = push and (push.before if push.pushed else push.instead)
    path = last.push.path if last.push else None
    # After a rollback it is another one that the model was compared with.
    if compared and path and PurePosixPath(compared).name != PurePosixPath(path).name:
        return ""
    changes = []
    if last.rows and summary.rows and last.rows.used != summary.rows.used:
        changes.append(f"{summary.rows.used:,} rows used ({last.rows.used:,} then)")
    names = {
        name
        for name in summary.options.keys() | last.options.keys()
        if summary.options.get(name) != last.options.get(name)
    }
    if names:
        changes.append(f"other options: {', '.join(sorted(names))}")
    if not changes:
        rows = "as many rows, and " if last.rows and summary.rows else ""
        changes.append(f"{rows}the same options")
    when = f" of {last.began:%Y-%m-%d %H:%M}" if last.began else ""
    return f"Since the run{when} that pushed last: {'; '.join(changes)}."


def _accuracy_before(evaluation: Evaluation) -> float | None:
    return (evaluation.baseline or {}).get("accuracy")


def _is_by_text(summary: RunSummary, evaluation: Evaluation) -> bool:
    """Whether the text of a row alone decides its split, as `stratify=False` does."""
    data = summary.data
    if data.held_out or data.split_column or data.group_column:
        return False
    return (
        summary.spans is not None
        or has_several_labels(evaluation)
        or bool(summary.options.get("train.warm_start"))
    )


def _has_held_out_rows(run: RunSummary) -> bool:
    """Whether each class has rows that are held out.

    A class that has not may have been moved to training as a whole, and later be
    divided.
    """
    if run.rows is None or not run.rows.labels:
        return False
    first, *others = run.rows.labels.values()
    return all(any(each.get(label) for each in others) for label in first)


def _division(run: RunSummary) -> str:
    """Returns the options that decide which rows are held out, and their texts."""
    options = {
        name: value
        for name, value in run.options.items()
        if name.startswith("data.") and name not in _WHICH_SPANS
    }
    return repr([sorted(options.items()), run.options.get("train.warm_start")])
