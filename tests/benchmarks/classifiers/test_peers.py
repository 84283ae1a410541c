"""The peers, each in its environment: made on the first call, under .bench."""

from __future__ import annotations

import subprocess

import pytest

from benchmarks import environments
from benchmarks.classifiers.contenders import CONTENDERS
from benchmarks.classifiers.measuring import Task, run_all

pytestmark = pytest.mark.integration

GOOD, BAD = ("fine", "lovely", "moving"), ("dull", "awful", "tired")


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch, repository):
    monkeypatch.chdir(repository)


@pytest.mark.timeout(900)
def test_the_graph_computes_what_bert_is():
    python = environments.interpreter("minilm", "3.10")
    module = "tests.benchmarks.classifiers.check_graph"
    done = subprocess.run([python, "-m", module], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["minilm", "tf-idf", "fasttext"])
def test_a_peer_learns_what_words_say(name):
    words = [(BAD, GOOD)[n % 2][n // 2 % 3] for n in range(400)]
    texts = [f"A {word} film , number {n % 90} ." for n, word in enumerate(words)]
    task = Task.of(texts, [("bad", "good")[n % 2] for n in range(400)])
    results = run_all(task, {name: CONTENDERS[name]}, anew=[name], has_curve=True)
    found = results["table"][name]
    assert "missing" not in found, found
    assert found["is_right"].count("1") >= 38
    assert found["texts_per_second"] > 10 and found["bytes"] > 1000
    assert set(results["curve"][name]["accuracies"]) == {"100", "300"}
