from __future__ import annotations

import dataclasses
import json

import pytest

from benchmarks.batch.figures import (
    Cost,
    Results,
    core_hours_of_a_billion,
    disagree,
    judge,
)
from tests.benchmarks.batch.results import line, results


def test_without_the_start_up_only_the_rows_beyond_it_count():
    run = line("predict", 1_100, 2.0)  # 10 s for the first 100, 2 s for 1,000 more
    assert run.whole.wall_seconds == 12.0
    assert run.net == Cost(rows=1_000, wall_seconds=2.0, core_seconds=3.0)


def test_figures_are_of_the_rows_and_the_time_of_the_cost():
    cost = Cost(rows=1_000, wall_seconds=2.0, core_seconds=3.0)
    assert cost.rows_per_second == 500
    assert cost.microseconds_per_row == 2_000
    assert cost.core_seconds_per_million == 3_000


def test_a_run_no_longer_than_its_start_up_has_no_figures_without_it():
    run = line("predict", 1_100, 2.0)
    start_up = dataclasses.replace(run.start_up, wall_seconds=12.0)
    assert dataclasses.replace(run, start_up=start_up).net is None


def test_a_billion_rows_at_3_6_core_milliseconds_cost_a_thousand_hours():
    cost = Cost(rows=1_000, wall_seconds=1.0, core_seconds=3.6)
    assert core_hours_of_a_billion(cost) == pytest.approx(1_000)


def test_a_run_is_found_by_its_contender_and_its_size():
    run = results().find("elmo-tfx predict", "large")
    assert (run.contender, run.whole.rows) == ("elmo-tfx predict", 100_100)
    assert results().find("bare loop", "large") is None
    assert results().net("bare loop", "large") is None


@pytest.mark.parametrize(
    ("labels", "differ"),
    [
        ({"bad": 5_050, "good": 5_050}, False),
        ({"bad": 5_045, "good": 5_055}, False),  # 5 of 10,100 moved
        ({"bad": 5_030, "good": 5_070}, True),  # 20 moved
        ({"other": 10_100}, True),
        (None, False),
    ],
    ids=["the same", "a few moved", "many moved", "other names", "none given"],
)
def test_runs_differ_where_more_than_a_thousandth_has_another_label(labels, differ):
    one = line("bare loop", 10_100, 1.0)
    assert disagree(one, dataclasses.replace(one, labels=labels)) is differ


def test_results_come_back_from_json_as_they_were():
    kept = json.loads(json.dumps(dataclasses.asdict(results())))
    assert Results(**kept) == results()


def _goal(words, given):
    (found,) = [goal for goal in judge(given) if words in goal.text]
    return found


def _with(run):
    """Returns the results with one run in the place of that with its name and rows."""
    given = results()
    key = (run.contender, run.whole.rows)
    runs = [run if (r.contender, r.whole.rows) == key else r for r in given.runs]
    assert runs != given.runs
    return dataclasses.replace(given, runs=runs)


@pytest.mark.parametrize(
    ("words", "value", "met"),
    [
        ("at least 85% of the bare loop's", "80%", False),
        ("at least 3 times as fast as TFX", "4.00 times", True),
        ("a row of 100,100 costs at most 1.10", "1.20 times", False),
    ],
)
def test_each_goal_is_judged_without_the_start_up(words, value, met):
    goal = _goal(words, results())
    assert (goal.value, goal.met) == (value, met)


@pytest.mark.parametrize(
    ("run", "words", "met"),
    [
        (line("bare loop", 10_100, 0.86), "the bare loop's", True),
        (line("bare loop", 10_100, 0.84), "the bare loop's", False),
        (line("TFX BulkInferrer", 10_100, 3.1), "as fast as TFX", True),
        (line("TFX BulkInferrer", 10_100, 2.9), "as fast as TFX", False),
        (line("elmo-tfx predict", 100_100, 1.09), "a row of", True),
        (line("elmo-tfx predict", 100_100, 1.11), "a row of", False),
        (line("elmo-tfx predict", 100_100, 0.5), "a row of", True),
    ],
)
def test_a_goal_is_reached_just_beyond_its_bound(run, words, met):
    assert _goal(words, _with(run)).met is met


def test_what_was_not_measured_is_neither_reached_nor_missed():
    runs = [run for run in results().runs if not run.contender.startswith("TFX")]
    given = dataclasses.replace(results(), runs=runs)
    assert _goal("as fast as TFX", given).met is None
    assert _goal("the bare loop's", given).met is False
