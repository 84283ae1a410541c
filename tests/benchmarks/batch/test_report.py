from __future__ import annotations

import dataclasses

from benchmarks.batch.figures import Missing
from benchmarks.batch.report import failures, report
from tests.benchmarks.batch.results import line, results


def _lines(given):
    text = report(dataclasses.asdict(given))
    return [" ".join(each.split()) for each in text.splitlines()]


def _wrong(given):
    return list(failures(dataclasses.asdict(given)))


def test_a_line_of_the_table_holds_the_figures_of_its_run():
    # 10,000 rows in 10 s, 10,100 in 20 s; 15 core seconds for 10,000
    line = "| elmo-tfx predict | 10,100 | 1,000 | 505 | 1,000 | 1,500 | 1,000 |"
    assert line in _lines(results())


def test_goals_stand_under_the_table_with_what_came_of_them():
    lines = _lines(results())
    assert (
        "- predict has at least 85% of the bare loop's speed: **not reached**, 80%."
    ) in lines
    assert (
        "- predict is at least 3 times as fast as TFX BulkInferrer: reached, "
        "4.00 times."
    ) in lines


def test_the_cost_of_a_billion_comes_from_the_largest_run():
    # 1.8 core milliseconds a row
    assert any(
        "A billion such texts cost 500 core hours" in x for x in _lines(results())
    )


def test_figures_that_noise_has_eaten_up_are_left_out():
    fast = line("bare loop", 10_100, 0.8)
    start_up = dataclasses.replace(fast.start_up, wall_seconds=99.0)
    fast = dataclasses.replace(fast, start_up=start_up)
    given = dataclasses.replace(results(), runs=[fast, *results().runs[1:]])
    assert "| bare loop | 10,100 | – | 561 | – | – | 1,000 |" in _lines(given)
    assert any(x.endswith("bare loop's speed: not measured") for x in _lines(given))


def test_what_failed_stands_in_the_table_and_is_named():
    failed = Missing(contender="TFX BulkInferrer", rows=100, reason="boom")
    given = dataclasses.replace(results(), missing=[failed])
    row = "| TFX BulkInferrer | 100 | not measured | – | – | – | – |"
    assert row in _lines(given)
    assert _wrong(given) == ["TFX BulkInferrer, 100 rows: boom"]


def test_other_labels_than_the_bare_loop_gives_are_a_failure():
    assert _wrong(results()) == []
    wrong = line("elmo-tfx predict", 10_100, 1.0, labels={"bad": 10_100})
    runs = [results().runs[0], wrong]
    given = dataclasses.replace(results(), runs=runs)
    assert _wrong(given) == ["elmo-tfx predict and bare loop give other labels"]
