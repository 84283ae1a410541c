"""Schedules: recurring runs of the pipeline, each known by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from elmo_kubeflow.errors import NotFound
from elmo_kubeflow.server.client import by_name
from elmo_kubeflow.server.submit import Uploaded
from pipeline.scheduling.cron import check_cron

FIELDS = 6  # of a cron expression: Kubeflow Pipelines has seconds first
_MAX_CONCURRENCY = 1  # runs share one output, which one of them holds at a time


@dataclass(frozen=True)
class Wanted:
    """What a schedule is to be.

    Args:
        name: Its name, unique in its experiment.
        cron: Six fields, second first.
        parameters: What differs from the pipeline's defaults.
        service_account: The account of the steps; None: the cluster's own.

    Raises:
        CronError: The expression cannot be used.
    """

    name: str
    cron: str
    parameters: Mapping[str, Any]
    service_account: str | None = None

    def __post_init__(self) -> None:
        check_cron(self.cron, fields=FIELDS)


def put(
    client: Any, wanted: Wanted, uploaded: Uploaded
) -> Literal["created", "replaced", "unchanged"]:
    """Makes a schedule what is wanted; the same call again changes nothing.

    KFP cannot change a recurring run. A new one is made before the old one is
    deleted, so that no time is missed; if that was interrupted, the next call deletes
    what is left. A schedule that was paused stays paused.

    Args:
        client: A connected `kfp.Client`.
        wanted: What it is to be.
        uploaded: Which version of the pipeline it runs, and in which experiment.

    Raises:
        KubeflowError: The server refuses.
    """
    old = schedules(client, experiment=uploaded.experiment_id, name=wanted.name)
    same = [schedule for schedule in old if _is_same(schedule, wanted, uploaded)]
    if not same:
        stays_paused = bool(old) and all(map(is_paused, old))
        client.create_recurring_run(
            uploaded.experiment_id,
            wanted.name,
            cron_expression=wanted.cron,
            max_concurrency=_MAX_CONCURRENCY,
            # After a pause, or a time without a server, one run does what many would.
            no_catchup=True,
            params=dict(wanted.parameters),
            pipeline_id=uploaded.pipeline_id,
            version_id=uploaded.version_id,
            enabled=not stays_paused,
            service_account=wanted.service_account,
        )
    for schedule in old:
        if schedule not in same[:1]:
            client.delete_recurring_run(schedule.recurring_run_id)
    if not old:
        return "created"
    return "unchanged" if len(old) == len(same) == 1 else "replaced"


def change(
    client: Any,
    action: Literal["pause", "resume", "delete"],
    name: str,
    *,
    experiment: str,
) -> None:
    """Pauses, resumes or deletes a schedule; runs that it has started go on.

    Args:
        client: A connected `kfp.Client`.
        action: What to do.
        name: Name of the schedule.
        experiment: Id of its experiment.

    Raises:
        NotFound: There is no schedule of that name.
        KubeflowError: The server refuses.
    """
    call = {
        "pause": client.disable_recurring_run,
        "resume": client.enable_recurring_run,
        "delete": client.delete_recurring_run,
    }[action]
    named = schedules(client, experiment=experiment, name=name)
    if not named:
        others = [s.display_name for s in schedules(client, experiment=experiment)]
        raise NotFound(
            f"there is no schedule {name}; the schedules are: "
            f"{', '.join(others) or 'none'}"
        )
    for schedule in named:
        call(schedule.recurring_run_id)


def schedules(client: Any, *, experiment: str, name: str | None = None) -> list[Any]:
    """Returns the recurring runs of an experiment, sorted by name.

    Args:
        client: A connected `kfp.Client`.
        experiment: Id of the experiment.
        name: Only those of this name; default: all.

    Raises:
        KubeflowError: The server refuses.
    """
    recurring_runs: list[Any] = []
    token = ""
    while True:
        page = client.list_recurring_runs(
            page_token=token,
            page_size=100,
            experiment_id=experiment,
            filter=None if name is None else by_name(name),
        )
        recurring_runs.extend(page.recurring_runs or [])
        token = page.next_page_token or ""
        if not token:
            return sorted(recurring_runs, key=lambda run: str(run.display_name))


def cron_of(recurring_run: Any) -> str:
    """Returns the cron expression of a recurring run; empty if it has an interval."""
    trigger = recurring_run.trigger
    schedule = trigger.cron_schedule if trigger else None
    return str(schedule.cron) if schedule else ""


def is_paused(recurring_run: Any) -> bool:
    """Returns whether a recurring run is paused."""
    return recurring_run.status == "DISABLED"


def _is_same(schedule: Any, wanted: Wanted, uploaded: Uploaded) -> bool:
    reference = schedule.pipeline_version_reference
    parameters = schedule.runtime_config.parameters if schedule.runtime_config else None
    return (
        cron_of(schedule).split() == wanted.cron.split()
        and dict(parameters or {}) == dict(wanted.parameters)
        and reference is not None
        and reference.pipeline_version_id == uploaded.version_id
        # JSON has whole numbers of 64 bits as text.
        and int(schedule.max_concurrency or 0) == _MAX_CONCURRENCY
        and bool(schedule.no_catchup)
        # The server fills in its own account where none is named.
        and (wanted.service_account in (None, schedule.service_account))
    )
