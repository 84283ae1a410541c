from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.document import marks, write_report
from benchmarks.elmo.table import markdown
from benchmarks.errors import BenchmarkError
from benchmarks.markdown import table
from tests.benchmarks.results import run


def test_a_line_of_the_table_holds_the_figures_of_the_best_setting():
    line = (
        "| original | keras_elmo float32 | 128, sorted by length | 650 | 6.50 | 72% "
        "| – | 10.0 | 900 |"
    )
    assert line in markdown(run()).splitlines()


def test_a_peer_that_was_not_measured_says_why_in_the_table():
    results = run()
    missing = {"missing": "no Python 3.9 found"}
    results["models"]["original"]["contenders"]["allennlp"] = missing
    assert "| allennlp | not measured: no Python 3.9 found |" in markdown(results)


def test_contenders_that_disagree_are_named_below_the_table():
    results = run()
    results["models"]["original"]["contenders"]["allennlp"]["max_difference"] = 1.0
    assert "**Not one computation:** allennlp (original model)." in markdown(results)


def test_every_row_has_as_many_cells_as_the_head():
    assert (
        table(("a", "b"), [("1", "x|y")]) == "| a | b |\n| --- | --- |\n| 1 | x\\|y |"
    )


BEGIN, END = marks("make bench-elmo")
PAGE = {"maker": "make bench-elmo", "title": "How fast"}


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


def _command(repository, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.elmo", *arguments],
        cwd=repository,
        capture_output=True,
        text=True,
    )


def test_kept_results_are_reported_without_measuring(repository, tmp_path):
    kept = tmp_path / "results.json"
    kept.write_text(json.dumps(run()))
    done = _command(repository, "--results", str(kept))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == markdown(run())


def test_a_run_with_a_failed_contender_ends_with_status_1(repository, tmp_path):
    results = run()
    failed = {"missing": "it ended with status 1: boom", "failed": True}
    results["models"]["original"]["contenders"]["allennlp"] = failed
    kept = tmp_path / "results.json"
    kept.write_text(json.dumps(results))
    done = _command(repository, "--results", str(kept))
    assert done.returncode == 1
    assert done.stderr.endswith("original, allennlp: it ended with status 1: boom\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--models", "large"), "must be of small, original. Received: large"),
        (("--count", "0"), "must be a positive int. Received: 0"),
        (("--sentences", "absent.txt"), "`--sentences` must be a text file"),
        (("--results", "absent.json"), "absent.json"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_wrong_arguments_get_one_clear_line(repository, arguments, message):
    done = _command(repository, *arguments)
    assert done.returncode in (1, 2)
    assert message in done.stderr.splitlines()[-1]
