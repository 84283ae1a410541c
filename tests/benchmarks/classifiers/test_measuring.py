"""What is measured of whom, with a worker that is run in this process."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import processes
from benchmarks.classifiers import measuring
from benchmarks.classifiers.contenders import CONTENDERS, Contender
from benchmarks.classifiers.measuring import Task, run_all
from benchmarks.classifiers.workers import measure
from benchmarks.quality.texts import Texts, folds

TOY = Contender(title="toy", worker="tf_idf", settings="none")


def make_task(count=400):
    texts = [f"a {('dull', 'fine')[n % 2]} film , number {n} ." for n in range(count)]
    return Task.of(texts, [("bad", "good")[n % 2] for n in range(count)])


def _texts(lesson):
    return [set(lesson[part]["texts"]) for part in ("train", "evaluate")]


def test_the_fold_is_the_first_of_the_quality_benchmark():
    task = make_task()
    texts = Texts("", task.texts.texts, task.texts.labels)
    first = next(folds(texts))
    for ours, theirs in zip(
        dataclasses.astuple(task.fold), dataclasses.astuple(first), strict=True
    ):
        assert ours.tolist() == theirs.tolist()


def test_no_test_text_is_in_a_lesson():
    task = make_task()
    train, evaluate = _texts(task.lesson)
    assert (len(train), len(evaluate), len(task.test)) == (324, 36, 40)
    assert not (train | evaluate) & set(task.test) and not train & evaluate
    for seed in range(3):
        train, evaluate = _texts(task.smaller(100, seed))
        assert (len(train), len(evaluate)) == (90, 10)
        assert not (train | evaluate) & set(task.test) and not train & evaluate


def test_smaller_lessons_have_both_labels_alike_and_differ_by_their_seed():
    task = make_task()
    labels = task.smaller(100, 0)["train"]["labels"]
    assert labels.count("good") == labels.count("bad") == 45
    assert _texts(task.smaller(100, 0)) == _texts(task.smaller(100, 0))
    assert _texts(task.smaller(100, 0)) != _texts(task.smaller(100, 1))


def test_labels_are_compared_with_those_of_the_test_texts():
    task = make_task()
    labels = ["good" if "fine" in text else "bad" for text in task.test]
    assert task.is_right(labels) == [True] * 40
    assert task.is_right(["good", *labels[1:]]).count(False) == (labels[0] == "bad")


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """The jobs given to a worker that learns which words the labels have."""
    monkeypatch.chdir(tmp_path)
    jobs = []

    def train(lesson, folder):
        known = {}
        for part in (lesson.train, lesson.evaluate):
            for text, label in zip(part.texts, part.labels, strict=True):
                known[text.split()[1]] = label
        (folder / "model.json").write_text(json.dumps(known))
        return {"chosen": "nothing"}

    def load(folder, threads):
        known = json.loads((folder / "model.json").read_text())
        return lambda texts: [known.get(text.split()[1], "") for text in texts]

    worker = measure.Worker(train=train, load=load, versions=lambda: {"toy": "1"})

    def run(command, *, scratch, variables):
        job = json.loads(Path(command[-1]).read_text("utf-8"))
        jobs.append((job, command, variables))
        monkeypatch.setattr(sys, "argv", ["worker", command[-1]])
        measure.main(worker)
        return processes.Usage(wall_seconds=3.0, core_seconds=1.0, peak_mib=1.0)

    monkeypatch.setattr(measuring.processes, "run", run)
    return jobs


def test_a_contender_is_trained_scored_and_started(calls):
    results = run_all(make_task(), {"toy": TOY})
    found = results["table"]["toy"]
    assert found["is_right"] == "1" * 40
    assert found["bytes"] == len('{"dull": "bad", "fine": "good"}')
    assert found["start_seconds"] == 3.0 and found["chosen"] == "nothing"
    assert found["versions"] == {"toy": "1"} and found["batch"] in measure.BATCH_SIZES
    assert results["rows"] == {"train": 324, "evaluate": 36, "test": 40}
    assert [job["stage"] for job, _, _ in calls] == ["train", "score", "start", "start"]


def test_only_scoring_is_held_on_one_core(calls):
    run_all(make_task(), {"toy": TOY})
    for job, command, variables in calls:
        is_pinned = job["stage"] == "score"
        assert ("-c" in command) == is_pinned
        assert ("OMP_NUM_THREADS" in variables) == is_pinned


def test_the_pinned_program_has_one_core_from_its_start():
    core = max(measuring.os.sched_getaffinity(0))
    ask = "import os, sys; print(os.sched_getaffinity(0), sys.argv[1:])"
    command = [sys.executable, "-c", measuring._PIN, str(core)]
    command += [sys.executable, "-c", ask, "job"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{{{core}}} ['job']\n"


def test_what_was_measured_is_kept_until_it_is_asked_for_again(calls):
    task = make_task()
    first = run_all(task, {"toy": TOY})
    assert run_all(task, {"toy": TOY}) == first and len(calls) == 4
    run_all(task, {"toy": TOY}, anew=["toy"])
    assert len(calls) == 8
    run_all(make_task(380), {"toy": TOY})  # other texts
    assert len(calls) == 12
    run_all(task, {"toy": dataclasses.replace(TOY, options={"a": 1})})
    assert len(calls) == 16


def test_the_curve_has_each_number_of_texts_with_each_seed(calls):
    results = run_all(make_task(), {"toy": TOY}, has_curve=True)
    assert results["curve"]["toy"]["accuracies"] == {
        "100": [1.0] * 3,
        "300": [1.0] * 3,
    }
    lessons = calls[-1][0]["lessons"]
    sizes = [sum(len(lesson[part]["texts"]) for part in lesson) for lesson in lessons]
    assert sizes == [100] * 3 + [300] * 3


def test_what_cannot_be_measured_says_why_and_stops_no_other(calls, monkeypatch):
    lacking = dataclasses.replace(TOY, flags=frozenset({"no_such_flag"}))
    results = run_all(make_task(), {"lacking": lacking, "toy": TOY})
    assert results["table"]["lacking"] == {
        "missing": "this processor has no products in bfloat16",
        "failed": False,
    }
    assert "missing" not in results["table"]["toy"]


def test_a_worker_that_fails_is_a_failure(calls, monkeypatch):
    def fail(*_, **__):
        raise processes.ProcessFailed("it ended with status 1: boom")

    monkeypatch.setattr(measuring.processes, "run", fail)
    found = run_all(make_task(), {"toy": TOY})["table"]["toy"]
    assert found == {"missing": "it ended with status 1: boom", "failed": True}


@pytest.mark.parametrize("name", CONTENDERS)
def test_all_files_that_a_contender_depends_on_are_there(name, repository):
    contender = CONTENDERS[name]
    for source in contender.sources:
        assert (repository / source).exists()
    assert contender.identity["options"] == dict(contender.options)
