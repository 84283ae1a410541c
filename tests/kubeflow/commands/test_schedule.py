"""`elmo-tfx kubeflow schedule`: known by name, replaced without a gap."""

from __future__ import annotations

import pytest

from tests.kubeflow.kfp_command import error_of, kubeflow
from tests.kubeflow.kfp_package import write_package

_NIGHTLY = "0 0 3 * * *"


@pytest.fixture
def create(server, package):
    def call(*args, name="nightly", cron=_NIGHTLY, package=package):
        return kubeflow(
            *("schedule", "create", name, "--cron", cron, "--package", package),
            *("--host", server.address, *args),
        )

    return call


@pytest.fixture
def schedule(server):
    def call(*args):
        return kubeflow("schedule", *args, "--host", server.address)

    return call


def test_a_schedule_reads_the_latest_span_one_run_at_a_time(create, server):
    result = create()
    assert result.stdout == "schedule nightly: created\n"
    sent = server.last("create_recurring_run").body
    assert sent["display_name"] == "nightly"
    assert sent["trigger"] == {"cron_schedule": {"cron": _NIGHTLY}}
    assert sent["runtime_config"] == {"parameters": {"span": "latest"}}
    assert sent["no_catchup"] is True
    assert sent["max_concurrency"] == 1
    assert sent["mode"] == "ENABLE"
    assert sent["pipeline_version_reference"]["pipeline_version_id"] in (
        server.state.versions
    )


def test_the_same_command_again_changes_nothing(create, server):
    create("--training-steps", "5")
    (before,) = server.state.recurring
    result = create("--training-steps", "5", cron="0  0 3 * * *")
    assert result.stdout == "schedule nightly: unchanged\n"
    assert list(server.state.recurring) == [before]
    assert server.calls("create_recurring") == ["create_recurring_run"]


@pytest.mark.parametrize(
    "change",
    [
        {"cron": "0 30 3 * * *"},
        {"args": ["--span", "7"]},
        {"args": ["--force-run"]},
        {"other": True},
    ],
    ids=["cron", "span", "force", "package"],
)
def test_what_has_changed_is_replaced_the_new_one_first(
    create, server, tmp_path, change
):
    create()
    (before,) = server.state.recurring
    options = {"cron": change.get("cron", _NIGHTLY)}
    if change.get("other"):
        options["package"] = write_package(tmp_path / "p.yaml", data_pattern="/o/*")
    result = create(*change.get("args", []), **options)
    assert result.stdout == "schedule nightly: replaced\n"
    assert len(server.state.recurring) == 1
    assert before not in server.state.recurring
    assert [c for c in server.calls() if c.endswith("e_recurring_run")] == [
        "create_recurring_run",
        "create_recurring_run",
        "delete_recurring_run",
    ]


@pytest.mark.parametrize(
    "other",
    [{"max_concurrency": "5"}, {"no_catchup": False}],
    ids=lambda o: next(iter(o)),
)
def test_a_schedule_that_was_made_otherwise_is_replaced(create, server, other):
    create()
    (made,) = server.state.recurring.values()
    made.update(other)
    assert create().stdout == "schedule nightly: replaced\n"


def test_a_paused_schedule_that_is_replaced_stays_paused(create, schedule, server):
    create()
    schedule("pause", "nightly")
    create(cron="0 30 3 * * *")
    assert [r["status"] for r in server.state.recurring.values()] == ["DISABLED"]


def test_what_an_interrupted_replacement_left_is_deleted(create, server):
    create(cron="0 30 3 * * *")
    old = dict(server.state.recurring)
    create()
    server.state.recurring.update(old)  # as if the old one had not been deleted
    assert create().stdout == "schedule nightly: replaced\n"
    (left,) = server.state.recurring.values()
    assert left["trigger"]["cron_schedule"]["cron"] == _NIGHTLY


def test_another_name_is_another_schedule(create, server):
    create()
    create(name="hourly", cron="0 0 * * * *")
    assert len(server.state.recurring) == 2


def test_a_schedule_is_paused_resumed_and_deleted_by_name(create, schedule, server):
    create()
    (number,) = server.state.recurring
    assert schedule("pause", "nightly").stdout == "schedule nightly: paused\n"
    assert server.state.recurring[number]["status"] == "DISABLED"
    assert schedule("resume", "nightly").stdout == "schedule nightly: resumed\n"
    assert server.state.recurring[number]["status"] == "ENABLED"
    assert schedule("delete", "nightly").stdout == "schedule nightly: deleted\n"
    assert server.state.recurring == {}


@pytest.mark.parametrize("verb", ["pause", "resume", "delete"])
def test_an_unknown_name_is_refused_with_the_known_ones(create, schedule, verb):
    create()
    error = error_of(schedule(verb, "nihgtly"))
    assert "there is no schedule nihgtly; the schedules are: nightly" in error


def test_schedules_are_listed_by_name_from_all_pages(create, schedule):
    for name in ("c", "a", "b"):
        create(name=name)
    schedule("pause", "b")
    lines = schedule("list").stdout.splitlines()
    assert lines == [
        "NAME    STATE    CRON         PARAMETERS",
        'a       on       0 0 3 * * *  span="latest"',
        'b       paused   0 0 3 * * *  span="latest"',
        'c       on       0 0 3 * * *  span="latest"',
    ]


@pytest.mark.parametrize("cron", ["0 3 * * *", "61 0 3 * * *", "0 0 3 30 2 *", "hello"])
def test_a_cron_expression_is_checked_before_anything_is_sent(create, server, cron):
    assert "cron expression" in error_of(create(cron=cron), code=2)
    assert server.requests == []
