"""The results as Markdown: a table, the goals, the conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks import markdown
from benchmarks.quality.measuring import ELMO, HEAD, MEAN, TF_IDF, Results

# Frozen, mean-pooled, a simple classifier: what the published ELMo reaches on MR with
# 93.6 million weights, trained on 5.5 billion words.
PUBLISHED = 0.809


def report(raw: Mapping[str, Any]) -> str:
    """Returns the whole report."""
    results = Results(**raw)
    names = list(results.accuracies)
    contenders = list(next(iter(results.accuracies.values())))
    rows = [
        [contender, *(_cell(results.accuracies[name][contender]) for name in names)]
        for contender in contenders
    ]
    return markdown.joined(
        markdown.table(["Accuracy, %", *names], rows),
        markdown.goal_list(judge(results)),
        markdown.bullets(_conditions(results)),
    )


def judge(results: Results) -> Iterator[markdown.Goal]:
    """Yields the goals for MR, if it was measured."""
    if "MR" not in results.accuracies:
        return
    means = {name: float(np.mean(x)) for name, x in results.accuracies["MR"].items()}
    head, tf_idf = means[HEAD.format(ELMO)], means[TF_IDF]
    yield markdown.at_least(
        f"MR, the pipeline's head at least as good as TF-IDF ({tf_idf:.1%})",
        head,
        tf_idf,
        "{:.1%}",
    )
    yield markdown.at_least(
        f"MR, {PUBLISHED:.1%} as the published ELMo of 5.5 billion words",
        max(head, means[MEAN.format(ELMO)]),
        PUBLISHED,
        "{:.1%}",
    )


def _cell(accuracies: list[float]) -> str:
    error = np.std(accuracies, ddof=1) / np.sqrt(len(accuracies))
    return f"{100 * np.mean(accuracies):.1f} ± {100 * error:.1f}"


def _conditions(results: Results) -> Iterator[str]:
    facts = results.conditions
    sizes = "; ".join(
        f"{name} {size:,} texts, {len(results.accuracies[name][TF_IDF])} folds"
        for name, size in facts["texts"].items()
    )
    yield (
        "Mean over stratified folds, each a tenth of the texts, ± its standard error: "
        f"{sizes}. Of the texts to learn from, a tenth is kept to stop the head's "
        "training early; logistic regression learns from it too, on means after it has "
        "chosen the strength of the regularisation there."
    )
    options = ", ".join(f"{name} {value}" for name, value in facts["model"].items())
    yield f"The head: {options}; the Trainer's other settings are their defaults."
    yield f"{markdown.machine(facts)} {markdown.versions(facts['versions'])}."
