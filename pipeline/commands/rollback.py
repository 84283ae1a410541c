"""The command `elmo-tfx rollback`."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import click

from pipeline.commands.numbers import MOST_OF_64_BITS, WholeNumber
from pipeline.errors import RunError
from pipeline.interrupts import reraise_interrupt, signals_held
from pipeline.runs.outcomes import is_ours, reason_of


@click.command(
    "rollback",
    epilog="""\b
Examples:
  elmo-tfx rollback --output out
  elmo-tfx rollback --output out --to 1795362622

The next run compares its model with the one that is served again. Exit code 0: done;
1: a run holds the output; 2: there is no such version, or its files have changed;
130 or 143: Ctrl-C or SIGTERM ended it, and nothing has changed.
""",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the runs.",
)
@click.option(
    "--to",
    type=WholeNumber(0, MOST_OF_64_BITS),
    help="Version to serve again; default: the last one with another model.",
)
def command(output: Path, to: int | None) -> None:
    """Serve an earlier pushed model again, under a new and highest version number.

    The models that were pushed after it are withdrawn: no run compares with them or
    pushes them again.
    """
    from pipeline.runs.run_log import run_log

    with contextlib.ExitStack() as until_said:

        def hold_signals() -> None:
            until_said.enter_context(signals_held(deliver=False))

        # ML Metadata prints messages of its own.
        with run_log(Path(os.devnull)) as terminal:
            from pipeline.metadata.place import describe_move
            from pipeline.output_folder import OutputFolder
            from pipeline.serving.rollback import roll_back

            folder = OutputFolder(output)
            try:
                with folder.locked():
                    if folder.metadata.exists():
                        moved_from = folder.follow_move()
                        if moved_from is not None:
                            terminal.write(f"{describe_move(moved_from)}\n")
                        folder.clean_after_kill()
                    done = roll_back(folder, to, clock=time.time, is_ready=hold_signals)
            # A full disk, whatever a library makes of it.
            except Exception as error:
                reraise_interrupt(error)
                if is_ours(error):
                    raise
                raise RunError(folder.why_failed(reason_of(error))) from error
        withdrawn = ", ".join(map(str, done.withdrawn)) or "none"
        click.echo(
            f"version {done.version} is served, with the model of version "
            f"{done.restored}; withdrawn: {withdrawn}"
        )
