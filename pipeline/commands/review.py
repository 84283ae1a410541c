"""The command `elmo-tfx review`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.numbers import WholeNumber
from pipeline.errors import UserError
from pipeline.runs.progress import say_loading
from pipeline.terminal import visible_line

if TYPE_CHECKING:
    from pipeline.review.review import Review

_SHOWN = 5  # lines
_WIDTH = 72  # characters of a text


@click.command(
    "review",
    epilog="""\b
Examples:
  elmo-tfx review --output out
  elmo-tfx review --output out --first 100 --to suspicious.csv
  elmo-tfx run --data reviews.csv --output out --set data.corrections=out/review.csv

The first one writes out/review.csv. In a spreadsheet fill the column corrected_label
where the label is wrong; the last one trains with it. Exit code 0: done; 1: another run
or review holds the output; 2: there is no run to review, or the table has corrections.
""",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the runs; the last one is reviewed.",
)
@click.option(
    "--folds",
    type=WholeNumber(2, 20),
    default=8,
    show_default=True,
    help="Parts that the texts are cut into, with a model for each.",
)
@click.option(
    "--first",
    type=WholeNumber(1),
    default=1000,
    show_default=True,
    help="Most lines of the table.",
)
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Table to write.  [default: OUTPUT/review.csv]",
)
def command(output: Path, folds: int, first: int, to: Path | None) -> None:
    """Rank the labels that may be wrong, in a table that a person corrects.

    All texts of the last run are judged by models that were not trained on them. It
    takes about as long as a training; fewer folds take less.
    """
    from pipeline.config.checked import check_output_name
    from pipeline.metadata.place import describe_move
    from pipeline.metadata.store import store_exists
    from pipeline.output_folder import OutputFolder
    from pipeline.review.table import NAME, refuse_filled

    check_output_name(output)
    folder = OutputFolder(output)
    if not store_exists(folder.metadata):
        raise UserError(
            f"option --output: no run has written into {output} "
            "(hint: elmo-tfx run comes first)"
        )
    path = to or output / NAME
    if not path.parent.is_dir():
        raise UserError(f"option --to: {path.parent} is not a folder")
    refuse_filled(path)
    say_loading()

    from pipeline.runs.run_log import run_log

    with run_log(Path(os.devnull)) as terminal:
        from pipeline.metadata.runs import DONE, NodeRecord
        from pipeline.review.review import last_reviewable, review
        from pipeline.runs.progress import Progress

        with folder.locked():
            moved_from = folder.follow_move()
            if moved_from is not None:
                terminal.write(f"{describe_move(moved_from)}\n")
            run = last_reviewable(folder.open_metadata())
        progress = Progress(terminal, 1)
        with progress.showing("Review") as ended:
            done = review(run, folder, path, folds=folds, first=first)
            ended(NodeRecord("Review", DONE, 0.0))
    _report(done)


def _report(done: Review) -> None:
    share = done.suspected / done.texts
    suspected = f"{done.suspected:,} of {done.texts:,} texts ({share:.1%})"
    most = "; the first are most likely wrong:" if done.suspected else ""
    click.echo(f"{suspected} look as if they had another label{most}")
    for line in done.lines[:_SHOWN]:
        text = line.text if len(line.text) <= _WIDTH else line.text[: _WIDTH - 1] + "…"
        click.echo(
            visible_line(
                f"{line.rank or '–':>4}  {line.label} -> {line.suggested_label}  {text}"
            )
        )
    if done.alone:
        shown = ", ".join(done.alone[:_SHOWN])
        click.echo(visible_line(f"not reviewed, as one text has them: {shown}"))
    lines = f"{len(done.lines):,} lines in {done.path}"
    if done.lines:
        lines += (
            ": fill corrected_label where the label is wrong, then run with "
            f"--set data.corrections={done.path}"
        )
    click.echo(visible_line(lines))
