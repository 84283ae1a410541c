"""Goals, tables and lists in Markdown, and how a report gets into a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.session import BenchmarkError

NONE = "–"  # a cell without a figure
_MET = {True: "reached", False: "**not reached**", None: "not measured"}


@dataclass(frozen=True)
class Goal:
    """One goal with what came of it; `met` is None where it was not measured."""

    text: str
    value: str
    met: bool | None


def at_least(text: str, value: float | None, wanted: float, form: str) -> Goal:
    """Judges a figure that must not be below `wanted`; `form` shows it."""
    met = None if value is None else value >= wanted
    return Goal(text, "" if value is None else form.format(value), met)


def at_most(text: str, value: float | None, wanted: float, form: str) -> Goal:
    """Judges a figure that must not be above `wanted`; `form` shows it."""
    met = None if value is None else value <= wanted
    return Goal(text, "" if value is None else form.format(value), met)


def goal_list(goals: Iterable[Goal]) -> str:
    """Returns a list that says of each goal whether it was reached."""
    return bullets(
        f"{goal.text}: {_MET[goal.met]}"
        + ("" if goal.met is None else f", {goal.value}.")
        for goal in goals
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table; columns of which most cells have no letters are flush right.

    Args:
        columns: Heads.
        rows: As many cells each; a bar inside a cell does not end it.
    """
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (columns, *rows)]
    words = [
        [any(map(str.isalpha, cell)) for cell in column]
        for column in zip(*escaped[1:], strict=True)
    ]
    return tabulate(
        escaped[1:],
        headers=escaped[0],
        tablefmt="pipe",
        colalign=["left" if 2 * sum(has) >= len(has) else "right" for has in words],
        disable_numparse=True,
    )


def bullets(lines: Iterable[str]) -> str:
    """Returns a list."""
    return "\n".join(f"- {line}" for line in lines)


def joined(*parts: str) -> str:
    """Returns the parts that are not empty, with a line between them."""
    return "\n\n".join(filter(None, parts)) + "\n"


def machine(conditions: Mapping[str, Any]) -> str:
    """Returns the line on when and where was measured."""
    line = f"{conditions['date']}; {conditions['cpu']}, {conditions['cores']} cores"
    if "load_before" in conditions:  # earlier results of the quality lack it
        line += (
            f"; load average of the machine {conditions['load_before']:.1f} before and "
            f"{conditions['load_after']:.1f} after"
        )
    if conditions.get("kept"):
        line += f"; {conditions['kept']} measurements before an interruption"
    return line + "."


def versions(numbers: Mapping[str, str]) -> str:
    """Returns the packages and their versions."""
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


def marks(name: str) -> tuple[str, str]:
    """Returns the lines of a page between which a benchmark's report stands."""
    command = f"python -m benchmarks {name}"
    return f"<!-- begin: {command} -->", f"<!-- end: {command} -->"


def write_report(page: Path, report: str, *, name: str, title: str) -> None:
    """Replaces what stands between the marks; a page that is not there is begun.

    Args:
        page: Its file.
        report: Markdown that ends with a newline.
        name: Of the benchmark; the marks name it.
        title: Of a page that is begun.

    Raises:
        BenchmarkError: If the page lacks the marks.
    """
    begin, end = marks(name)
    text = (
        page.read_text("utf-8") if page.exists() else f"# {title}\n\n{begin}\n{end}\n"
    )
    before, has_begin, rest = text.partition(begin)
    _, has_end, after = rest.partition(end)
    if not has_begin or not has_end:
        raise BenchmarkError(
            f"`--write` must name a page with the lines {begin} and {end}. "
            f"Received: {page}"
        )
    page.write_text(f"{before}{begin}\n{report}{end}{after}", "utf-8")
