"""Tests of pipeline.scheduling.store: whole lines, whatever was killed when."""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from pipeline.config import ConfigError
from pipeline.scheduling.outcome import Outcome
from pipeline.scheduling.store import HistoryUnreadable, PastRun, ScheduleFolder, SeenTo

_START = datetime(2026, 11, 26, 3, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.fixture
def folder(tmp_path) -> ScheduleFolder:
    folder = ScheduleFolder(tmp_path / "out")
    folder.path.mkdir(parents=True)
    return folder


def _past(run: int, **outcome) -> PastRun:
    values = {"outcome": "pushed", "log": "x.log", "version": 17, **outcome}
    ended = _START + timedelta(seconds=90.5)
    return PastRun(run, _START, _START, ended, 0, Outcome(**values))


def test_a_line_says_when_with_the_time_zone_and_how_long(folder):
    folder.append_to_history(_past(1, removed_versions=(15, 16)))
    line = json.loads(folder.history.read_text())
    assert line["scheduled"] == "2026-11-26T03:00:00+01:00"
    assert line["ended"] == "2026-11-26T03:01:30.500+01:00"
    assert line["seconds"] == 90.5
    assert (line["outcome"], line["version"]) == ("pushed", 17)
    assert line["removed_versions"] == [15, 16]


@pytest.mark.parametrize(
    ("year", "zone"), [(1800, "Europe/Berlin"), (1970, "Africa/Monrovia")]
)
def test_times_with_seconds_in_their_offset_are_read_again(folder, year, zone):
    then = datetime(year, 1, 1, tzinfo=ZoneInfo(zone))
    folder.append_to_history(PastRun(1, then, then, then, 0, Outcome("interrupted")))
    folder.write_seen_to(SeenTo("* * * * *", zone, then))
    assert folder.read_history()[0].scheduled == then
    assert folder.read_seen_to().until == then


def test_what_was_appended_is_read_in_order(folder):
    assert folder.read_history() == []
    refused = _past(2, outcome="refused", version=None, reasons=("auc 0.5 is low",))
    folder.append_to_history(_past(1))
    folder.append_to_history(refused)
    assert folder.read_history() == [_past(1), refused]


def test_a_log_is_where_the_output_is_now(folder):
    folder.append_to_history(_past(1, log="/before/out/schedule/logs/run-1.log"))
    folder.append_to_history(_past(2, log="/before/out/logs/then.log"))
    folder.append_to_history(_past(3, log="/before/out/logs/gone.log"))
    for path in (folder.log_of(1), folder.output / "logs" / "then.log"):
        path.parent.mkdir()
        path.touch()
    assert [past.outcome.log for past in folder.read_history()] == [
        str(folder.log_of(1)),
        f"{folder.output}/logs/then.log",
        "/before/out/logs/gone.log",
    ]


def test_half_a_line_is_passed_over_and_cut_off_by_the_next_one(folder):
    folder.append_to_history(_past(1))
    whole = folder.history.read_bytes()
    folder.history.write_bytes(whole + whole[:40])
    assert [past.run for past in folder.read_history()] == [1]
    folder.append_to_history(_past(2))
    assert [past.run for past in folder.read_history()] == [1, 2]
    assert folder.history.read_bytes().count(b"\n") == 2


def test_a_history_of_half_a_line_only_begins_anew(folder):
    folder.history.write_bytes(b'{"run": 1, "sched')
    assert folder.read_history() == []
    folder.append_to_history(_past(1))
    assert [past.run for past in folder.read_history()] == [1]


def test_a_line_that_was_spoilt_is_named(folder):
    folder.append_to_history(_past(1))
    with folder.history.open("a") as file:
        file.write("my notes\n")
    with pytest.raises(HistoryUnreadable, match="line 2 of the history .*'my notes'"):
        folder.read_history()


@pytest.mark.parametrize(
    "wrong",
    [
        {"run": "one"},
        {"run": True},
        {"run": None},
        {"exit_code": "0"},
        {"scheduled": 5},
        {"started": "2026-11-26T03:00:00"},
        {"ended": None},
        {"outcome": "won"},
        {"outcome": {}},
        {"reasons": 5},
        {"reasons": [5]},
        {"removed_versions": "15"},
        {"accuracy": "high"},
        {"accuracy": math.nan},  # of which --json could make no JSON
        {"accuracy": math.inf},
        {"run_id": ["r"]},
        {"log": 5},
    ],
    ids=str,
)
def test_a_line_with_a_value_of_another_type_is_named(folder, wrong):
    folder.append_to_history(_past(1))
    line = {**_past(2).to_json(), **wrong}
    with folder.history.open("a") as file:
        file.write(json.dumps(line) + "\n")
    with pytest.raises(HistoryUnreadable, match="line 2 of the history"):
        folder.read_history()


@pytest.mark.parametrize(
    "line",
    ["[]", "5", "null", '"run"', "{}", "\x00", "[" * 200_000]
    + ['{"x": %s}' % ("[" * levels + "]" * levels) for levels in range(900, 1000)],
)
def test_a_line_that_is_no_object_is_named(folder, line):
    folder.history.write_text(line + "\n")
    with pytest.raises(HistoryUnreadable, match="line 1 of the history"):
        folder.read_history()


@pytest.mark.parametrize(
    "until",
    ["2026-11-26T03:00:00", 5, None, "soon", "9999-12-31T23:59:59+00:00"]
    + ["0001-01-01T00:00:00+14:00"],
)
def test_a_state_that_cannot_be_compared_with_a_clock_is_refused(folder, until):
    folder.write_seen_to(SeenTo("* * * * *", "UTC", _START))
    assert folder.read_seen_to().until == _START
    state = folder.path / "state.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "until": until}))
    with pytest.raises(ConfigError, match="state cannot be read"):
        folder.read_seen_to()


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(folder):
    for path in (folder.history, folder.outcome, folder.path / "state.json"):
        os.mkfifo(path)
    for read in (folder.read_history, folder.read_seen_to):
        with pytest.raises(OSError, match="is not a file"):
            read()
    assert folder.read_outcome().outcome == "failed", "it ends no schedule"


@pytest.mark.parametrize("left", ["", "[]", '{"outcome": "won"}', '{"log": 5}'])
def test_an_outcome_that_cannot_be_read_is_that_of_a_failed_run(folder, left):
    assert folder.read_outcome() is None
    folder.outcome.write_text(left)
    outcome = folder.read_outcome()
    assert outcome.outcome == "failed"
    assert str(folder.outcome) in outcome.reason


def test_a_folder_of_others_is_refused(folder):
    folder.config.write_text("mine")
    with pytest.raises(ConfigError, match="config.json is not of a schedule, and"):
        folder.locked()
    assert folder.config.read_text() == "mine"


@pytest.mark.parametrize("name", ["schedule", "schedule/logs"])
def test_a_folder_that_a_copy_would_share_is_refused(folder, tmp_path, name):
    (tmp_path / "large").mkdir()
    shared = folder.path.parent / name
    with folder.locked():
        shutil.rmtree(shared)
    shared.symlink_to(tmp_path / "large")
    with pytest.raises(ConfigError, match=f"{name} is a link, and another schedule"):
        folder.locked()
    assert not any((tmp_path / "large").iterdir())


def test_what_a_killed_schedule_left_half_written_is_removed(folder):
    with folder.locked():
        pass
    old, new = (folder.path / f".state.json.{c * 32}.part" for c in "ab")
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    with folder.locked():
        assert not old.exists() and new.exists()


def test_a_clock_that_was_put_back_makes_no_run_shorter_than_nothing():
    now = datetime.now(timezone.utc)
    past = PastRun(1, now, now, now - timedelta(hours=1), 0, Outcome("pushed"))
    assert past.seconds == 0


def _as_symbolic_link(path, other):
    path.symlink_to(other)


def _as_hard_link(path, other):
    path.hardlink_to(other)


@pytest.mark.parametrize("link", [_as_symbolic_link, _as_hard_link])
def test_what_a_link_leads_to_stays_as_it_is(folder, tmp_path, link):
    other = tmp_path / "other"
    other.write_text(json.dumps(_past(1).to_json()) + "\n")
    before = (other.read_text(), other.stat().st_mode)
    for path in (folder.history, folder.config):
        link(path, other)
    folder.append_to_history(_past(2))
    folder.write_config("{}")
    assert (other.read_text(), other.stat().st_mode) == before
    assert folder.read_history() == [_past(1), _past(2)]
    assert folder.config.read_text() == "{}"
    assert folder.config.stat().st_mode & 0o777 == 0o600
    assert not folder.config.is_symlink() and not folder.history.is_symlink()


def test_nothing_appears_where_a_link_leads_nowhere(folder, tmp_path):
    folder.history.symlink_to(tmp_path / "gone")
    folder.append_to_history(_past(1))
    assert folder.read_history() == [_past(1)]
    assert not (tmp_path / "gone").exists()


def test_a_pipe_in_the_place_of_the_configuration_is_replaced(folder):
    os.mkfifo(folder.config)
    folder.write_config("{}")
    assert folder.config.read_text() == "{}"


def test_a_line_that_has_no_room_is_named_with_its_file(folder):
    folder.append_to_history(_past(1))
    size = folder.history.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, before[1]))
    try:
        with pytest.raises(OSError, match="only 10 of .* bytes") as caught:
            folder.append_to_history(_past(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(folder.history)
    assert folder.read_history() == [_past(1)]


def test_the_lock_of_a_run_is_a_file_of_its_own(folder, tmp_path):
    lock = folder.path / "run.lock"
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="is a link"), folder.run_held():
        pytest.fail("it was followed")
    assert not (tmp_path / "elsewhere").exists()
    lock.unlink()
    with folder.run_held():
        (tmp_path / "other").hardlink_to(lock)
    with folder.run_held():  # shared with a copy
        assert not lock.samefile(tmp_path / "other")
    lock.unlink()
    os.mkfifo(lock)
    with folder.run_held():  # a pipe is not waited for
        pass
