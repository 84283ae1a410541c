"""Both commands on runners that serve, with worker processes of their own."""

from __future__ import annotations

import functools
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from tests.beam_runners import LONG_ON_FLINK

_MANY = 14_000  # four chunks

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "texts.csv"
    lines = [f'{n},"{"word " * (n % 7)}good number {n}"' for n in range(500)]
    lines[100] = "100,boom"
    lines[200] = "too,many,fields"
    path.write_text("id,text\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def many_texts(tmp_path_factory):
    """Some chunks of texts, in which the default model has something to do."""
    path = tmp_path_factory.mktemp("texts") / "many.csv"
    lines = [f'{n},"{"a word or two " * (n % 9)}and {n}"' for n in range(_MANY)]
    path.write_text("id,text\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def run(repository):
    """Starts a command of `elmo-tfx`."""

    def start(*args):
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", *map(str, args)],
            cwd=repository,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="module")
def predict(texts, toy_model):
    """A command of which two rows are rejected."""
    return ("predict", "--input", texts, "--model", toy_model, "--format", "csv")


@pytest.fixture(scope="module")
def embed(texts, small_elmo):
    """A command of which one row is rejected."""
    arguments = ("--input", texts, "--elmo", small_elmo, "--max-rejected", "1")
    return ("embed", *arguments)


@pytest.fixture(scope="module")
def embed_many(many_texts):
    """A command that takes some seconds for each chunk."""
    return ("embed", "--input", many_texts, "--pooled", "--keep", "id")


@pytest.fixture(scope="module")
def local_output(run, tmp_path_factory):
    """Returns what a command writes on the local runner; each runs once."""

    @functools.cache
    def output(command):
        folder = tmp_path_factory.mktemp("local") / "output"
        _finish(run(*command, "--output", folder))
        return folder

    return output


def _finish(process):
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def _bytes(folder):
    [part] = folder.glob("part-*")
    return part.read_bytes()


def _table(folder):
    [part] = folder.glob("*.parquet")
    return pq.read_table(part)


def test_predict_gives_the_same_bytes_as_the_local_runner(
    run, beam_runner, predict, local_output, tmp_path
):
    output = tmp_path / "scored"
    _finish(run(*predict, "--output", output, "--", *beam_runner.options))
    assert _bytes(output) == _bytes(local_output(predict))
    rejected = (output / "rejected" / "rejected.jsonl").read_text()
    assert rejected.count("\n") == 2
    assert not list(tmp_path.glob("*.unfinished"))


@pytest.mark.parametrize(
    "beam_runner", ["job-service", "prism", LONG_ON_FLINK], indirect=True
)
def test_embed_gives_the_same_vectors_as_the_local_runner(
    run, beam_runner, embed, local_output, tmp_path
):
    output = tmp_path / "vectors"
    _finish(run(*embed, "--output", output, "--", *beam_runner.options))
    assert _table(output).num_rows == 499
    assert _table(output).equals(_table(local_output(embed)))


@pytest.mark.parametrize("beam_runner", ["prism", LONG_ON_FLINK], indirect=True)
def test_a_worker_killed_on_the_way_costs_no_row_and_doubles_none(
    run, beam_runner, embed_many, local_output, tmp_path
):
    output = tmp_path / "vectors"
    arguments = (*embed_many, "--output", output, "--", *beam_runner.options)
    job = run(*arguments)
    _wait_for(lambda: list(tmp_path.glob("vectors.unfinished/*/parts/*.json")), job)
    beam_runner.kill_a_worker()
    assert not output.exists()
    _, errors = job.communicate()
    if job.returncode:
        assert beam_runner.name == "prism", errors  # Flink tries again by itself.
        assert "the same command goes on from here" in errors
        assert not output.exists()
        _finish(run(*arguments))
    assert _table(output)["id"].to_pylist() == [str(n) for n in range(_MANY)]
    assert _table(output).equals(_table(local_output(embed_many)))


def _wait_for(condition, job, seconds=180):
    end = time.monotonic() + seconds
    while not condition():
        assert job.poll() is None, job.communicate()
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.05)
