from __future__ import annotations

import pytest

from benchmarks.markdown import (
    Goal,
    at_least,
    at_most,
    goal_list,
    machine,
    marks,
    table,
    write_report,
)
from benchmarks.session import BenchmarkError

BEGIN, END = marks("toy")
PAGE = {"name": "toy", "title": "How fast"}


def test_a_table_has_as_many_cells_in_each_row_and_numbers_flush_right():
    lines = table(("a", "bb"), [("xyz", "1"), ("x|y", "–")]).splitlines()
    assert lines == [
        "| a    |   bb |",
        "|:-----|-----:|",
        "| xyz  |    1 |",
        "| x\\|y |    – |",
    ]


def test_a_goal_is_met_on_its_bound_and_open_without_a_figure():
    assert at_least("fast", 2.0, 2, "{:.1f}") == Goal("fast", "2.0", True)
    assert at_least("fast", 1.9, 2, "{:.1f}") == Goal("fast", "1.9", False)
    assert at_most("small", 2.0, 2, "{:.1f}") == Goal("small", "2.0", True)
    assert at_most("small", 2.1, 2, "{:.1f}") == Goal("small", "2.1", False)
    assert at_least("fast", None, 2, "{:.1f}").met is None
    assert at_most("small", None, 2, "{:.1f}").met is None


def test_goals_are_listed_with_what_came_of_them():
    goals = [Goal("a", "1", True), Goal("b", "2", False), Goal("c", "", None)]
    assert goal_list(goals).splitlines() == [
        "- a: reached, 1.",
        "- b: **not reached**, 2.",
        "- c: not measured",
    ]


def test_the_line_of_the_machine_says_what_is_known():
    facts = {"date": "2030-01-02", "cpu": "A processor", "cores": 2}
    assert machine(facts) == "2030-01-02; A processor, 2 cores."
    facts |= {"load_before": 0.0, "load_after": 2.0, "kept": 3}
    assert machine(facts).endswith(
        "load average of the machine 0.0 before and 2.0 after; 3 measurements before "
        "an interruption."
    )


def test_writing_twice_replaces_what_stands_between_the_marks(tmp_path):
    page = tmp_path / "speed.md"
    page.write_text(f"Before\n{BEGIN}\nold\n{END}\nAfter\n")
    for report in ("first\n", "second\n"):
        write_report(page, report, **PAGE)
    assert page.read_text() == f"Before\n{BEGIN}\nsecond\n{END}\nAfter\n"


def test_a_page_that_is_not_there_is_begun(tmp_path):
    write_report(tmp_path / "speed.md", "figures\n", **PAGE)
    written = (tmp_path / "speed.md").read_text()
    assert written == f"# How fast\n\n{BEGIN}\nfigures\n{END}\n"


def test_a_page_without_the_marks_is_left_as_it_is(tmp_path):
    page = tmp_path / "speed.md"
    page.write_text("My own page.\n")
    with pytest.raises(BenchmarkError, match="`--write` must name a page"):
        write_report(page, "figures\n", **PAGE)
    assert page.read_text() == "My own page.\n"


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("docs/elmo_speed.md", "layer"),
        ("docs/run.md", "nodes"),
        ("docs/elmo_speed.md", "elmo"),
        ("docs/scaling.md", "batch"),
        ("docs/quality.md", "quality"),
        ("docs/embedded_elmo.md", "senses"),
    ],
)
def test_the_pages_have_the_marks_of_their_benchmark(repository, page, name):
    text = (repository / page).read_text("utf-8")
    begin, end = marks(name)
    assert 0 < text.index(begin) < text.index(end)
