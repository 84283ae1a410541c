"""End-to-end tests of `elmo-tfx run`: one run that is killed and taken up again."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.runs.all_runs import past_runs

# The first test here waits for the full run, about a minute alone on 2 cores.
pytestmark = pytest.mark.timeout(600)

_CLASSES = {
    f"{label} {size}"
    for label in ("negative", "positive")
    for size in ("short", "medium", "long")
}


@pytest.fixture(scope="module")
def summary(full_run):
    return json.loads((full_run.output / "summary.json").read_text())


@pytest.fixture(scope="module")
def version(full_run) -> Path:
    [version] = (full_run.output / "serving").iterdir()
    return version


def test_a_run_shows_each_node_on_stderr_and_the_summary_on_stdout(cli, full_run):
    done = full_run.done
    assert list(cli.nodes(done.stderr))[0] == "TextExampleGen"
    assert list(cli.nodes(done.stderr))[-1] == "Pusher"
    assert "Rows" in done.stdout
    assert "Score texts" in done.stdout
    first, second, *others = done.stderr.splitlines()
    assert first == "loading TensorFlow …"
    assert second.startswith("log: ")
    # The nodes and what they tell, nothing that a library has to say.
    nodes = list(cli.nodes(done.stderr))
    told = [
        line
        for line in others
        # The report is told, too, where it takes long.
        if line.startswith(tuple(f"    {n}: " for n in (*nodes, "report")))
    ]
    assert len(others) == len(nodes) + len(told)


def test_a_second_run_into_an_output_at_work_is_refused(full_run):
    assert full_run.beside.returncode == 1
    assert "another run writes into this output" in full_run.beside.stderr
    assert str(full_run.output) in full_run.beside.stderr


def test_a_killed_run_is_taken_up_and_pushes_exactly_once(cli, full_run, version):
    states = cli.nodes(full_run.done.stderr)
    finished = ("TextExampleGen", "StatisticsGen", "AnomalyGate", "Transform")
    assert {states[node] for node in finished} == {"unchanged"}
    assert states["Trainer"] != "unchanged"
    assert (version / "saved_model.pb").is_file()


def test_the_killed_run_and_the_one_after_it_stand_side_by_side(
    cli, full_run, summary, version
):
    done = cli.run("runs", "--output", full_run.output, "--json")
    assert done.returncode == 0, done.stderr
    killed, pushed = json.loads(done.stdout)
    assert (killed["verdict"], killed["ended"]) == ("interrupted", None)
    assert pushed["verdict"] == "pushed"
    assert pushed["run_id"] == summary["run_id"]
    assert pushed["version"] == int(version.name)
    assert (pushed["span"], pushed["rows"]) == ("2026-11-25", summary["rows"]["used"])
    assert pushed["measures"] == summary["evaluation"]["metrics"]
    assert pushed["seconds"] == summary["seconds"] > 1
    assert json.loads(Path(pushed["summary"]).read_text()) == summary
    assert not Path(killed["log"]).samefile(pushed["log"])


def test_the_pushed_version_has_a_model_card_beside_it(full_run, summary, version):
    card = (full_run.output / "model_cards" / f"{version.name}.md").read_text()
    assert f"| first pushed as version | {version.name} |" in card
    assert f"{summary['rows']['read']:,} rows read" in card
    assert all(name in card for name in _CLASSES)


def test_rows_read_are_rows_used_and_rows_rejected_with_their_reasons(
    summary, sentences
):
    rows = summary["rows"]
    assert rows["read"] == len(sentences) + 7
    assert rows["used"] == len(sentences) + 3
    assert rows["rejected"] == 4
    assert sum(rows["reasons"].values()) == 4
    assert rows["duplicates"] == 1


def test_rejected_rows_lie_where_the_summary_says(summary):
    folder = Path(summary["rows"]["rejected_folder"])
    rejects = [
        json.loads(line)
        for path in folder.glob("rejected-*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert len(rejects) == 4
    assert {"source", "position", "reason", "text"} <= set(rejects[0])
    assert any("too many" in reject["text"] for reject in rejects)


def test_the_summary_names_the_training_the_test_and_the_baseline(summary):
    assert len(summary["training"]["epochs"]) == 2
    assert summary["training"]["embedding_cache"]["examples"] > 100
    for part in ("evaluation", "tfidf"):
        for measure in ("accuracy", "auc", "macro_f1"):
            assert 0 <= summary[part]["metrics"][measure] <= 1
    assert summary["evaluation"]["blessed"]
    classes = {one["name"] for one in summary["evaluation"]["classes"]}
    assert classes == _CLASSES
    assert summary["serving_check"]["blessed"]
    assert {node["state"] for node in summary["nodes"]} == {"done", "unchanged"}


def test_labels_that_may_be_wrong_are_shown_with_the_rows_they_stand_in(
    full_run, summary
):
    found = summary["training"]["doubts"]["found"]
    splits = summary["rows"]["labels"]
    used = sum(sum(splits[split].values()) for split in ("train", "eval"))
    assert 100 < summary["training"]["doubts"]["texts"] <= used
    assert 0 < len(found) == len(summary["doubted"])
    lines = (
        Path(summary["doubted"][0]["source"]).read_text(errors="replace").splitlines()
    )
    for row in summary["doubted"]:
        assert row["label"] != row["suggested"]
        assert row["split"] in ("train", "eval")
        assert row["text"].split()[0] in lines[row["position"] - 1]
    assert set(summary["length_limits"]) == set(summary["evaluation"]["by_length"])


def test_the_page_of_the_run_lies_where_the_summary_says(full_run, summary, version):
    assert full_run.done.stdout.splitlines()[-1] == f"Report      {summary['report']}"
    page = Path(summary["report"]).read_text("utf-8")
    assert f"Pushed as version {version.name}." in page
    examples = summary["rows"]["examples"]
    assert {row["reason"] for row in examples} == set(summary["rows"]["reasons"])
    assert summary["versions"]["tfx"]
    assert summary["options"]["train.epochs"] == 2
    assert summary["model_bytes"] > 100_000


def test_the_rows_that_are_wrong_stand_where_the_summary_says(summary):
    wrong = summary["evaluation"]["wrong"]
    assert wrong
    for row in wrong:
        lines = Path(row["source"]).read_bytes().split(b"\n")
        [cells] = csv.reader([lines[row["position"] - 1].decode("utf-8", "replace")])
        assert {row["text"].strip(), *row["labels"]} <= {cell.strip() for cell in cells}


def test_the_model_is_pushed_whole_and_where_the_summary_says(summary, version):
    assert summary["push"]["pushed"]
    assert summary["push"]["path"] == str(version)
    assert (version / "saved_model.pb").is_file()
    assert (version / "assets.extra" / "tf_serving_warmup_requests").is_file()


def test_the_model_serves_raw_texts_without_loading_anything_of_ours(version, tmp_path):
    program = """
import sys, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
texts = tf.constant(["A fine film.", "", "x" * 1000])
found = model.signatures["predict_text"](texts=texts)
assert not {"keras_elmo", "pipeline", "components", "tfx"} & set(sys.modules)
print(found["probabilities"].shape)
print(found["label"].numpy()[0].decode())
"""
    done = subprocess.run(
        [sys.executable, "-P" if sys.version_info >= (3, 11) else "-I"]
        + ["-c", program, version],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    shape, label = done.stdout.splitlines()
    assert shape == "(3, 6)"
    assert label in _CLASSES


def test_the_printed_command_scores_texts(cli, full_run, summary):
    assert summary["score_command"] in full_run.done.stdout
    *command, text = shlex.split(summary["score_command"])
    assert text == "Type a text here."
    done = cli.run_command([*command, "A fine film.", "Dreadful."])
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["text"] for answer in answers] == ["A fine film.", "Dreadful."]
    for answer in answers:
        assert set(answer["probabilities"]) == _CLASSES
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        best = max(answer["probabilities"], key=answer["probabilities"].get)
        assert answer["label"] == best
    assert done.stderr == "loading TensorFlow …\n"


@pytest.mark.slow
def test_data_of_one_class_fails_with_component_reason_and_log(
    cli, sentences, write_csv, tmp_path
):
    rows = [(text, "positive") for text, _ in sentences]
    path = write_csv(tmp_path / "one.csv", rows)
    done = cli.run_loaded(
        "run", "--data", path, "--output", tmp_path / "out", *cli.quick
    )
    lines = done.stderr.splitlines()
    error = next(line for line in lines if line.startswith("error: "))
    log = Path(lines[-1].removeprefix("log: "))
    assert done.returncode == 1
    assert error.startswith("error: TextExampleGen failed: ")
    assert "class" in error
    assert "Traceback" not in done.stderr
    assert "Traceback" in log.read_text()
    assert not list((tmp_path / "out" / "serving").iterdir())
    [failed] = past_runs(tmp_path / "out")
    assert (failed.verdict, failed.component) == ("failed", "TextExampleGen")
    assert failed.reasons[0].splitlines()[0] in error
    assert failed.log == str(log)


def test_a_misspelt_column_is_named_in_one_line_with_those_there_are(
    cli, full_run, tmp_path
):
    data = full_run.texts
    done = cli.run(
        "run", "--data", data, "--text-column", "txt", "--output", tmp_path / "out"
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"error: {data} has no column `txt`. Columns found: text, label "
        "(hint: did you mean `text`?)\n"
    )
    assert not (tmp_path / "out").exists()
