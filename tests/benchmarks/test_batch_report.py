from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from benchmarks.batch.figures import Missing
from benchmarks.batch.report import failures, report
from benchmarks.markdown import table
from tests.benchmarks.batch_results import line, results


def _lines(given):
    return [" ".join(each.split()) for each in report(given).splitlines()]


def test_a_line_of_the_table_holds_the_figures_of_its_run():
    # 10,000 rows in 10 s, 10,100 in 20 s; 15 core seconds for 10,000
    line = "| elmo-tfx predict | 10,100 | 1,000 | 505 | 1,000 | 1,500 | 1,000 |"
    assert line in _lines(results())


def test_the_columns_of_the_text_are_aligned():
    head, *rest = table(("a", "bb"), [("xyz", "1")], aligned=True).splitlines()
    assert [head, *rest] == ["| a   |  bb |", "| --- | --: |", "| xyz |   1 |"]


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
    assert list(failures(given)) == ["TFX BulkInferrer, 100 rows: boom"]


def test_other_labels_than_the_bare_loop_gives_are_a_failure():
    assert list(failures(results())) == []
    wrong = line("elmo-tfx predict", 10_100, 1.0, labels={"bad": 10_100})
    runs = [results().runs[0], wrong]
    given = dataclasses.replace(results(), runs=runs)
    assert list(failures(given)) == ["elmo-tfx predict and bare loop give other labels"]


def _command(repository, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.batch", *arguments],
        cwd=repository,
        capture_output=True,
        text=True,
    )


def test_kept_results_are_reported_and_written_without_measuring(repository, tmp_path):
    kept, page = tmp_path / "results.json", tmp_path / "scaling.md"
    kept.write_text(json.dumps(dataclasses.asdict(results())))
    done = _command(repository, "--results", str(kept), "--write", str(page))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == report(results())
    assert report(results()) in page.read_text()


def test_help_shows_an_example(repository):
    assert "python -m benchmarks.batch --rows" in _command(repository, "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rows", "100"), "must be more than 100 rows"),
        (("--small", "many"), "must be a positive int. Received: many"),
        (("--data", "absent.csv"), "`--data` must be a CSV file with a column text"),
        (("--results", "absent.json"), "absent.json"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_wrong_arguments_get_one_clear_line(repository, arguments, message):
    done = _command(repository, *arguments)
    assert done.returncode in (1, 2)
    assert message in done.stderr.splitlines()[-1]


def test_without_a_model_nothing_is_measured(repository, tmp_path):
    data = tmp_path / "texts.csv"
    data.write_text("text\na text\n")
    done = _command(repository, "--data", str(data), "--model", str(tmp_path))
    assert done.returncode == 1
    assert "there is no model (hint: make run)" in done.stderr
