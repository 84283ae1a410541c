"""Tests of pipeline.scheduling.store: whole lines, whatever was killed when."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline.scheduling.outcome import Outcome
from pipeline.scheduling.store import HistoryUnreadable, PastRun, ScheduleFolder

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


def test_what_was_appended_is_read_in_order(folder):
    assert folder.read_history() == []
    refused = _past(2, outcome="refused", version=None, reasons=("auc 0.5 is low",))
    folder.append_to_history(_past(1))
    folder.append_to_history(refused)
    assert folder.read_history() == [_past(1), refused]


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
