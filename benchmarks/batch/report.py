"""The results as Markdown: one table, and lines under it."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.batch.contenders import BARE_LOOP, PREDICT, TFX
from benchmarks.batch.figures import Results, Run, core_hours_of_a_billion, disagree
from benchmarks.batch.goals import judge
from benchmarks.goal import goal_lines
from benchmarks.markdown import table

_NONE = "–"
_COLUMNS = (
    "Contender",
    "Rows",
    "Rows/s",
    "Rows/s with start-up",
    "µs/row",
    "Core-s per million rows",
    "Peak MiB",
)


def report(results: Results) -> str:
    """Gives the table, the goals, what a billion texts cost, and the conditions."""
    parts = [
        table(_COLUMNS, _rows(results), aligned=True),
        goal_lines(judge(results)),
        "\n".join(f"- {line}" for line in (*_billion(results), *_conditions(results))),
    ]
    return "\n\n".join(parts) + "\n"


def failures(results: Results) -> Iterator[str]:
    """Yields what is wrong with a run, whatever its figures are."""
    for missing in results.missing:
        yield f"{missing.contender}, {missing.rows:,} rows: {missing.reason}"
    ours, bare = (results.find(name, "rows") for name in (PREDICT, BARE_LOOP))
    if ours and bare and disagree(ours, bare):
        yield f"{PREDICT} and {BARE_LOOP} give other labels"


def _rows(results: Results) -> Iterator[list[str]]:
    for run in results.runs:
        yield [run.contender, *_figures(run)]
    for missing in results.missing:
        cell = "not measured"
        yield [missing.contender, f"{missing.rows:,}", cell, *[_NONE] * 4]


def _figures(run: Run) -> list[str]:
    net = run.net
    return [
        f"{run.whole.rows:,}",
        f"{net.rows_per_second:,.0f}" if net else _NONE,
        f"{run.whole.rows_per_second:,.0f}",
        f"{net.microseconds_per_row:,.0f}" if net else _NONE,
        f"{net.core_seconds_per_million:,.0f}"
        if net and net.core_seconds > 0
        else _NONE,
        f"{run.peak_mib:,.0f}",
    ]


def _billion(results: Results) -> Iterator[str]:
    net = results.net(PREDICT, "large")
    if net and net.core_seconds > 0:
        hours = core_hours_of_a_billion(net)
        yield (
            f"A billion such texts cost {hours:,.0f} core hours, by the core-seconds "
            f"at {results.sizes['large']:,} rows."
        )


def _conditions(results: Results) -> Iterator[str]:
    facts = results.conditions
    yield (
        f"{facts['date']}; {facts['cpu']}, {facts['cores']} cores; load average of the "
        f"machine {facts['load_before']:.1f} before and {facts['load_after']:.1f} "
        "after."
    )
    yield (
        f"Rows: the {facts['texts']:,} texts of {facts['source']}, on average "
        f"{facts['characters']:.0f} characters, again and again, each with the number "
        "of its row behind it."
    )
    yield (
        f"{BARE_LOOP}: reads the CSV file, sorts all texts by length, calls the model "
        "in batches of 512, keeps the labels in memory. Its sort brings the copies of "
        "a text into one batch, where the model encodes their words once; predict "
        "sorts within each chunk."
    )
    yield (
        f"{PREDICT}: from a CSV file to JSON Lines with the id, label and all "
        "probabilities; Beam's local runner, as for all below."
    )
    yield (
        f"{TFX}: the executor of TFX's component, from the same rows as tf.Examples "
        "to PredictionLogs, batches as Beam chooses them. Writing the tf.Examples is "
        "not in its time."
    )
    yield (
        f"Start-up: what the same command takes on {facts['start_up_rows']} rows; "
        f"without it a figure is of the rows beyond these. {BARE_LOOP}: loading and "
        "two calls to warm up."
    )
    yield (
        f"Every measurement in a process of its own, the fastest of "
        f"{facts['repeats']}, above {results.sizes['rows']:,} rows of one. Core-s: "
        "user and system time of the process and its children, without the start-up. "
        "Peak MiB: resident size of the largest process."
    )
    listed = ", ".join(f"{name} {each}" for name, each in facts["versions"].items())
    yield f"Model {facts['model_version']}; {listed}."
