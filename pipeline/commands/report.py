"""The command `elmo-tfx report`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    "report",
    epilog="""\b
Examples:
  elmo-tfx report --output out
  elmo-tfx report --output out --run 2026-11-28T03:00:00.123456

The page is one HTML file that needs no network. Exit code 0: done; 2: there is no
such run, or no run has ended.
""",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the runs.",
)
@click.option("--run", "run_id", help="An earlier run, by its id; default: the last.")
def command(output: Path, run_id: str | None) -> None:
    """Make the page of a run again, and print its path.

    Every run makes its own, OUTPUT/report.html. Made again it also shows what has come
    since: later versions of the page, and labels that were reviewed.
    """
    from pipeline.report.files import renew_page

    click.echo(renew_page(output, run_id))
