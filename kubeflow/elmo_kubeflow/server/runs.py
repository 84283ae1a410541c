"""Runs of the pipeline: which there are, how far each step is, and how one ends."""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from elmo_kubeflow.errors import ApiError, Unreachable

POLL_SECONDS = 5
PATIENCE_SECONDS = 300
"""How long a server may be out of reach while a run is followed."""

# States that a run does not leave.
_ENDED = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELED")
# What the server lists beside the steps: what prepares and starts them, and the group
# of steps that is skipped if nothing is new.
_HELPERS = re.compile(
    r"root|executor(\(\d+\))?|.*-driver(\(\d+\))?|condition-(branches-)?\d+"
)


@dataclass(frozen=True)
class Step:
    """How far one step of a run is.

    Args:
        name: As the pipeline names it.
        state: As KFP names it: `PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED`, ...
        seconds: How long it ran, or has run so far; None before it starts.
        error: What went wrong, one line, or empty.
    """

    name: str
    state: str
    seconds: float | None
    error: str = ""


def steps_of(run: Any) -> list[Step]:
    """Returns the steps of a run, a result of `kfp.Client.get_run`, as they started."""
    steps = [task for task in _tasks(run) if not _is_helper(task)]
    return [_step(task) for task in sorted(steps, key=_begin)]


def follow(
    client: Any,
    run_id: str,
    *,
    report: Callable[[Step], None],
    trouble: Callable[[str], None],
) -> Any:
    """Waits for the end of a run; returns it as `kfp.Client.get_run` does.

    Args:
        client: A connected `kfp.Client`.
        run_id: Id of the run.
        report: Called with each step whose state is new.
        trouble: Called with the error, once each time that the server gets out of
            reach.

    Raises:
        KubeflowError: The server refuses, or is out of reach for five minutes. The
            run goes on.
    """
    reported: dict[str, str] = {}  # step -> state
    last_answer = time.monotonic()
    is_lost = False
    while True:
        try:
            run = client.get_run(run_id)
        except (Unreachable, ApiError) as error:
            is_temporary = isinstance(error, Unreachable) or error.status >= 500
            silence = time.monotonic() - last_answer
            if not is_temporary or silence > PATIENCE_SECONDS:
                raise
            if not is_lost:
                trouble(str(error))
            is_lost = True
            time.sleep(POLL_SECONDS)
            continue
        last_answer, is_lost = time.monotonic(), False
        for step in steps_of(run):
            if reported.get(step.name) != step.state:
                reported[step.name] = step.state
                report(step)
        if run.state in _ENDED:
            return run
        time.sleep(POLL_SECONDS)


def failed_steps(run: Any) -> str:
    """Names the steps that failed, each with its error, in one line.

    If none has, then what prepares a step has failed: its name ends in `-driver`.
    """
    failed = [step for step in steps_of(run) if step.state == "FAILED"]
    if not failed:
        failed = [
            _step(task)
            for task in _tasks(run)
            if task.state == "FAILED" and str(task.display_name).endswith("-driver")
        ]
    named = [step.name + (f" ({step.error})" if step.error else "") for step in failed]
    return ", ".join(named) or _error(run) or "no step reports an error"


def recent(
    client: Any, *, experiment: str, namespace: str | None, count: int
) -> Iterator[Any]:
    """Yields the newest runs of an experiment, newest first.

    Args:
        client: A connected `kfp.Client`.
        experiment: Id of the experiment.
        namespace: Where it belongs; None: what kfp's context file says.
        count: How many at most.

    Raises:
        KubeflowError: The server refuses.
    """
    token = ""
    while count > 0:
        page = client.list_runs(
            page_token=token,
            page_size=min(count, 100),
            sort_by="created_at desc",
            experiment_id=experiment,
            namespace=namespace,
        )
        runs = page.runs or []
        yield from runs[:count]
        count -= len(runs)
        token = page.next_page_token or ""
        if not token:
            return


def seconds_of(
    begin: datetime.datetime | None, end: datetime.datetime | None
) -> float | None:
    """Returns how long something ran, or has run so far; None if it has not begun.

    Args:
        begin: When it began. None or the year 1970, the server's empty time: not yet.
        end: When it ended, likewise.
    """
    if begin is None or not _is_time(begin):
        return None
    now = datetime.datetime.now(datetime.timezone.utc)
    until = end if end is not None and _is_time(end) else now
    return max(0.0, (until - begin).total_seconds())


def _tasks(run: Any) -> list[Any]:
    return (run.run_details.task_details if run.run_details else None) or []


def _is_helper(task: Any) -> bool:
    if _HELPERS.fullmatch(str(task.display_name)):
        return True
    # The workflow is a task as well, and its pods have its name before their own.
    prefix = f"{task.display_name}-"
    return any(str(c.pod_name).startswith(prefix) for c in task.child_tasks or [])


def _begin(task: Any) -> datetime.datetime:
    """Returns when a task began; if it has not, when it was created."""
    for time_ in (task.start_time, task.create_time):
        if _is_time(time_):
            return time_
    return datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)


def _step(task: Any) -> Step:
    return Step(
        str(task.display_name),
        task.state or "PENDING",
        seconds_of(task.start_time, task.end_time),
        _error(task),
    )


def _error(run_or_task: Any) -> str:
    message = run_or_task.error.message if run_or_task.error else ""
    return " ".join(str(message or "").split())


def _is_time(time_: datetime.datetime | None) -> bool:
    return time_ is not None and time_.year > 1970
