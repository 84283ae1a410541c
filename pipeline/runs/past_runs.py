"""What is kept of each run of an output, so that runs can be shown side by side.

A run has a folder of its own, `OUTPUT/runs/<time at which it began>/`. In it are
`run.json`, the few facts of a `PastRun`, which is there from the run's begin on, and
what is made at its end: `summary.json` and `report.html`. None of it is ever removed.

Nothing large is imported here: `elmo-tfx runs` answers at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import time
from collections.abc import Collection
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from pydantic import FiniteFloat, PrivateAttr

from pipeline.evaluation.facts import Facts
from pipeline.files import absolute, read_regular, write_whole
from pipeline.written_times import Moment, Seconds

RUNS = "runs"
"""Name of the folder in an output."""

SUMMARY, REPORT, RECORD = "summary.json", "report.html", "run.json"
"""Names of files in the folder of a run."""

TOLD_LATE = "it ended before it could tell of its push; the next run does"
"""The reason of a run of which only a later one could note that it has pushed."""

Verdict = Literal[
    "pushed", "refused", "nothing new", "failed", "drifted", "interrupted", "running"
]
_LOGGER = logging.getLogger(__name__)
_TOLD = "told"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")
_PORTABLE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._+-]{0,98}[A-Za-z0-9])?")


class PastRun(Facts):
    """A run, whether it has ended or not; what is not known is None or empty.

    Attributes:
        run_id: Its name in ML Metadata; empty if it failed before it had one.
        verdict: `pushed` or `refused`: what became of its model; `nothing new`: every
            node found its result of an earlier run; `failed`; `drifted`: the gate
            stopped it, as its data has drifted; `interrupted`: by a signal, a kill or
            a power cut; `running`.
        began, ended: When, in UTC.
        seconds: From begin to end. In the process that began it, of a clock that nobody
            sets; in another one, the difference of the two times.
        span: Name of the span that it read; None: its data has none.
        rows: How many it used, of those it read.
        measures: Measure -> value on all test rows, as in `Evaluation.metrics`.
        version: The version that it pushed, or that has its model.
        withdrawn: Whether a rollback has taken that model out of service since.
        component: The node that failed.
        reasons: Why the model was refused or the run failed; of a push `TOLD_LATE`,
            if it is.
        warnings: How a span that was let pass has drifted, and which were not read.
        log, summary, report: Paths, of what is there.
    """

    run_id: str
    verdict: Verdict
    began: Moment
    ended: Moment | None = None
    seconds: Seconds | None = None
    span: str | None = None
    rows: int | None = None
    measures: dict[str, FiniteFloat | None] = {}  # JSON has no other numbers
    version: int | None = None
    withdrawn: bool = False
    component: str | None = None
    reasons: list[str] = []
    warnings: list[str] = []
    log: str | None = None
    summary: str | None = None
    report: str | None = None

    _since: float | None = PrivateAttr(default=None)

    @classmethod
    def begins(cls, run_id: str, began: datetime, log: str | None = None) -> PastRun:
        """Returns a run that begins now, in this process."""
        run = cls(run_id=run_id, verdict="running", began=began, log=log)
        run._since = time.monotonic()
        return run

    def ended_now(self, **facts: object) -> PastRun:
        """Returns the run with what came of it, and with this time as its end."""
        ended = datetime.now(timezone.utc)
        if self._since is not None:
            seconds = time.monotonic() - self._since
        else:  # the clock may have been put back meanwhile
            seconds = max(0.0, (ended - self.began).total_seconds())
        times = {"ended": ended, "seconds": round(seconds, 1)}
        return self.model_copy(update={**times, **facts})


def run_folder(output: str | Path, run_id: str) -> Path:
    """Returns the folder of a run; it need not be there.

    Its name can be used on every file system, and names of times are in their order. A
    run that was not named by TFX, as on Kubeflow, may have any name.
    """
    if _TIME.fullmatch(run_id):
        name = run_id.replace(":", "-")
    elif _PORTABLE.fullmatch(run_id):
        name = run_id
    else:
        digest = hashlib.sha256(run_id.encode()).hexdigest()[:12]
        name = re.sub(r"[^A-Za-z0-9]+", "-", run_id).strip("-")[:60] + f"_{digest}"
    return Path(absolute(output), RUNS, name)


def write_run(output: str | Path, run: PastRun) -> None:
    """Keeps the facts of a run, whole or not at all.

    Paths are those of this moment: they are found anew when the run is read, as the
    output may be moved.

    Raises:
        OSError: They cannot be written.
    """
    log = run.log and os.path.relpath(run.log, absolute(output))
    kept = run.model_copy(update={"log": log})
    folder = run_folder(output, run.run_id)
    folder.mkdir(parents=True, exist_ok=True)
    text = kept.model_dump_json(indent=2, exclude={"summary", "report", "withdrawn"})
    write_whole(folder / RECORD, text + "\n")


def read_run(output: str | Path, run_id: str) -> PastRun | None:
    """Returns a run of an output; None if nothing is kept of it."""
    return _read(Path(absolute(output)), run_folder(output, run_id), is_held(output))


def kept_runs(output: str | Path, *, is_held: bool) -> list[PastRun]:
    """Returns the runs of an output of which something is kept.

    Args:
        output: The folder.
        is_held: Whether a run holds it: one that is under way is not interrupted.
    """
    folder = Path(absolute(output))
    found = [_read(folder, each, is_held) for each in _run_folders(folder)]
    return [run for run in found if run is not None]


def close_interrupted(output: str | Path) -> None:
    """Notes that runs which seem to be under way are not: they were killed.

    Call it while holding the output.

    Raises:
        OSError: It cannot be written.
    """
    folder = Path(absolute(output))
    for each in _run_folders(folder):
        run = _read(folder, each, is_held=True)
        if run is not None and run.verdict == "running" and run.log is not None:
            write_run(output, run.model_copy(update={"verdict": "interrupted"}))


def begun_runs(output: str | Path) -> frozenset[str]:
    """Returns the names of the folders of all runs that ever began."""
    return frozenset(each.name for each in _run_folders(Path(absolute(output))))


def keep_crash(
    output: str | Path, known: Collection[str], reason: str
) -> PastRun | None:
    """Notes that the process of a run has died, and why; returns that run.

    Args:
        output: The folder; no run is under way in it.
        known: What `begun_runs` returned before the process began: the clock may be
            wrong, and say nothing of which run came first.
        reason: Why, as far as it is known.

    Returns:
        The run; None: none has begun since that did not come to its end.

    Raises:
        OSError: It cannot be written.
    """
    folder = Path(absolute(output))
    for each in reversed(_run_folders(folder)):
        run = None if each.name in known else _read(folder, each, is_held=False)
        if run and run.verdict == "interrupted":
            failed = run.ended_now(verdict="failed", reasons=[reason])
            write_run(output, failed)
            return failed
    return None


def claim_telling(output: str | Path, run: PastRun) -> bool:
    """Returns whether nobody has told of this end of a run; then the caller does.

    Two steps of a run may fail at once, or a process that has told may be killed.
    """
    if not run.run_id:
        return True
    path = run_folder(output, run.run_id) / f"{_TOLD}-{run.verdict}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError as error:  # such as a full disk, of which somebody should hear
        _LOGGER.warning("%s cannot be written: %s", path, error.strerror)
    return True


def _run_folders(output: Path) -> list[Path]:
    return sorted(path.parent for path in output.glob(f"{RUNS}/*/{RECORD}"))


def _read(output: Path, folder: Path, is_held: bool) -> PastRun | None:
    path = folder / RECORD
    try:
        run = PastRun.model_validate_json(read_regular(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        _LOGGER.warning(
            "%s is not what was written; what ML Metadata has of that run counts", path
        )
        return None
    facts: dict[str, object] = {
        name: str(folder / file) if (folder / file).exists() else None
        for name, file in (("summary", SUMMARY), ("report", REPORT))
    }
    if run.log is not None:
        facts["log"] = os.path.normpath(output / run.log)
        # A run with a log of its own holds the output; on Kubeflow each step has one.
        if run.verdict == "running" and not is_held:
            facts["verdict"] = "interrupted"
    return run.model_copy(update=facts)


def is_held(output: str | Path) -> bool:
    """Returns whether a run holds the output; the lock is not created."""
    try:
        # No waiting where somebody has put a pipe there.
        flags = os.O_RDONLY | os.O_NONBLOCK
        descriptor = os.open(Path(absolute(output), ".lock"), flags)
    except OSError:
        return False
    try:
        # Shared: looks at the lock beside others, and lets it go at once.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
