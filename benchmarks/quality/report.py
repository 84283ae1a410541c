"""The results as Markdown: tables, the goals, the conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import markdown
from benchmarks.quality.measuring import (
    CURVE_SIZES,
    DRAWS,
    HEAD,
    PART_FOLDS,
    TF_IDF,
    Accuracies,
    Results,
)

# Frozen, mean-pooled, a simple classifier: what the published ELMo reaches on MR with
# 93.6 million weights, trained on 5.5 billion words.
PUBLISHED = 0.809
# What logistic regression reaches on the vectors of SBERT-NLI-base, 110 million
# weights (Reimers and Gurevych 2019, arXiv:1908.10084, table 5).
SBERT = {"MR": 0.836, "UCI": 0.89}
_BEHIND = 0.01  # of TF-IDF, at most, however few texts there are
_AHEAD = 0.03  # of TF-IDF, at least, with 300 texts


def report(raw: Mapping[str, Any]) -> str:
    """Returns the whole report."""
    results = Results(**raw)
    names = list(results.folds)
    return markdown.joined(
        _table("Accuracy, %", [results.folds[name] for name in names], names),
        *(
            _table(
                f"{name}, % by texts learnt from",
                list(curve.values()),
                [f"{int(size):,}" for size in curve],
            )
            for name, curve in results.curve.items()
        ),
        *(
            [_table("The head", list(results.parts.values()), list(results.parts))]
            if results.parts
            else []
        ),
        markdown.goal_list(judge(results)),
        markdown.bullets(_conditions(results)),
    )


def judge(results: Results) -> Iterator[markdown.Goal]:
    """Yields the goals for what was measured."""
    for name, goal in SBERT.items():
        if name in results.folds:
            yield markdown.at_least(
                f"{name}, {goal:.1%} as the vectors of SBERT-NLI-base",
                _mean(results.folds[name][HEAD]),
                goal,
                "{:.1%}",
            )
    if "MR" in results.folds:
        yield markdown.at_least(
            f"MR, {PUBLISHED:.1%} as the published ELMo of 5.5 billion words",
            _mean(results.folds["MR"][HEAD]),
            PUBLISHED,
            "{:.1%}",
        )
    gains = {
        (name, int(size)): _mean(found[HEAD]) - _mean(found[TF_IDF])
        for name, curve in results.curve.items()
        for size, found in curve.items()
    }
    if gains:
        least = min(gains, key=lambda place: gains[place])
        yield markdown.at_least(
            "at most a point below TF-IDF anywhere on the curves; least at "
            f"{least[0]}, {least[1]:,} texts",
            gains[least],
            -_BEHIND,
            "{:+.1%}",
        )
    for (name, size), gain in gains.items():
        if size == 300:
            yield markdown.at_least(
                f"{name}, three points above TF-IDF with 300 texts",
                gain,
                _AHEAD,
                "{:+.1%}",
            )


def _mean(accuracies: Sequence[float]) -> float:
    return float(np.mean(accuracies))


def _table(title: str, columns: Sequence[Accuracies], names: Sequence[str]) -> str:
    """Returns a table with a line for each contender that any column has."""
    contenders = list(dict.fromkeys(name for found in columns for name in found))
    rows = [
        [contender, *(_cell(found.get(contender)) for found in columns)]
        for contender in contenders
    ]
    return markdown.table([title, *names], rows)


def _cell(accuracies: list[float] | None) -> str:
    if not accuracies:
        return "–"
    error = np.std(accuracies, ddof=1) / np.sqrt(len(accuracies))
    return f"{100 * np.mean(accuracies):.1f} ± {100 * error:.1f}"


def _conditions(results: Results) -> Iterator[str]:
    facts = results.conditions
    sizes = "; ".join(
        f"{name} {size:,} texts of {facts['classes'][name]} classes"
        for name, size in facts["texts"].items()
    )
    count = len(next(iter(results.folds.values()))[TF_IDF])
    yield (
        f"First table: mean over {count} stratified folds, each a tenth of the texts, "
        f"± its standard error: {sizes}. Of the texts to learn from, a tenth chooses "
        "the strength of the regularisation of logistic regression, which then learns "
        "from it too; the head does not learn from it."
    )
    yield (
        f"By texts learnt from ({', '.join(f'{size:,}' for size in CURVE_SIZES)}): the "
        f"tenth is one of them; mean of {DRAWS} draws ± its standard error, on the "
        "same thousand test texts or more."
    )
    if results.parts:
        yield (
            f"Last table: the first {PART_FOLDS} folds. Fine-tuning trains all of "
            "ELMo's weights along with the head; of a larger set it learns from the "
            "last column of its curve alone."
        )
    options = ", ".join(f"{name} {value}" for name, value in facts["model"].items())
    yield f"The head: {options}; the Trainer's other settings are their defaults."
    took = f" It took {facts['minutes']:.0f} minutes." if facts.get("minutes") else ""
    yield f"{markdown.machine(facts)}{took} {markdown.versions(facts['versions'])}."
