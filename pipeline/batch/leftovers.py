"""What jobs have left in the work folder of an output on this machine.

No Beam is loaded: what a killed job has left goes before a command is refused.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

from pipeline.batch.destination import DEAD
from pipeline.batch.staging import COUNTS, FINISHED
from pipeline.files import locked_folder, remove


def begun_jobs(work: str) -> list[os.DirEntry[str]]:
    """Returns the folders in a work folder; none if there is no such folder."""
    try:
        return [entry for entry in os.scandir(work) if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def is_done(job: os.DirEntry[str]) -> bool:
    """Returns whether nothing in a job's folder will be used again.

    A job's counts are written when all files are finished, and these are moved away in
    one step.
    """
    if job.name.startswith(DEAD):
        return True
    has_counts = os.path.exists(os.path.join(job.path, COUNTS))
    return has_counts and not os.path.exists(os.path.join(job.path, FINISHED))


def dead_name(work: str) -> str:
    """Returns a new name in the work folder, of what only waits to be removed."""
    return os.path.join(work, DEAD + uuid.uuid4().hex)


def discard(job: str) -> None:
    """Removes a job's folder, so that no half of it is ever used."""
    dead = dead_name(os.path.dirname(job))
    os.replace(job, dead)
    _remove(dead)


def remove_left(work: str) -> None:
    """Removes what a killed job would have removed, unless a job is under way."""
    jobs = begun_jobs(work)
    if not os.path.isdir(work) or (jobs and not any(map(is_done, jobs))):
        return
    # What is held by another job, or may not be changed, is not our affair here.
    with contextlib.suppress(OSError), locked_folder(Path(work)):
        remove_done(work)


def remove_done(work: str) -> None:
    """Removes what no job will use again, and the work folder if no job was begun.

    Args:
        work: The folder; the caller holds it, and the lock in it goes last.
    """
    for job in begun_jobs(work):
        if is_done(job):
            with contextlib.suppress(OSError):  # as in `_remove`
                discard(job.path)
    if os.path.isdir(work) and not begun_jobs(work):
        _remove(work)


def _remove(folder: str) -> None:
    # On a network's disk a file that is open elsewhere stays under another name.
    with contextlib.suppress(OSError):
        remove(Path(folder))
