"""The results as Markdown: one table, and lines under it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks import markdown
from benchmarks.batch.contenders import BARE_LOOP, PREDICT, TFX
from benchmarks.batch.figures import (
    Results,
    Run,
    core_hours_of_a_billion,
    disagree,
    judge,
)
from benchmarks.markdown import NONE

_COLUMNS = (
    "Contender",
    "Rows",
    "Rows/s",
    "Rows/s with start-up",
    "µs/row",
    "Core-s per million rows",
    "Peak MiB",
)


def report(raw: Mapping[str, Any]) -> str:
    """Returns the table, the goals, what a billion texts cost, and the conditions."""
    results = Results(**raw)
    lines = [*_billion(results), *_conditions(results)]
    goals = markdown.goal_list(judge(results))
    return markdown.joined(
        markdown.table(_COLUMNS, _rows(results)), goals, markdown.bullets(lines)
    )


def failures(raw: Mapping[str, Any]) -> Iterator[str]:
    """Yields what is wrong with a run, whatever its figures are."""
    results = Results(**raw)
    for missing in results.missing:
        yield f"{missing.contender}, {missing.rows:,} rows: {missing.reason}"
    ours, bare = (results.find(name, "rows") for name in (PREDICT, BARE_LOOP))
    if ours and bare and disagree(ours, bare):
        yield f"{PREDICT} and {BARE_LOOP} give other labels"


def _rows(results: Results) -> Iterator[list[str]]:
    for run in results.runs:
        yield [run.contender, *_figures(run)]
    for missing in results.missing:
        yield [
            missing.contender,
            f"{missing.rows:,}",
            "not measured",
            *[NONE] * 4,
        ]


def _figures(run: Run) -> list[str]:
    net = run.net
    return [
        f"{run.whole.rows:,}",
        f"{net.rows_per_second:,.0f}" if net else NONE,
        f"{run.whole.rows_per_second:,.0f}",
        f"{net.microseconds_per_row:,.0f}" if net else NONE,
        f"{net.core_seconds_per_million:,.0f}"
        if net and net.core_seconds > 0
        else NONE,
        f"{run.peak_mib:,.0f}",
    ]


def _billion(results: Results) -> Iterator[str]:
    net = results.net(PREDICT, "large")
    if net and net.core_seconds > 0:
        yield (
            f"A billion such texts cost {core_hours_of_a_billion(net):,.0f} core "
            f"hours, by the core-seconds at {results.sizes['large']:,} rows."
        )


def _conditions(results: Results) -> list[str]:
    facts = results.conditions
    return [
        markdown.machine(facts),
        f"Rows: the {facts['texts']:,} texts of {facts['source']}, on average "
        f"{facts['characters']:.0f} characters, then the first half of each with the "
        "second half of another; the number of its row stands behind each.",
        f"{BARE_LOOP}: reads the CSV file, sorts all texts by length, calls the model "
        "in batches of 512, keeps the labels in memory.",
        f"{PREDICT}: from a CSV file to JSON Lines with the id, label and all "
        "probabilities; Beam's local runner, as for all below.",
        f"{TFX}: the executor of TFX's component, from the same rows as tf.Examples "
        "to PredictionLogs, batches as Beam chooses them. Writing the tf.Examples is "
        "not in its time.",
        f"Start-up: what the same command takes on {facts['start_up_rows']} rows; "
        f"without it a figure is of the rows beyond these. {BARE_LOOP}: loading and "
        "two calls to warm up.",
        f"Every measurement in a process of its own, the fastest of "
        f"{facts['repeats']}, above {results.sizes['rows']:,} rows of one. Core-s: "
        "user and system time of the process and its children, without the start-up. "
        "Peak MiB: resident size of the largest process.",
        f"Model {facts['model_version']}; {markdown.versions(facts['versions'])}.",
    ]
