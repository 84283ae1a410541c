"""The results as Markdown: the table, the learning curve, the conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks import markdown
from benchmarks.classifiers.contenders import CONTENDERS, REFERENCE
from pipeline.evaluation.measures import change_interval, wilson_interval

_HEADS = (
    "Classifier",
    "Accuracy, %",
    "Difference, points",
    "Training, s",
    "Texts/s and core",
    "Size, MB",
    "Start, s",
)
# What a ratio is made of, in the order of the columns; and its form.
_FIGURES = {
    "train_seconds": "{:,.1f}",
    "texts_per_second": "{:,.0f}",
    "megabytes": "{:,.1f}",
    "start_seconds": "{:.1f}",
}


def report(results: Mapping[str, Any]) -> str:
    """Returns the whole report."""
    measured = {
        name: {**each, "megabytes": each["bytes"] / 1e6}
        for name, each in results["table"].items()
        if "missing" not in each
    }
    ours = measured.get(REFERENCE)
    rows = [
        _row(name, measured[name], ours)
        if name in measured
        else _missing(name, each, len(_HEADS))
        for name, each in results["table"].items()
    ]
    return markdown.joined(
        markdown.table(_HEADS, rows),
        _curve(results["curve"]),
        markdown.bullets(_conditions(results, measured)),
    )


def failures(results: Mapping[str, Any]) -> Iterator[str]:
    """Yields the contenders that failed, which they should not."""
    for table in (results["table"], results["curve"]):
        for name, each in table.items():
            if each.get("failed"):
                yield f"{name}: {each['missing']}"


def _row(
    name: str, each: Mapping[str, Any], ours: Mapping[str, Any] | None
) -> list[str]:
    right = each["is_right"]
    hits = right.count("1")
    low, high = wilson_interval(hits, len(right)) or (0.0, 1.0)
    title = CONTENDERS[name].title
    cells = [title, f"{100 * hits / len(right):.1f} ({100 * low:.1f}–{100 * high:.1f})"]
    if ours is None or each is ours:
        cells.append(markdown.NONE)
    else:
        cells.append(_points(right, ours["is_right"]))
    for key, form in _FIGURES.items():
        cell = form.format(each[key])
        if ours is not None and each is not ours:
            cell += f" ({_ratio(each[key] / ours[key])})"
        cells.append(cell)
    return cells


def _points(right: str, ours: str) -> str:
    """Returns the difference on the same texts, in points, with its interval."""
    pairs = list(zip(right, ours, strict=True))
    gained, lost = pairs.count(("1", "0")), pairs.count(("0", "1"))
    low, high = change_interval(gained, lost, len(pairs)) or (-1.0, 1.0)
    change = (gained - lost) / len(pairs)
    return f"{100 * change:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def _ratio(value: float) -> str:
    if value >= 10:
        return f"{value:,.0f}×"
    return f"{value:.1f}×" if value >= 1 else f"{value:.2g}×"


def _missing(name: str, each: Mapping[str, Any], columns: int) -> list[str]:
    none = [markdown.NONE] * (columns - 2)
    return [CONTENDERS[name].title, f"not measured: {each['missing']}", *none]


def _curve(curve: Mapping[str, Any]) -> str:
    # In order, each once; those that were not measured have none.
    sizes = list(
        dict.fromkeys(s for each in curve.values() for s in each.get("accuracies", ()))
    )
    if not sizes:
        return ""
    heads = ["Accuracy, %, by texts learnt from", *(f"{int(s):,}" for s in sizes)]
    rows = [
        _missing(name, each, len(heads))
        if "missing" in each
        else [
            CONTENDERS[name].title,
            *(_mean(each["accuracies"][size]) for size in sizes),
        ]
        for name, each in curve.items()
    ]
    return markdown.table(heads, rows)


def _mean(accuracies: list[float]) -> str:
    error = np.std(accuracies, ddof=1) / np.sqrt(len(accuracies))
    return f"{100 * np.mean(accuracies):.1f} ± {100 * error:.1f}"


def _conditions(
    results: Mapping[str, Any], measured: Mapping[str, Any]
) -> Iterator[str]:
    rows = results["rows"]
    yield (
        f"{results['source']}: {rows['train']:,} texts to learn from, "
        f"{rows['evaluate']:,} (eval) to stop training or choose settings by, "
        f"{rows['test']:,} to test on, which no training sees. In brackets: 95 % "
        "intervals, those of points for the same texts; and how many times the first "
        "line's figure."
    )
    yield (
        "Training: from texts to the files of the model, without the start of the "
        "program, on all cores. Scoring: one thread on one core, the test texts sorted "
        "by length, in batches of 32 and of 512, of which the faster counts; seconds "
        "are those of the core. Size: of the model, without its libraries. Start: a "
        "program that classifies one text, from start to end."
    )
    if results["curve"]:
        yield (
            "By texts learnt from: a tenth of them is kept to stop or choose by. The "
            "same test texts; mean of three draws ± its standard error."
        )
    for name, each in measured.items():
        yield _line(name, each)
    yield from _machines(measured)


def _line(name: str, each: Mapping[str, Any]) -> str:
    of = CONTENDERS[name]
    parts = [of.settings]
    if each["chosen"]:
        parts.append(f"here {each['chosen']}")
    if each["whole_seconds"]:
        parts.append(
            "training is the Trainer's time, and the whole run took "
            f"{each['whole_seconds']:.0f} s"
        )
    parts.append(f"batches of {each['batch']}")
    parts.append(markdown.versions(each["versions"]))
    return f"{of.title}: {'; '.join(parts)}."


def _machines(measured: Mapping[str, Any]) -> Iterator[str]:
    """Yields a line for each day and machine; of loads the highest."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for each in measured.values():
        facts = each["conditions"]
        place = facts["date"], facts["cpu"], facts["cores"]
        groups.setdefault(place, []).append(facts)
    for (date, cpu, cores), facts in groups.items():
        yield markdown.machine(
            {
                "date": date,
                "cpu": cpu,
                "cores": cores,
                **{
                    key: max(each[key] for each in facts)
                    for key in ("load_before", "load_after")
                },
            }
        )
