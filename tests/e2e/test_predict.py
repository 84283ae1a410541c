"""`elmo-tfx predict` and `embed`, as a user types them."""

from __future__ import annotations

import csv
import json
import os
import signal
import time

import pyarrow.parquet as pq
import pytest

_BROKEN = ("only one field\n", "x,a,b\n", ',""\n', 'y,"<br />"\n')


@pytest.fixture(scope="module")
def texts(sentences, tmp_path_factory):
    """A CSV with an id and a text, 3,000 rows and four that cannot be used."""
    path = tmp_path_factory.mktemp("new") / "new.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "text"))
        for number in range(3000):
            if number in (5, 700, 1400, 2999):
                file.write(_BROKEN[(5, 700, 1400, 2999).index(number)])
            text, _ = sentences[number % len(sentences)]
            writer.writerow((number, f"{text} {number}"))
    return path


def _rows(folder):
    [path] = folder.glob("part-*.jsonl")
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


@pytest.fixture(scope="module")
def scored(cli, full_run, texts, tmp_path_factory):
    """The folder of a finished prediction, and what the command said."""
    output = tmp_path_factory.mktemp("predict") / "scored"
    model = full_run.output / "serving"
    done = cli.run(
        "predict", "--input", texts, "--model", model, "--key", "id", "--output", output
    )
    assert done.returncode == 0, done.stderr
    return output, done


def test_every_row_is_scored_in_order_and_one_line_says_so(scored):
    output, done = scored
    rows = _rows(output)
    assert [row["id"] for row in rows] == [str(n) for n in range(3000)]
    said = dict(field.split("=") for field in done.stdout.split())
    assert (said["rows_in"], said["rows_out"], said["rows_rejected"]) == (
        "3004",
        "3000",
        "4",
    )
    assert said["output"] == str(output)
    assert done.stderr == "" or "rows" in done.stderr
    rejected = (output / "rejected" / "rejected.jsonl").read_text().splitlines()
    assert len(rejected) == 4


def test_the_answers_are_those_of_score(cli, full_run, scored):
    rows = _rows(scored[0])[:3]
    model = full_run.output / "serving"
    done = cli.run("score", "--model", model, *(row["text"] for row in rows))
    for line, row in zip(done.stdout.splitlines(), rows, strict=True):
        answer = json.loads(line)
        assert answer["label"] == row["predicted_label"]
        for name, probability in answer["probabilities"].items():
            assert row[f"probability_{name}"] == pytest.approx(probability, abs=1e-5)


def test_a_killed_job_goes_on_and_gives_the_same_rows(
    cli, full_run, texts, scored, tmp_path
):
    output = tmp_path / "scored"
    given = ("--input", texts, "--model", full_run.output / "serving", "--key", "id")
    process = cli.start("predict", *given, "--output", output)
    _wait_for(lambda: list(tmp_path.glob("scored.unfinished/*/chunks/*")))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not output.exists()
    done = cli.run("predict", *given, "--output", output)
    assert done.returncode == 0, done.stderr
    assert _rows(output) == _rows(scored[0])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scored"]


def test_a_pushed_model_has_a_manifest_and_another_model_is_refused(
    cli, full_run, texts, tmp_path
):
    [manifest] = (full_run.output / "manifests").iterdir()
    given = ("--input", texts, "--model", full_run.output / "serving")
    given += ("--output", tmp_path / "scored", "--model-sha256")
    text = manifest.read_text()
    other = tmp_path / "other.sha256"
    other.write_text(text.replace(text[:8], "00000000", 1))
    refused = cli.run("predict", *given, other)
    assert refused.returncode == 2
    assert "has changed since its manifest was made" in refused.stderr
    done = cli.run("predict", *given, manifest, "--format", "parquet")
    assert done.returncode == 0, done.stderr
    [path] = (tmp_path / "scored").glob("*.parquet")
    assert pq.read_table(path).num_rows == 3000


def test_too_many_rejects_fail_after_everything_is_written(
    cli, full_run, texts, tmp_path
):
    output = tmp_path / "scored"
    given = ("--input", texts, "--model", full_run.output / "serving")
    done = cli.run("predict", *given, "--output", output, "--max-rejected", "3")
    assert done.returncode == 1
    assert "4 of 3,004 rows were rejected" in done.stderr
    assert len(_rows(output)) == 3000


def test_a_column_to_keep_that_is_not_there_is_told(cli, full_run, texts, tmp_path):
    given = ("--input", texts, "--model", full_run.output / "serving")
    done = cli.run("predict", *given, "--output", tmp_path / "x", "--keep", "idd")
    assert done.returncode == 2
    assert "has no column `idd`" in done.stderr
    assert "did you mean `id`?" in done.stderr


def test_an_existing_output_needs_overwrite(cli, full_run, texts, scored):
    given = ("--input", texts, "--model", full_run.output / "serving")
    done = cli.run("predict", *given, "--output", scored[0])
    assert done.returncode == 2
    assert "--overwrite" in done.stderr


def test_embed_writes_a_vector_for_every_token(cli, texts, tmp_path):
    output = tmp_path / "vectors"
    summary = tmp_path / "summary.json"
    done = cli.run("embed", "--input", texts, "--output", output, "--summary", summary)
    assert done.returncode == 0, done.stderr
    assert json.loads(summary.read_text())["rows_out"] == 3000
    [path] = output.glob("*.parquet")
    table = pq.read_table(path)
    assert table.num_rows == 3000
    first = table.slice(0, 1).to_pylist()[0]
    assert len(first["vectors"]) == len(first["tokens"]) > 3


def _wait_for(found, seconds=120):
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.05)
