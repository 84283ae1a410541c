"""`elmo-tfx predict`, `embed` and `score`, as a user types them."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import time

import pyarrow.parquet as pq
import pytest

_ROWS = 1000
# What stands before the row of a number.
_BROKEN = {
    5: "only one field\n",
    300: "x,a,b\n",
    700: ',""\n',
    _ROWS - 1: 'y,"<br />"\n',
}


@pytest.fixture(scope="module")
def texts(sentences, tmp_path_factory):
    """A CSV with an id and a text, 1,000 rows and four that cannot be used."""
    path = tmp_path_factory.mktemp("new") / "new.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "text"))
        for number in range(_ROWS):
            file.write(_BROKEN.get(number, ""))
            text, _ = sentences[number % len(sentences)]
            writer.writerow((number, f"{text} {number}"))
    return path


def _rows(folder):
    [path] = folder.glob("part-*.jsonl")
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


@pytest.fixture(scope="module")
def scored(cli, full_run, texts, tmp_path_factory):
    """The folder of a finished prediction, and what the command printed.

    It uses the pushed model, and the manifest that was written when it was pushed.
    """
    output = tmp_path_factory.mktemp("predict") / "scored"
    [manifest] = (full_run.output / "manifests").iterdir()
    model = ("--model", full_run.output / "serving", "--model-sha256", manifest)
    done = cli.run(
        "predict", "--input", texts, *model, "--key", "id", "--output", output
    )
    assert done.returncode == 0, done.stderr
    return output, done


def test_every_row_is_scored_in_order_and_one_line_says_so(scored):
    output, done = scored
    rows = _rows(output)
    assert [row["id"] for row in rows] == [str(n) for n in range(_ROWS)]
    line = dict(field.split("=") for field in done.stdout.split())
    rows_of = [line[name] for name in ("rows_in", "rows_out", "rows_rejected")]
    assert rows_of == [str(_ROWS + 4), str(_ROWS), "4"]
    assert line["output"] == str(output)
    loading, *progress = done.stderr.splitlines()
    assert loading == "loading TensorFlow …"
    assert all("rows" in each for each in progress)
    rejected = (output / "rejected" / "rejected.jsonl").read_text().splitlines()
    assert len(rejected) == 4


def test_the_answers_are_those_of_score_of_stdin_by_the_newest_version(
    cli, full_run, scored, tmp_path
):
    rows = _rows(scored[0])[:3]
    model = tmp_path / "serving"
    shutil.copytree(full_run.output / "serving", model)
    (model / "99999999999").mkdir()  # still being copied
    texts = "".join(f"{row['text']}\n" for row in rows)
    done = cli.run("score", "--model", model, "-", given=texts)
    assert done.returncode == 0, done.stderr
    for line, row in zip(done.stdout.splitlines(), rows, strict=True):
        answer = json.loads(line)
        assert answer["text"] == row["text"]
        assert answer["label"] == row["predicted_label"]
        for name, probability in answer["probabilities"].items():
            assert row[f"probability_{name}"] == pytest.approx(probability, abs=1e-5)


@pytest.mark.slow
def test_a_killed_job_goes_on_and_gives_the_same_rows(
    cli, full_run, texts, scored, tmp_path
):
    output = tmp_path / "scored"
    arguments = (
        "--input",
        texts,
        "--model",
        full_run.output / "serving",
        "--key",
        "id",
    )
    process = cli.start("predict", *arguments, "--output", output)
    _wait_for(lambda: list(tmp_path.glob("scored.unfinished/*/chunks/*")))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not output.exists()
    done = cli.run_loaded("predict", *arguments, "--output", output)
    assert done.returncode == 0, done.stderr
    assert _rows(output) == _rows(scored[0])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scored"]


def test_embed_writes_a_vector_for_every_token(cli, sentences, tmp_path):
    sentences = sentences[:40]
    texts = tmp_path / "texts.csv"
    with texts.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text",), *((text,) for text, _ in sentences)])
    output = tmp_path / "vectors"
    summary = tmp_path / "summary.json"
    done = cli.run_loaded(
        "embed", "--input", texts, "--output", output, "--summary", summary
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(summary.read_text())["rows_out"] == len(sentences)
    [path] = output.glob("*.parquet")
    table = pq.read_table(path)
    assert table.num_rows == len(sentences)
    first = table.slice(0, 1).to_pylist()[0]
    assert len(first["vectors"]) == len(first["tokens"]) > 3


def _wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.05)
