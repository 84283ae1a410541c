"""Tests of finished_runs, on a real store."""

from __future__ import annotations

import pytest

from pipeline.metadata.runs import FinishedRuns
from pipeline.metadata.store import open_store


@pytest.fixture
def runs(tmp_path) -> FinishedRuns:
    return FinishedRuns(open_store(tmp_path / "metadata.sqlite"), "ours")


def test_runs_of_another_pipeline_do_not_count(runs, tmp_path):
    runs.record("a", "print-1", "1")
    others = FinishedRuns(open_store(tmp_path / "metadata.sqlite"), "theirs")
    assert others.latest() is None
    others.record("b", "print-2", "2")
    assert runs.latest().run_id == "a"


def test_there_is_none_at_first(runs):
    assert runs.latest() is None


def test_the_last_one_that_ended_counts(runs):
    runs.record("b", "print-1", "1")
    runs.record("a", "print-2", "2")
    latest = runs.latest()
    assert (latest.run_id, latest.fingerprint, latest.span) == ("a", "print-2", "2")
    assert latest.ended.tzinfo is not None


def test_recording_a_run_again_changes_nothing(runs):
    runs.record("a", "print-1", "1")
    runs.record("b", "print-2", "2")
    ended = runs.latest().ended
    runs.record("a", "print-1", "1")
    assert (runs.latest().run_id, runs.latest().ended) == ("b", ended)
