"""Waits for the end of a run before the eyes of who started it."""

from __future__ import annotations

from typing import Any

import click

from elmo_kubeflow import runs
from elmo_kubeflow.errors import KubeflowError, RunEnded


class Interrupted(click.ClickException):
    """Who waited has left; the code is that of a shell for Ctrl-C."""

    exit_code = 130


def wait_for(client: Any, run_id: str) -> None:
    """Shows each step of a run on stderr until the run ends.

    Raises:
        RunEnded: It has not succeeded; the message names the step.
        KubeflowError: The server cannot be asked any more; the run goes on.
        Interrupted: It was no more waited for; the run goes on.
    """
    again = f"(hint: elmo-tfx kubeflow show {run_id} --wait)"
    try:
        run = runs.follow(client, run_id, report=_report, trouble=_complain)
    except KeyboardInterrupt as error:
        raise Interrupted(f"interrupted; the run goes on {again}") from error
    except KubeflowError as error:
        raise KubeflowError(f"the run goes on unseen: {error} {again}") from error
    seconds = runs.seconds_of(run.created_at, run.finished_at)
    took = "" if seconds is None else f" after {seconds:.0f} s"
    if run.state != "SUCCEEDED":
        raise RunEnded(
            f"run {run_id} has {run.state.lower()}{took}: {runs.what_failed(run)}"
            if run.state == "FAILED"
            else f"run {run_id} was {run.state.lower()}{took}"
        )
    click.echo(f"succeeded{took}", err=True)


def state_of(step: runs.Step) -> str:
    """The state of a step, and how long it ran."""
    seconds = "" if step.seconds is None else f" ({step.seconds:.0f} s)"
    error = f": {step.error}" if step.error else ""
    return f"{step.name}: {step.state.lower()}{seconds}{error}"


def _report(step: runs.Step) -> None:
    click.echo(state_of(step), err=True)


def _complain(trouble: str) -> None:
    click.echo(f"{trouble}; asking again", err=True)
