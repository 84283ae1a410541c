"""Tests of pipeline.scheduling.text: the lines that are shown, and the table."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from pipeline.scheduling.outcome import Outcome
from pipeline.scheduling.store import PastRun
from pipeline.scheduling.text import beginning, end, table

_THREE = datetime(2026, 11, 26, 3, tzinfo=timezone.utc)


def test_a_run_on_time_says_only_its_span():
    late = _THREE + timedelta(seconds=59)
    assert beginning(1, "latest", _THREE, late) == "run 1 began (span latest)"
    assert beginning(1, None, _THREE, late) == "run 1 began"


def test_a_late_run_says_since_when_it_was_due():
    line = beginning(2, None, _THREE, _THREE + timedelta(hours=5))
    assert line == "run 2 began, due since 2026-11-26 03:00"


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (
            Outcome("pushed", span="3", version=17, removed_versions=(14, 15)),
            "span 3, model pushed as version 17; versions removed: 14, 15",
        ),
        (Outcome("pushed", version=17), "model pushed as version 17"),
        (
            Outcome("pushed", version=17, accuracy=0.5, warnings=("drift: label 0.2",)),
            "model pushed as version 17, accuracy 0.500; drift: label 0.2",
        ),
        (
            Outcome("refused", reasons=["auc 0.5 is below 0.6", "too slow"], span="3"),
            "refused: auc 0.5 is below 0.6; too slow (span 3)",
        ),
        (
            Outcome("refused", reasons=["too slow"], removed_versions=(14,)),
            "refused: too slow; versions removed: 14",
        ),
        (Outcome("nothing new", run_id="r1"), "nothing new since run 1"),
        (
            Outcome("nothing new", run_id="by hand", reason="same data"),
            "nothing new (same data)",
        ),
        (
            Outcome("failed", "x.log", component="Trainer", reason="no memory"),
            "failed: Trainer: no memory; log: x.log",
        ),
        (Outcome("failed", "x.log", reason="no data"), "failed: no data; log: x.log"),
        (
            Outcome("interrupted"),
            "interrupted; the next start of the schedule goes on with it",
        ),
    ],
)
def test_each_outcome_has_its_words(outcome, line):
    assert end(4, outcome, {"r1": 1}) == f"run 4: {line}"


def test_the_table_has_a_row_for_each_run_under_aligned_headings():
    times = (_THREE, _THREE, _THREE + timedelta(seconds=125))
    rows = table(
        [
            PastRun(9, *times, 0, Outcome("pushed", run_id="r9", version=17)),
            PastRun(10, *times, 0, Outcome("nothing new", run_id="r9")),
        ]
    )
    assert rows.splitlines() == [
        "run  due               began             took     outcome      details",
        "9    2026-11-26 03:00  2026-11-26 03:00  0:02:05  pushed       "
        "model pushed as version 17",
        "10   2026-11-26 03:00  2026-11-26 03:00  0:02:05  nothing new  since run 9",
    ]


def test_what_a_run_says_makes_no_row_of_the_table():
    times = (_THREE, _THREE, _THREE + timedelta(seconds=125))
    outcome = Outcome("failed", reason="no file a\nb\x85c")
    rows = table([PastRun(9, *times, 1, outcome)]).splitlines()
    assert len(rows) == 2
    assert rows[1].endswith("no file a\\nb\\u0085c")
