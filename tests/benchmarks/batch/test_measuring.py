from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.batch import measuring
from benchmarks.batch.contenders import CONTENDERS, Contender, Outcome
from benchmarks.batch.figures import Cost, Run
from benchmarks.batch.inputs import Inputs
from benchmarks.session import NotMeasured, Session

SIZES = {"small": 200, "rows": 300, "large": 400}
BARE, PREDICT, TFX = list(CONTENDERS)[:3]


def test_each_start_up_is_measured_once_and_before_what_needs_it():
    assert list(measuring.jobs(SIZES)) == [
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
    assert list(measuring.jobs(same)).count(("elmo-tfx predict", 300)) == 1


class _Attempts:
    """Stands in for processes: row by row a second, each pass a second slower."""

    def __init__(self, failing=(), interrupted=None):
        self.made = []
        self._failing = failing
        self._interrupted = interrupted

    def __call__(self, name, rows, **_):
        if (name, rows) == self._interrupted:
            raise KeyboardInterrupt
        self.made.append((name, rows))
        if (name, rows) in self._failing:
            raise NotMeasured("boom")
        seconds = rows + self.made.count((name, rows))
        start_up = Cost(rows=0, wall_seconds=seconds - rows, core_seconds=1.0 * rows)
        return Run(
            contender=name,
            whole=Cost(rows=rows, wall_seconds=seconds, core_seconds=3.0 * rows),
            start_up=start_up if name == BARE else None,
            peak_mib=1.0,
            version="7",
        )


@pytest.fixture
def run_all(monkeypatch, tmp_path):
    """Runs the benchmark with stand-ins for its attempts."""
    monkeypatch.chdir(tmp_path)  # the session keeps its measurements there

    def run(attempts, *, repeats=2):
        monkeypatch.setattr(measuring, "attempt", attempts)
        with Session("batch", {}) as session:
            return measuring.run_all(
                session,
                tmp_path,
                model=Path("model"),
                source=Path("reviews.csv"),
                texts=["a", "abc"],
                sizes=SIZES,
                repeats=repeats,
            )

    return run


def test_the_fastest_pass_counts(run_all):
    attempts = _Attempts()
    results = run_all(attempts)
    assert attempts.made.count((PREDICT, 300)) == 2
    run = results.find(PREDICT, "rows")
    assert (run.whole.wall_seconds, run.start_up.wall_seconds) == (301.0, 101.0)
    assert run.net.rows_per_second == pytest.approx(1.0)


def test_a_contender_that_measures_itself_needs_no_run_for_its_start_up(run_all):
    attempts = _Attempts()
    run = run_all(attempts).find(BARE, "rows")
    assert (BARE, 100) not in attempts.made
    assert (run.net.rows, run.net.wall_seconds, run.net.core_seconds) == (300, 300, 600)


def test_the_largest_size_is_measured_in_the_first_pass_only(run_all):
    attempts = _Attempts()
    run_all(attempts, repeats=3)
    assert attempts.made.count((PREDICT, 400)) == 1
    assert attempts.made.count((PREDICT, 200)) == 3


def test_what_fails_is_missing_and_the_others_are_measured(run_all):
    attempts = _Attempts(failing=[(TFX, 100)])
    results = run_all(attempts)
    assert (TFX, 300) not in attempts.made
    assert attempts.made.count((TFX, 100)) == 1
    assert [(m.contender, m.rows, m.reason) for m in results.missing] == [
        (TFX, 100, "boom")
    ]
    assert results.find(TFX, "rows") is None
    assert len(results.runs) == 6


def test_the_conditions_say_what_was_measured(run_all):
    facts = run_all(_Attempts()).conditions
    assert (facts["texts"], facts["characters"]) == (2, 2.0)
    assert (facts["model_version"], facts["source"]) == ("7", "reviews.csv")
    assert facts["kept"] == 0


def test_after_an_interruption_only_the_rest_is_measured(run_all):
    whole = run_all(_Attempts())
    with pytest.raises(KeyboardInterrupt):
        run_all(_Attempts(interrupted=(PREDICT, 400)))
    rest = _Attempts()
    results = run_all(rest)
    assert results.conditions["kept"] == 6
    assert rest.made[0] == (PREDICT, 400)
    assert results.find(BARE, "rows") == whole.find(BARE, "rows")
    assert [(r.contender, r.whole.rows) for r in results.runs] == [
        (r.contender, r.whole.rows) for r in whole.runs
    ]


def _stand_in(monkeypatch, outcome):
    quick = Contender(
        command=lambda *_: ["this"], outcome=lambda _: outcome, measures_itself=True
    )
    monkeypatch.setitem(CONTENDERS, BARE, quick)


def test_what_a_contender_measured_itself_is_all_but_its_start_up(
    monkeypatch, tmp_path
):
    net = {"wall_seconds": 0.001, "core_seconds": 0.001}
    _stand_in(monkeypatch, Outcome(rows=3, net=net))
    arguments = {"model": tmp_path, "inputs": Inputs(tmp_path, ["a"])}
    made = measuring.attempt(BARE, 3, folder=tmp_path, **arguments)
    assert (made.whole.rows, made.start_up.rows) == (3, 0)
    assert made.net.wall_seconds == pytest.approx(0.001)
    assert made.net.core_seconds == pytest.approx(0.001)


def test_a_contender_that_loses_rows_is_not_measured(monkeypatch, tmp_path):
    _stand_in(monkeypatch, Outcome(rows=2))
    arguments = {"model": tmp_path, "inputs": Inputs(tmp_path, ["a"])}
    with pytest.raises(NotMeasured, match="it has written 2 of 3 rows"):
        measuring.attempt(BARE, 3, folder=tmp_path, **arguments)
    assert list(tmp_path.iterdir()) == []
