from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.batch import session
from benchmarks.batch.attempts import Attempt
from benchmarks.batch.contenders import CONTENDERS, Outcome
from benchmarks.batch.processes import Usage
from benchmarks.errors import NotMeasured

SIZES = {"small": 200, "rows": 300, "large": 400}
BARE, PREDICT, TFX = list(CONTENDERS)[:3]


def test_each_start_up_is_measured_once_and_before_what_needs_it():
    assert list(session.jobs(SIZES)) == [
        ("bare loop", 300),
        ("elmo-tfx predict", 100),
        ("elmo-tfx predict", 300),
        ("TFX BulkInferrer", 100),
        ("TFX BulkInferrer", 300),
        ("elmo-tfx predict", 200),
        ("elmo-tfx predict", 400),
        ("predict, 2 threads", 100),
        ("predict, 2 threads", 300),
        ("predict, 2 processes", 100),
        ("predict, 2 processes", 300),
    ]


def test_sizes_that_are_the_same_are_measured_once():
    same = {"small": 300, "rows": 300, "large": 300}
    assert list(session.jobs(same)).count(("elmo-tfx predict", 300)) == 1


class _Attempts:
    """Stands in for processes: row by row a second, each pass a second slower."""

    def __init__(self, failing=()):
        self.made = []
        self._failing = failing

    def __call__(self, name, rows, **_):
        self.made.append((name, rows))
        if (name, rows) in self._failing:
            raise NotMeasured("boom")
        seconds = rows + self.made.count((name, rows))
        net = {"wall_seconds": float(rows), "core_seconds": 2.0 * rows}
        return Attempt(
            usage=Usage(wall_seconds=seconds, core_seconds=3.0 * rows, peak_mib=1.0),
            outcome=Outcome(rows=rows, net=net if name == BARE else None, version="7"),
        )


def _run(monkeypatch, tmp_path, attempts, *, repeats=2):
    monkeypatch.setattr(session, "attempt", attempts)
    return session.run_all(
        tmp_path,
        model=Path("model"),
        source=Path("reviews.csv"),
        texts=["a", "abc"],
        sizes=SIZES,
        repeats=repeats,
    )


def test_the_fastest_pass_counts(monkeypatch, tmp_path):
    attempts = _Attempts()
    results = _run(monkeypatch, tmp_path, attempts)
    assert attempts.made.count((PREDICT, 300)) == 2
    run = results.find(PREDICT, "rows")
    assert (run.whole.wall_seconds, run.start_up.wall_seconds) == (301.0, 101.0)
    assert run.net.rows_per_second == pytest.approx(1.0)


def test_a_contender_that_measures_itself_needs_no_run_for_its_start_up(
    monkeypatch, tmp_path
):
    attempts = _Attempts()
    run = _run(monkeypatch, tmp_path, attempts).find(BARE, "rows")
    assert (BARE, 100) not in attempts.made
    assert (run.net.rows, run.net.wall_seconds, run.net.core_seconds) == (300, 300, 600)


def test_the_largest_size_is_measured_in_the_first_pass_only(monkeypatch, tmp_path):
    attempts = _Attempts()
    _run(monkeypatch, tmp_path, attempts, repeats=3)
    assert attempts.made.count((PREDICT, 400)) == 1
    assert attempts.made.count((PREDICT, 200)) == 3


def test_what_fails_is_missing_and_the_others_are_measured(monkeypatch, tmp_path):
    attempts = _Attempts(failing=[(TFX, 100)])
    results = _run(monkeypatch, tmp_path, attempts)
    assert (TFX, 300) not in attempts.made
    assert attempts.made.count((TFX, 100)) == 1
    assert [(m.contender, m.rows, m.reason) for m in results.missing] == [
        (TFX, 100, "boom")
    ]
    assert results.find(TFX, "rows") is None
    assert len(results.runs) == 6


def test_the_conditions_say_what_was_measured(monkeypatch, tmp_path):
    facts = _run(monkeypatch, tmp_path, _Attempts()).conditions
    assert (facts["texts"], facts["characters"]) == (2, 2.0)
    assert (facts["model_version"], facts["source"]) == ("7", "reviews.csv")
