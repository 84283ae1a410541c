from __future__ import annotations

import dataclasses

import pytest

from benchmarks.batch.goals import judge
from tests.benchmarks.batch_results import line, results


def _goal(words, given):
    (found,) = [goal for goal in judge(given) if words in goal.text]
    return found


def _with(run):
    """Gives the results with one run in the place of that with its name and rows."""
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
