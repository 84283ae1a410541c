"""The command lines of all benchmarks, without measuring anything."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from benchmarks import layer, nodes, reading, runners
from benchmarks.__main__ import _BENCHMARKS, main
from benchmarks.batch.report import report as batch_report
from benchmarks.classifiers.report import report as classifiers_report
from benchmarks.elmo.report import report as elmo_report
from benchmarks.quality.report import report as quality_report
from tests.benchmarks.batch.results import results as batch_results
from tests.benchmarks.classifiers.results import results as classifiers_results
from tests.benchmarks.elmo.results import run as elmo_results
from tests.benchmarks.quality.results import results as quality_results

CONDITIONS = {"date": "2030-01-02", "cpu": "A processor", "cores": 2, "versions": {}}
LAYER = {"source": "default", "rates": {"as they come": 6547.2}}
NODES = {"data": "a.csv", "rows": 100, "seconds": {"Transform": 4.0, "Trainer": 6.5}}
RUNNERS = {
    "runner": "flink",
    "rows": 1100,
    "repeats": 2,
    "jobs": {
        "local, 100": {"wall_seconds": 10.0, "core_seconds": 8.0},
        "local, 1100": {"wall_seconds": 15.0, "core_seconds": 18.0},
        "flink, 100": {"wall_seconds": 20.0, "core_seconds": 30.0},
        "flink, 1100": {"wall_seconds": 30.0, "core_seconds": 40.0},
    },
}
READING = {"count": 50, "rates": {"CSV": 200_000.0}}
KEPT = {
    "reading": (READING | {"conditions": CONDITIONS}, reading.report),
    "runners": (RUNNERS | {"conditions": CONDITIONS}, runners.report),
    "layer": (LAYER | {"conditions": CONDITIONS}, layer.report),
    "nodes": (NODES | {"conditions": CONDITIONS}, nodes.report),
    "batch": (dataclasses.asdict(batch_results()), batch_report),
    "elmo": (elmo_results(), elmo_report),
    "classifiers": (classifiers_results(), classifiers_report),
    "quality": (dataclasses.asdict(quality_results(0.81)), quality_report),
}


def _call(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_the_command_lists_every_benchmark_and_imports_none(repository):
    ask = (
        "import sys; from benchmarks.__main__ import main; "
        "main(['--help'], standalone_mode=False); "
        "print([n for n in ('tensorflow', 'keras', 'tfx') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    *shown, imported = done.stdout.splitlines()
    assert imported == "[]"
    for name in _BENCHMARKS:
        assert any(line.split()[:1] == [name] for line in shown)


@pytest.mark.parametrize("name", _BENCHMARKS)
def test_the_help_of_each_shows_an_example(name):
    done = _call(name, "--help")
    assert done.exit_code == 0
    assert f"python -m benchmarks {name}" in " ".join(done.stdout.split())


@pytest.mark.parametrize("name", KEPT)
def test_kept_results_are_reported_and_written_without_measuring(name, tmp_path):
    raw, report = KEPT[name]
    kept, page, again = (tmp_path / each for each in ("a.json", "page.md", "b.json"))
    kept.write_text(json.dumps(raw))
    done = _call(name, "--results", kept, "--write", page, "--json", again)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == report(raw)
    assert report(raw) in page.read_text()
    assert json.loads(again.read_text()) == json.loads(kept.read_text())


def test_the_speed_of_transform_and_the_whole_time_are_reckoned():
    lines = nodes.report(NODES | {"conditions": CONDITIONS}).splitlines()
    assert "| all nodes |      10.5 |" in lines
    assert lines[-2].startswith("- 100 rows of a.csv; Transform does 25 rows a second")


def test_a_runner_is_judged_by_what_comes_after_its_start_up():
    text = runners.report(RUNNERS | {"conditions": CONDITIONS})
    rows = [line.split() for line in text.splitlines() if line.startswith("|")]
    assert [cell for cell in rows[2] if cell != "|"][-2:] == ["200", "100"]
    assert [cell for cell in rows[3] if cell != "|"][-2:] == ["100", "100"]
    assert "rows per second: **not reached**, 50%." in text
    assert "rows per core-second: reached, 100%." in text


def test_a_run_with_a_failed_contender_ends_with_status_1(tmp_path):
    results = elmo_results()
    failed = {"missing": "it ended with status 1: boom", "failed": True}
    results["models"]["original"]["contenders"]["allennlp"] = failed
    kept = tmp_path / "results.json"
    kept.write_text(json.dumps(results))
    done = _call("elmo", "--results", kept)
    assert done.exit_code == 1
    assert done.stdout == elmo_report(results)
    assert done.stderr.endswith("original, allennlp: it ended with status 1: boom\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("batch", "--rows", "100"), "100 is not in the range x>=101"),
        (("runners", "--rows", "100"), "100 is not in the range x>=101"),
        (("batch", "--small", "many"), "'many' is not a valid integer"),
        (("batch", "--data", "absent.csv"), "absent.csv must be a CSV file"),
        (("batch", "--results", "absent.json"), "absent.json"),
        (("classifiers", "--data", "absent.csv"), "absent.csv must be a CSV file"),
        (("classifiers", "--again", "bert"), "'bert' is not one of 'elmo',"),
        (("elmo", "--model", "large"), "'large' is not one of 'small', 'original'"),
        (("elmo", "--count", "0"), "0 is not in the range x>=1"),
        (("elmo", "--sentences", "absent.txt"), "absent.txt must be a text file"),
        (("quality", "--folds", "11"), "11 is not in the range 2<=x<=10"),
        (("layer", "--data", "absent.csv"), "absent.csv must be a CSV file"),
        (("senses", "--count", "0"), "0 is not in the range x>=1"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_wrong_arguments_get_one_clear_line(monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    done = _call(*arguments)
    assert done.exit_code in (1, 2)
    assert message in done.stderr.split("Error: ")[1]


@pytest.mark.parametrize("name", ["batch", "runners"])
def test_without_a_model_nothing_is_measured(name, tmp_path):
    data = tmp_path / "texts.csv"
    data.write_text("text\na text\n")
    done = _call(name, "--data", data, "--model", tmp_path)
    assert done.exit_code == 1
    assert "there is no model" in done.stderr and "hint: make run" in done.stderr


def test_every_format_is_read_whole():
    rates = reading.rows_per_second(60)
    assert len(rates) == 6
    assert min(rates.values()) > 0
