from __future__ import annotations

from benchmarks.classifiers.report import failures, report
from tests.benchmarks.classifiers.results import results


def _cells(text, begin):
    row = next(line for line in text.splitlines() if line.startswith(f"| {begin}"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_each_figure_stands_beside_its_ratio_to_the_first_line():
    text = report(results())
    assert _cells(text, "included ELMo")[1:] == [
        "80.0 (49.0–94.3)",
        "–",
        "50.0",
        "200",
        "40.9",
        "4.0",
    ]
    cells = _cells(text, "TF-IDF")
    assert cells[3:] == ["2.5 (0.05×)", "24,600 (123×)", "0.8 (0.02×)", "4.0 (1.0×)"]
    # Of ten texts it gets one that the first did not, and misses two of the others.
    assert cells[1] == "70.0 (39.7–89.2)" and cells[2].startswith("-10.0 (")


def test_what_was_not_measured_says_why_in_both_tables():
    text = report(results())
    rows = [line for line in text.splitlines() if line.startswith("| fastText")]
    assert [row.count("not measured: no Python 3.10 found") for row in rows] == [1, 1]
    assert list(failures(results())) == []


def test_a_contender_that_failed_is_a_failure():
    raw = results()
    raw["curve"]["elmo"] = {"missing": "it ended with status 1: boom", "failed": True}
    assert list(failures(raw)) == ["elmo: it ended with status 1: boom"]


def test_the_curve_has_the_mean_of_the_draws_and_its_error():
    text = report(results())
    (row,) = (
        line
        for line in text.splitlines()
        if line.startswith("| included ELMo") and "±" in line
    )
    assert "65.0 ± 2.9" in row and "70.0 ± 0.0" in row
    assert "±" not in report(results() | {"curve": {}})


def test_without_the_first_line_there_are_no_ratios():
    raw = results()
    del raw["table"]["elmo"]
    assert _cells(report(raw), "TF-IDF")[2:4] == ["–", "2.5"]


def test_the_machine_is_named_with_the_highest_load_and_the_settings_of_each():
    text = report(results())
    assert text.count("A CPU, 2 cores; load average of the machine 0.1 before") == 1
    assert "here C 1; batches of 32; a-package 1.2." in text
    assert "the whole run took 81 s" in text
