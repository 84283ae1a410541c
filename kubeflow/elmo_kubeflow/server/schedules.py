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
        name: Its name, one among those of the experiment.
        cron: Six fields, second first.
        parameters: What differs from the pipeline's defaults.
        service_account: Who the steps are; None: the cluster's own.

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
    client: Any, wanted: Wanted, uploaded: Uploaded, *, experiment: str
) -> Literal["created", "replaced", "unchanged"]:
    """Makes a schedule what is wanted; the same call again changes nothing.

    KFP cannot change a recurring run. A new one is made before the old one goes, so
    that no time is lost; where that was cut short, the next call tidies up. A
    schedule that was paused stays so.

    Args:
        client: A connected `kfp.Client`.
        wanted: What it is to be.
        uploaded: Which version of the pipeline it runs.
        experiment: Id of the experiment that its runs belong to.

    Raises:
        KubeflowError: The server refuses.
    """
    old = _named(client, wanted.name, experiment)
    same = [found for found in old if _is_same(found, wanted, uploaded)]
    if not same:
        _create(client, wanted, uploaded, experiment, enabled=not _all_paused(old))
    for found in old:
        if found not in same[:1]:
            client.delete_recurring_run(found.recurring_run_id)
    if not old:
        return "created"
    return "unchanged" if len(old) == len(same) == 1 else "replaced"


def pause(client: Any, name: str, *, experiment: str) -> None:
    """Lets a schedule start no more runs; one that runs goes on.

    Raises:
        NotFound: There is none of that name.
        KubeflowError: The server refuses.
    """
    for found in _existing(client, name, experiment):
        client.disable_recurring_run(found.recurring_run_id)


def resume(client: Any, name: str, *, experiment: str) -> None:
    """Lets a schedule start runs again; times that it has missed are not made up for.

    Raises:
        NotFound: There is none of that name.
        KubeflowError: The server refuses.
    """
    for found in _existing(client, name, experiment):
        client.enable_recurring_run(found.recurring_run_id)


def delete(client: Any, name: str, *, experiment: str) -> None:
    """Removes a schedule; its runs stay.

    Raises:
        NotFound: There is none of that name.
        KubeflowError: The server refuses.
    """
    for found in _existing(client, name, experiment):
        client.delete_recurring_run(found.recurring_run_id)


def schedules(client: Any, *, experiment: str, name: str | None = None) -> list[Any]:
    """Gives the recurring runs of an experiment, by name.

    Raises:
        KubeflowError: The server refuses.
    """
    found: list[Any] = []
    token = ""
    while True:
        page = client.list_recurring_runs(
            page_token=token,
            page_size=100,
            experiment_id=experiment,
            filter=None if name is None else by_name(name),
        )
        found.extend(page.recurring_runs or [])
        token = page.next_page_token or ""
        if not token:
            return sorted(found, key=lambda run: str(run.display_name))


def cron_of(recurring_run: Any) -> str:
    """The cron expression of a recurring run; empty where it has an interval."""
    trigger = recurring_run.trigger
    schedule = trigger.cron_schedule if trigger else None
    return str(schedule.cron) if schedule else ""


def is_paused(recurring_run: Any) -> bool:
    """Whether a recurring run starts no runs at present."""
    return recurring_run.status == "DISABLED"


def _named(client: Any, name: str, experiment: str) -> list[Any]:
    return schedules(client, experiment=experiment, name=name)


def _existing(client: Any, name: str, experiment: str) -> list[Any]:
    found = _named(client, name, experiment)
    if not found:
        others = [s.display_name for s in schedules(client, experiment=experiment)]
        raise NotFound(
            f"there is no schedule {name}; there is: {', '.join(others) or 'none'}"
        )
    return found


def _create(
    client: Any, wanted: Wanted, uploaded: Uploaded, experiment: str, *, enabled: bool
) -> None:
    client.create_recurring_run(
        experiment,
        wanted.name,
        cron_expression=wanted.cron,
        max_concurrency=_MAX_CONCURRENCY,
        # After a pause, or a time without a server, one run does what many would.
        no_catchup=True,
        params=dict(wanted.parameters),
        pipeline_id=uploaded.pipeline_id,
        version_id=uploaded.version_id,
        enabled=enabled,
        service_account=wanted.service_account,
    )


def _all_paused(old: list[Any]) -> bool:
    return bool(old) and all(map(is_paused, old))


def _is_same(found: Any, wanted: Wanted, uploaded: Uploaded) -> bool:
    reference = found.pipeline_version_reference
    parameters = found.runtime_config.parameters if found.runtime_config else None
    return (
        cron_of(found).split() == wanted.cron.split()
        and dict(parameters or {}) == dict(wanted.parameters)
        and reference is not None
        and reference.pipeline_version_id == uploaded.version_id
        # Text, as JSON has it for whole numbers of 64 bits.
        and int(found.max_concurrency or 0) == _MAX_CONCURRENCY
        and bool(found.no_catchup)
        # The server fills in its own account where none is named.
        and (wanted.service_account in (None, found.service_account))
    )
