"""`elmo-tfx kubeflow runs` and `show`."""

from __future__ import annotations

import datetime

import pytest

from elmo_kubeflow.server import runs
from tests.kubeflow.kfp_command import error_of, kubeflow
from tests.kubeflow.kfp_runs import BEGIN, task


@pytest.fixture
def three(server, package):
    """Ids of three runs, oldest first."""
    for _ in range(3):
        kubeflow("submit", "--package", package, "--host", server.address)
    return list(server.state.runs)


def test_the_newest_runs_come_first_from_as_many_pages_as_it_takes(server, three):
    result = kubeflow("runs", "--host", server.address)
    assert result.exit_code == 0, result.output
    heading, *lines = result.stdout.splitlines()
    assert heading.split() == ["RUN", "STATE", "CREATED", "SECONDS", "NAME"]
    assert [line.split()[0] for line in lines] == three[::-1]
    assert lines[0].split()[1:4] == ["pending", "2026-03-01", "03:00"]


def test_no_more_runs_than_asked_for_are_listed(server, three):
    result = kubeflow("runs", "--host", server.address, "--count", "1")
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == three[-1:]


def test_an_absent_experiment_is_named(server):
    error = error_of(kubeflow("runs", "--host", server.address, "--pipeline", "x"))
    assert "there is no experiment x" in error


def test_a_run_is_shown_step_by_step(server, three):
    workflow = "elmo-tfx-x7f2k"
    later = BEGIN + datetime.timedelta(seconds=70)
    server.state.script = [
        {
            "state": "FAILED",
            "finished_at": "2026-03-01T03:02:00Z",
            "tasks": [
                task(workflow, "FAILED", 120, pods=(f"{workflow}-1",)),
                task("root", "FAILED", 120),
                task("root-driver", "SUCCEEDED", 3),
                task("train", "FAILED", 40, error="out of memory", begin=later),
                task("train-driver", "SUCCEEDED", 3),
                task("condition-1", "FAILED", 110),
                task("executor", "SUCCEEDED", 55),
                task("executor(0)", "FAILED", 55),
                task("ingest", "SUCCEEDED", 60, pods=(f"{workflow}-2",)),
            ],
        }
    ]
    result = kubeflow("show", three[0], "--host", server.address)
    assert result.exit_code == 0, result.output
    head, _, *steps = result.stdout.splitlines()
    assert head.startswith(f"{three[0]} failed 120 s")
    assert [step.split(maxsplit=3) for step in steps] == [
        ["ingest", "succeeded", "60"],
        ["train", "failed", "40", "out of memory"],
    ]


def test_showing_can_wait_for_the_end(server, three, monkeypatch):
    monkeypatch.setattr(runs, "POLL_SECONDS", 0)
    server.state.script = [{"state": "RUNNING"}, {"state": "FAILED"}]
    error = error_of(kubeflow("show", three[0], "--host", server.address, "--wait"))
    assert three[0] in error


def test_an_absent_run_is_one_line(server):
    error = error_of(kubeflow("show", "nonsense", "--host", server.address))
    assert "has no such thing (404)" in error
    assert "Run nonsense not found" in error
