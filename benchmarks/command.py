"""What the commands of the benchmarks share: options, and what becomes of results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from benchmarks.markdown import write_report
from benchmarks.session import BenchmarkError

Results = dict[str, Any]
COUNT = click.IntRange(min=1)


def path_option(name: str, help_text: str, default: Path | None = None) -> Callable:
    """Returns a decorator for an option that names a file or a folder."""
    kind, is_shown = click.Path(path_type=Path), default is not None
    return click.option(
        name, type=kind, default=default, show_default=is_shown, help=help_text
    )


def result_options(function: Callable) -> Callable:
    """Adds where the results go, and where kept ones come from."""
    for option in (
        path_option("--write", "Put the report into this page too."),
        path_option("--results", "Measure nothing: report what --json wrote."),
        path_option("--json", "Write the raw results to this file."),
    ):
        function = option(function)
    return function


def run(
    name: str,
    title: str,
    output: dict[str, Path | None],
    *,
    measure: Callable[[], Results],
    report: Callable[[Results], str],
    failures: Callable[[Results], Iterable[str]] = lambda _: (),
) -> None:
    """Measures or reads kept results; prints the report and puts it where asked.

    Args:
        name: Of the benchmark.
        title: Of a page that is begun.
        output: The options of `result_options`.
        measure: Returns the raw results, as JSON can hold them.
        report: Returns their Markdown.
        failures: Returns what is wrong with them, a line each.

    Raises:
        BenchmarkError: Something is wrong with the results, or with a file.
    """
    try:
        if path := output["results"]:
            results = json.loads(path.read_text("utf-8"))
        else:
            results = measure()
        text = report(results)
        click.echo(text, nl=False)  # first: it took an hour, and a path may be wrong
        if path := output["json"]:
            path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        if path := output["write"]:
            write_report(path, text, name=name, title=title)
    except OSError as error:
        raise BenchmarkError(str(error)) from error
    if wrong := list(failures(results)):
        raise BenchmarkError("\n".join(wrong))
