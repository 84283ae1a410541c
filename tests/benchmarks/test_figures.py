from __future__ import annotations

import numpy as np
import pytest

from benchmarks.elmo import figures
from benchmarks.elmo.runs import agreement_of
from benchmarks.errors import error_line
from tests.benchmarks.results import contender, run


@pytest.fixture
def results():
    return run()


def test_the_best_setting_counts():
    best = figures.best_run(contender(650.0))
    assert (best["batch"], best["order"]) == (128, "sorted by length")


def test_the_ratio_is_to_the_faster_peer(results):
    model = results["models"]["original"]
    assert figures.ratio(model, model["contenders"]["simple_elmo"]) == 0.5
    assert figures.ratio(model, model["contenders"]["keras_elmo float32"]) == 6.5


def test_a_peer_that_was_not_measured_is_no_measure(results):
    model = results["models"]["original"]
    model["contenders"]["allennlp"] = {"missing": "no Python 3.9 found"}
    assert figures.ratio(model, model["contenders"]["keras_elmo float32"]) == 13.0


def test_without_peers_there_is_no_ratio(results):
    model = results["models"]["original"]
    for name in ("simple_elmo", "allennlp"):
        model["contenders"][name] = {"missing": "no Python found"}
    assert figures.ratio(model, model["contenders"]["keras_elmo float32"]) is None


@pytest.mark.parametrize(("dtype", "share"), [("float32", 0.72), ("bfloat16", 0.36)])
def test_the_share_is_of_the_peak_in_the_same_dtype(results, dtype, share):
    # 144 G multiply-adds are 288 G operations; in 4 seconds, 72 G a second.
    gflops = results["peak"]["gflops"]
    ours = contender(650.0, dtype=dtype)
    assert figures.share_of_peak(ours, gflops) == pytest.approx(share)


def test_a_peer_that_computes_something_else_is_named(results):
    assert figures.disagreeing(results) == []
    peer = results["models"]["original"]["contenders"]["allennlp"]
    peer["max_difference"] = 0.1
    assert figures.disagreeing(results) == ["allennlp (original model)"]


def test_agreement_finds_the_worst_token():
    ours = np.array([[1.0, 0.0], [1.0, 1.0]], "float32")
    theirs = np.array([[1.0, 0.0], [1.0, 0.0]], "float32")
    found = agreement_of(ours, theirs)
    assert found["max_difference"] == 1.0
    assert found["min_cosine"] == pytest.approx(0.5**0.5)


@pytest.mark.parametrize(
    ("stderr", "line"),
    [
        ("Traceback\npkg.SomeError: no\n\nArguments:\n  x=1\n", "pkg.SomeError: no"),
        ("first\nkilled\n", "killed"),
        ("", "no message"),
    ],
    ids=["a message of many lines", "no error named", "silence"],
)
def test_the_line_that_names_the_error_is_told(stderr, line):
    assert error_line(stderr) == line
