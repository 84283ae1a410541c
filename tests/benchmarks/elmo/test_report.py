from __future__ import annotations

from benchmarks.elmo.report import report
from tests.benchmarks.elmo.results import run


def _lines(results):
    return [" ".join(each.split()) for each in report(results).splitlines()]


def test_a_line_of_the_table_holds_the_figures_of_the_best_setting():
    line = (
        "| original | keras_elmo float32 | 128, sorted by length | 650 | 6.50 | 72% "
        "| – | 10.0 | 900 |"
    )
    assert line in _lines(run())


def test_a_peer_that_was_not_measured_says_why_in_the_table():
    results = run()
    missing = {"missing": "no Python 3.9 found"}
    results["models"]["original"]["contenders"]["allennlp"] = missing
    assert "| allennlp | not measured: no Python 3.9 found |" in "\n".join(
        _lines(results)
    )


def test_contenders_that_disagree_are_named_below_the_table():
    results = run()
    results["models"]["original"]["contenders"]["allennlp"]["max_difference"] = 1.0
    assert "**Not one computation:** allennlp (original model)." in report(results)
