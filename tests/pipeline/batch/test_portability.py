"""Both commands over the portability protocol, with workers of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.pipeline.batch.portable_runner import portable_runner

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def portable(repository, tmp_path_factory):
    with portable_runner(repository, tmp_path_factory.mktemp("portable")) as options:
        yield options


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "texts.csv"
    lines = [f'{n},"{"word " * (n % 7)}good number {n}"' for n in range(500)]
    lines[100] = "100,boom"
    lines[200] = "too,many,fields"
    path.write_text("id,text\n" + "\n".join(lines) + "\n")
    return path


def _run(repository, *args):
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *map(str, args)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def _content(folder, suffix):
    [part] = folder.glob(f"part-*{suffix}")
    return part.read_bytes()


def test_predict_gives_the_same_bytes_as_the_local_runner(
    repository, portable, texts, toy_model, tmp_path
):
    for name, options in (("local", ()), ("portable", portable)):
        given = ("--input", texts, "--model", toy_model, "--output", tmp_path / name)
        _run(repository, "predict", *given, "--format", "csv", "--", *options)
    assert _content(tmp_path / "portable", ".csv") == _content(
        tmp_path / "local", ".csv"
    )
    rejected = (tmp_path / "portable" / "rejected" / "rejected.jsonl").read_text()
    assert rejected.count("\n") == 2
    assert not list(tmp_path.glob("*.unfinished"))


def test_embed_gives_the_same_vectors_as_the_local_runner(
    repository, portable, texts, small_elmo, tmp_path
):
    import pyarrow.parquet as pq

    tables = []
    for name, options in (("local", ()), ("portable", portable)):
        given = ("--input", texts, "--elmo", small_elmo, "--output", tmp_path / name)
        _run(repository, "embed", *given, "--max-rejected", "1", "--", *options)
        [part] = (tmp_path / name).glob("*.parquet")
        tables.append(pq.read_table(part))
    assert tables[0].num_rows == 499
    assert tables[0].equals(tables[1])
