"""The compiled package, executed: spans in a row, every step in a process of its own.

What stands for the cluster is `package_executor` and a real MariaDB; steps share the
volume's folder and that server, and nothing else.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from elmo_kubeflow.package import compile_package
from pipeline.config import load_config
from pipeline.metadata import store as metadata_store
from pipeline.metadata.store import open_store
from pipeline.output_folder import OutputFolder
from tests.kubeflow.mariadb import started_mariadb
from tests.kubeflow.package_executor import FAILED, SKIPPED, SUCCEEDED, PackageExecutor
from tests.texts import real_sentences, write_csv

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

_PASSWORD = "a-password-that-stands-nowhere"
_ROWS = 90  # of a span
_REPOSITORY = Path(__file__).parents[2]


class _Killer:
    """Kills the first attempt of a step once its node runs."""

    def __init__(self) -> None:
        self.step: str | None = None

    def __call__(self, attempt) -> None:
        if attempt.step == self.step and attempt.number == 1:
            threading.Thread(target=self._kill, args=(attempt,), daemon=True).start()

    @staticmethod
    def _kill(attempt) -> None:
        registered = "Going to run a new execution"  # says TFX before it runs it
        while registered not in attempt.log.read_text():
            time.sleep(0.05)
        time.sleep(0.3)
        os.killpg(attempt.process.pid, signal.SIGKILL)


# Python runs it before a step's program. The first try of each step is killed while it
# works, the second one fails when all is done. Transform's first try is the killer's.
_FAULTS = """
import logging, os, signal, sys, threading

def kill(code=None):
    os.kill(os.getpid(), signal.SIGKILL)

class KillSoon(logging.Handler):
    def emit(self, record):
        if record.getMessage().endswith(" begins"):
            threading.Timer(0.3, kill).start()

number, end = os.environ.get("ELMO_TFX_TRY"), os._exit
if "elmo_kubeflow.step" in sys.orig_argv:
    if number == "1" and "Transform" not in sys.orig_argv:
        logging.getLogger().addHandler(KillSoon())
        os._exit = kill
    elif number == "2":
        os._exit = lambda code: end(1)
"""


class Cluster:
    """Packages, the volume, the server, and the runs that there were."""

    def __init__(self, folder: Path, secret: dict[str, str]) -> None:
        self.folder = folder
        self.volume = folder / "volume"
        self.output = self.volume / "elmo-tfx"
        self.secret = secret
        self.killer = _Killer()
        self.rival = None
        self._options = {
            "output": str(self.output),
            "data.pattern": str(self.volume / "spans" / "{SPAN}" / "*.csv"),
            "data.window_spans": 2,
            "data.done_file": "_SUCCESS",
            "train.epochs": 6,
            "train.learning_rate": 0.01,
            "train.warm_start": True,
            "model.hidden_units": 32,
            "transform.max_tokens": 24,
            "evaluation.thresholds": {"auc": 0},
            "evaluation.max_drop": {"auc": 0.1},
            "push.keep_versions": 2,
            "drift.unknown_words": 1.0,
            "kubeflow.image": "elmo-tfx:test",
            "kubeflow.mount_path": str(self.volume),
            "kubeflow.steps": {"default": {"timeout_minutes": 4, "retries": 2}},
        }

    def add_span(self, number: int, rows, *, whole: bool = True) -> None:
        """Puts a span onto the volume."""
        folder = self.volume / "spans" / str(number)
        write_csv(folder / "texts.csv", rows)
        if whole:
            (folder / "_SUCCESS").touch()

    def package(self, name: str, **more) -> Path:
        """Compiles the configuration, with some options changed."""
        path = self.folder / f"{name}.yaml"
        if not path.exists():
            compile_package(load_config(options={**self._options, **more}), path)
        return path

    def run(self, run_id: str, package: Path, *, faulty: bool = False, **parameters):
        """Executes a package; `faulty`: every step fails twice."""
        # The sources under test, and not others that are installed beside them.
        path = [str(_REPOSITORY), str(_REPOSITORY / "kubeflow")]
        if faulty:
            (self.folder / "sitecustomize.py").write_text(_FAULTS)
            path.insert(0, str(self.folder))
        executor = PackageExecutor(
            package,
            volumes={"elmo-tfx": self.volume},
            secrets={"elmo-tfx-metadata": self.secret},
            folder=self.folder / "steps",
            started=self.killer,
            environment={"PYTHONPATH": os.pathsep.join(path)},
        )
        return executor.run(run_id, **parameters)

    def run_during(self, other: str, run_id: str):
        """Executes a package as soon as another run has begun."""
        while not (self.output / "runs" / other).exists():
            time.sleep(0.1)
        return self.run(run_id, self.package("nightly"))

    def record(self, run_id: str):
        """What ML Metadata has of a run."""
        return OutputFolder(self.output).open_metadata().runs.of(run_id)

    def versions(self) -> list[str]:
        """The pushed versions that are there."""
        return sorted(each.name for each in (self.output / "serving").iterdir())


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    with started_mariadb(folder, "elmo_tfx", "elmo_tfx", _PASSWORD) as port:
        secret = {
            "host": "127.0.0.1",
            "port": str(port),
            "database": "elmo_tfx",
            "user": "elmo_tfx",
            "password": _PASSWORD,
        }
        with pytest.MonkeyPatch.context() as patch:
            for key, value in secret.items():
                patch.setenv(metadata_store.PREFIX + key.upper(), value)
            yield Cluster(folder, secret)


@pytest.fixture(scope="module")
def rows():
    """Sentences of which the label can be learned from a few: it has words for it."""
    marks = {"negative": "awful, boring", "positive": "wonderful, moving"}
    drawn = random.Random(7).sample(real_sentences(), 2 * _ROWS)
    marked = [(f"{marks[label]}: {text}", label) for text, label in drawn]
    assert {label for _, label in marked} == set(marks)
    return marked


def _spans(record) -> list[int]:
    windowed = record.all_outputs("SpanWindow", "examples")
    return sorted(int(each.properties["span"]) for each in windowed)


def _uri(record, node: str, key: str) -> str:
    output = record.output(node, key)
    assert output is not None, (node, key)
    return output.uri


def _history(record) -> dict:
    return json.loads(
        Path(_uri(record, "Trainer", "model_run"), "history.json").read_text()
    )


def _succeeded(outcome) -> None:
    failed = [each for each, state in outcome.states.items() if state == FAILED]
    assert not failed, outcome.log(failed[0])[-4000:]
    assert set(outcome.states.values()) == {SUCCEEDED}


@pytest.fixture(scope="module")
def first(cluster, rows):
    """Span 1, while span 2 is still arriving, and another run is submitted."""
    cluster.add_span(1, rows[:_ROWS])
    cluster.add_span(2, rows[_ROWS : _ROWS + 5], whole=False)
    with ThreadPoolExecutor(1) as pool:
        rival = pool.submit(cluster.run_during, "run-1", "rival")
        outcome = cluster.run("run-1", cluster.package("nightly"))
        cluster.rival = rival.result()
    return outcome


@pytest.fixture(scope="module")
def second(cluster, rows, first):
    """Span 2, whole now, in a run of which every step fails twice."""
    cluster.add_span(2, rows[_ROWS:])
    cluster.killer.step = "Transform"
    return cluster.run("run-2", cluster.package("nightly"), faulty=True)


def test_a_missing_span_fails_and_says_where_it_was_looked_for(cluster):
    cluster.add_span(0, [("one", "a"), ("two", "b")])
    outcome = cluster.run("run-0", cluster.package("nightly"), span="7")
    assert outcome.states == {"Start": FAILED}
    assert [attempt.process.returncode for attempt in outcome.attempts] == [2]
    assert "No file matches" in outcome.log("Start")
    assert f"{cluster.volume}/spans/7/*.csv" in outcome.log("Start")


def test_the_first_run_trains_on_the_newest_whole_span_and_pushes(cluster, first):
    _succeeded(first)
    record = cluster.record("run-1")
    assert _spans(record) == [1]
    assert "span 1 of" in first.log("Start")
    assert record.output("PreviousModel", "model") is None
    assert _history(record)["warm_start"]["from"] is None
    assert len(cluster.versions()) == 1


def test_a_run_that_begins_while_another_writes_ends_with_a_sentence(cluster, first):
    assert cluster.rival.states == {"Start": FAILED}
    log = cluster.rival.log("Start")
    assert "another run writes into this output: run-1 (hint: start this one" in log
    assert "step: try 3 of 3 ended with exit code 1" in log


def test_what_kfp_shows_are_figures_pages_and_the_models_address(cluster, first):
    metrics = first.outputs["Evaluator"]["metrics"]
    assert metrics["blessed"] == 1
    assert 0 < metrics["accuracy"] <= 1
    model = first.outputs["Pusher"]["model"]
    [version] = cluster.versions()
    assert model["uri"] == f"pvc://elmo-tfx/elmo-tfx/serving/{version}"
    assert "The model is blessed" in first.pages["Evaluator.report"]
    assert "train: " in first.pages["StatisticsGen.report"]
    assert "Model       pushed to" in first.pages["End.summary"]
    assert "Pushed as version" in first.pages["End.report"]


def test_the_second_run_goes_on_from_the_first_over_both_spans(cluster, second):
    _succeeded(second)
    before, record = cluster.record("run-1"), cluster.record("run-2")
    assert _spans(record) == [1, 2]
    model = _uri(before, "Trainer", "model")
    assert _uri(record, "PreviousModel", "model") == model
    assert _uri(record, "WarmStart", "model") == model
    assert model in _history(record)["warm_start"]["from"]
    page = second.pages["Evaluator.report"]
    assert "the last one alone" in page
    assert len(cluster.versions()) == 2


def test_a_step_that_is_killed_and_then_fails_is_started_again_by_itself(second):
    by_step = {}
    for attempt in second.attempts:
        by_step.setdefault(attempt.step, []).append(attempt)
    assert len(by_step.pop("Transform")) == 2
    for step, attempts in by_step.items():
        assert len(attempts) == 1, step
        ended = re.findall(
            r"try (\d) of 3 ended with exit code (\d+)", second.log(step)
        )
        assert ended == [("1", "137"), ("2", "1")], step


def test_a_step_whose_machine_dies_has_the_tries_that_are_left(cluster, second):
    ended = re.findall(r"try \d of 3 ended .*", second.log("Transform"))
    assert ended == ["try 2 of 3 ended with exit code 1"]
    tries = [each for each in second.attempts if each.step == "Transform"]
    assert [each.process.returncode for each in tries] == [-signal.SIGKILL, 0]
    assert "removing what an earlier try of Transform left" in second.log("Transform")
    store = open_store(cluster.output / "none")
    run = store.get_context_by_type_and_name("pipeline_run", "run-2")
    (execution,) = (
        each
        for each in store.get_executions_by_context(run.id)
        if each.type.endswith("Transform")
    )
    assert execution.last_known_state == execution.COMPLETE


def test_an_identical_run_ends_early_and_says_since_when(cluster, second):
    outcome = cluster.run("run-3", cluster.package("nightly"))
    assert outcome.states.pop("Start") == SUCCEEDED
    assert set(outcome.states.values()) == {SKIPPED}
    assert "nothing new in span 2 since the run that ended" in outcome.log("Start")
    assert "(run-2)" in outcome.log("Start")
    assert cluster.record("run-3").nodes == []


@pytest.fixture(scope="module")
def third(cluster, rows, second):
    """Span 3 with a model that a single step has trained, from nothing at all."""
    cluster.killer.step = None
    cluster.add_span(3, rows[50 : 50 + _ROWS])
    changed = {
        "train.warm_start": False,
        "train.learning_rate": 1e-6,
        "model.pretrained_branch": False,
        "model.ngram_rows": 0,  # they learn by themselves, whatever the steps
    }
    package = cluster.package("fresh", **changed)
    return cluster.run("run-4", package, training_steps=1, span="3")


def test_a_worse_model_is_refused_and_the_run_succeeds(cluster, third):
    _succeeded(third)
    record = cluster.record("run-4")
    assert _spans(record) == [2, 3]
    assert _history(record)["steps"] == 1
    before = cluster.record("run-2")
    assert _uri(record, "PreviousModel", "model") == _uri(before, "Trainer", "model")
    assert third.outputs["Evaluator"]["metrics"]["blessed"] == 0
    assert third.outputs["Pusher"]["model"]["pushed"] == "no"
    assert "refused" in third.pages["Evaluator.report"]
    assert len(cluster.versions()) == 2


def test_the_password_is_in_no_argument_log_or_record(cluster, first, second, third):
    store = open_store(cluster.output / "none")
    for execution in store.get_executions():
        assert _PASSWORD not in str(execution)
    for outcome in (first, second, third):
        for attempt in outcome.attempts:
            assert _PASSWORD not in " ".join(attempt.arguments)
            assert _PASSWORD not in attempt.log.read_text()
    for path in cluster.output.rglob("*"):
        if path.suffix in {".json", ".log", ".txt", ".pbtxt"}:
            assert _PASSWORD not in path.read_text(errors="replace")


def test_each_step_leaves_what_it_printed_for_a_person(first):
    lines = first.log("Transform").splitlines()
    assert any(re.fullmatch(r"Transform: done in \d+\.\d s", line) for line in lines)
    assert any(line.startswith("  transform_graph: /") for line in lines)
