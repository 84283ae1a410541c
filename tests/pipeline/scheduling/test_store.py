"""Tests of pipeline.scheduling.store: whole lines, whatever was killed when."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline.scheduling.outcome import Outcome
from pipeline.scheduling.store import HistoryUnreadable, PastRun, append, read

_START = datetime(2026, 11, 26, 3, tzinfo=ZoneInfo("Europe/Berlin"))


def _past(run: int, **outcome) -> PastRun:
    given = {"outcome": "pushed", "log": "x.log", "version": 17, **outcome}
    ended = _START + timedelta(seconds=90.5)
    return PastRun(run, _START, _START, ended, 0, Outcome(**given))


def test_a_line_says_when_with_the_time_zone_and_how_long(tmp_path):
    path = tmp_path / "history.jsonl"
    append(path, _past(1, removed_versions=(15, 16)))
    line = json.loads(path.read_text())
    assert line["scheduled"] == "2026-11-26T03:00:00+01:00"
    assert line["ended"] == "2026-11-26T03:01:30.500+01:00"
    assert line["seconds"] == 90.5
    assert (line["outcome"], line["version"]) == ("pushed", 17)
    assert line["removed_versions"] == [15, 16]


def test_what_was_appended_is_read_in_order(tmp_path):
    path = tmp_path / "history.jsonl"
    assert read(path) == []
    refused = _past(2, outcome="refused", version=None, reasons=("auc 0.5 is low",))
    append(path, _past(1))
    append(path, refused)
    assert read(path) == [_past(1), refused]


def test_half_a_line_is_passed_over_and_cut_off_by_the_next_one(tmp_path):
    path = tmp_path / "history.jsonl"
    append(path, _past(1))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    assert [past.run for past in read(path)] == [1]
    append(path, _past(2))
    assert [past.run for past in read(path)] == [1, 2]
    assert path.read_bytes().count(b"\n") == 2


def test_a_history_of_half_a_line_only_begins_anew(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_bytes(b'{"run": 1, "sched')
    assert read(path) == []
    append(path, _past(1))
    assert [past.run for past in read(path)] == [1]


def test_a_line_that_was_spoilt_is_named(tmp_path):
    path = tmp_path / "history.jsonl"
    append(path, _past(1))
    with path.open("a") as file:
        file.write("my notes\n")
    with pytest.raises(HistoryUnreadable, match="line 2 of the history .*'my notes'"):
        read(path)
