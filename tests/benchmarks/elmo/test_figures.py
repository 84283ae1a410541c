from __future__ import annotations

import pytest

from benchmarks.elmo import figures
from tests.benchmarks.elmo.results import contender, run


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


def _met(results):
    return {goal.text: goal.met for goal in figures.judge(results)}


@pytest.mark.parametrize(
    ("words", "met"),
    [
        ("original model, float32: at least 6 times", True),
        ("original model, bfloat16: at least 10 times", False),  # 9 times
        ("original model, float32: at least 70%", True),  # 72 %
        ("original model, bfloat16: at least 70%", False),  # 36 %
        ("original model, bfloat16: cosine", True),
        ("original model, float32: latency", True),
        ("original model, float32: peak memory", True),
        ("original model, biLM frozen", True),  # 1.25
        ("original model, biLM trainable", False),  # 4.0
    ],
)
def test_each_goal_is_judged_by_its_figure(words, met):
    (found,) = [is_met for text, is_met in _met(run()).items() if words in text]
    assert found is met


def test_memory_and_latency_have_to_be_below_those_of_both_peers():
    results = run()
    peer = results["models"]["original"]["contenders"]["simple_elmo"]
    peer.update(latency_ms=9.0, peak_mib=899.0)
    met = _met(results)
    for words in ("latency", "peak memory"):
        assert [is_met for text, is_met in met.items() if words in text] == [False]


def test_what_was_not_measured_is_neither_met_nor_missed():
    results = run()
    model = results["models"]["original"]
    model["training"] = {}
    for name in ("simple_elmo", "allennlp"):
        model["contenders"][name] = {"missing": "no Python found"}
    open_goals = [text for text, is_met in _met(results).items() if is_met is None]
    assert len(open_goals) == 6  # two speeds, latency, memory, two of training
