"""All runs of an output, also those of which only ML Metadata knows.

Nothing large is imported before there are such ones: `elmo-tfx runs` answers at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NoReturn

from pipeline.errors import RunError, UserError
from pipeline.files import absolute
from pipeline.runs.past_runs import RUNS, PastRun, is_held, kept_runs

_SERVER = "ELMO_TFX_METADATA_HOST"  # of `metadata.store`, which imports much
# The folders of all versions with a model that a rollback has marked. A model is what
# goes into an execution (3), and a version what comes out (4).
_WITHDRAWN = """
SELECT DISTINCT Place.string_value FROM ArtifactProperty AS Mark
JOIN Event AS Taken ON Taken.artifact_id = Mark.artifact_id AND Taken.type = 3
JOIN Event AS Made ON Made.execution_id = Taken.execution_id AND Made.type = 4
JOIN ArtifactProperty AS Place ON Place.artifact_id = Made.artifact_id
WHERE Mark.name = 'withdrawn' AND Mark.int_value = 1
AND Place.name = 'pushed_destination'
"""
_RUN_IDS = """
SELECT Context.name FROM Context JOIN Type ON Context.type_id = Type.id
WHERE Type.name = 'pipeline_run' ORDER BY Context.id
"""


def _raise(error: RunError) -> NoReturn:
    raise error


def past_runs(
    output: str | Path,
    *,
    before_slow: Callable[[int], object] = lambda count: None,
    unreadable: Callable[[RunError], object] = _raise,
) -> list[PastRun]:
    """Returns the runs of an output, in the order in which they began.

    Of runs that an earlier version has made, or that were started by TFX's own command
    line, nothing is kept: they are read from ML Metadata, which takes some seconds, and
    kept from then on, if the output can be written.

    Args:
        output: The folder.
        before_slow: Called with their number before such runs are read.
        unreadable: Called if ML Metadata cannot be read; if it raises nothing, the
            runs are those of which something is kept.

    Raises:
        UserError: The folder is not there, or no run has written into it.
        RunError: ML Metadata cannot be read.
    """
    folder = Path(absolute(output))
    if not folder.is_dir():
        raise UserError(f"option --output: there is no such folder. Received: {output}")
    held = is_held(output)
    runs = kept_runs(output, is_held=held)
    withdrawn: set[int] = set()
    try:
        runs += _others(folder, {run.run_id for run in runs}, held, before_slow)
        withdrawn = _withdrawn(folder)
    except RunError as error:
        unreadable(error)
    if not runs and not _is_output(folder):
        raise UserError(
            f"option --output: no run has written into this folder. Received: {output} "
            "(hint: give the --output of `elmo-tfx run`)"
        )
    runs = [
        run.model_copy(update={"withdrawn": run.version in withdrawn}) for run in runs
    ]
    return sorted(runs, key=lambda run: (run.began, run.run_id))


def _others(
    output: Path,
    known: Collection[str],
    is_held: bool,
    before_slow: Callable[[int], object],
) -> list[PastRun]:
    if not _may_have_others(output, known):
        return []
    from pipeline.runs.earlier_runs import earlier_runs, names_of_others

    names = names_of_others(output, known)
    if not names:
        return []
    before_slow(len(names))
    return earlier_runs(output, names, is_held=is_held)


def _may_have_others(output: Path, known: Collection[str]) -> bool:
    """Returns whether ML Metadata may have runs beside these; takes milliseconds."""
    if os.environ.get(_SERVER):
        return True
    database = output / "metadata.sqlite"
    if not database.is_file() or not database.stat().st_size:
        return False
    names = _column(database, _RUN_IDS)
    return names is None or not set(names) <= set(known)


def _withdrawn(output: Path) -> set[int]:
    """Returns the versions that a rollback has taken out of service."""
    if os.environ.get(_SERVER):
        from pipeline.runs.earlier_runs import withdrawn_versions

        return withdrawn_versions(output)
    database = output / "metadata.sqlite"
    places = _column(database, _WITHDRAWN) if database.is_file() else None
    names = [os.path.basename(place or "") for place in places or ()]
    return {int(name) for name in names if name.isdecimal()}


def _column(database: Path, query: str) -> Sequence[str] | None:
    """Returns what a query finds; None if the database cannot be read so."""
    address = f"{database.as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            return [value for (value,) in connection.execute(query)]
    except sqlite3.Error:
        return None


def _is_output(folder: Path) -> bool:
    names = ("metadata.sqlite", RUNS, "pipeline")
    return any((folder / name).exists() for name in names)


def as_json(runs: Sequence[PastRun]) -> str:
    """Returns runs as one list of JSON, a line each."""
    lines = [json.dumps(run.model_dump(mode="json")) for run in runs]
    return "[" + ",\n ".join(lines) + "]\n"
