from __future__ import annotations

import pytest

from benchmarks.elmo.goals import judge
from tests.benchmarks.results import run


def _met(results):
    return {goal.text: goal.met for goal in judge(results)}


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
