from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tools import sample_data
from tools.sample_data import (
    IMDB_FILE,
    MOVIE_FILE,
    MOVIES,
    SOURCE_FILE,
    DownloadError,
    SampleDataError,
    make_sample_data,
    read_imdb_reviews,
    read_snippets,
)

LINES = ["1\t2.5\tA splash, even\x85 greater", '2\t0\t"Fine" — no', "3\t-0.1\tTepid"]


def _tar(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _archive(folder: Path, lines: list[str], name: str = "") -> Path:
    snippets = "".join(f"{line}\r\n" for line in lines).encode()
    inner = _tar(f"x/{name or 'movieReviewSnippets_GroundTruth.txt'}", snippets)
    path = folder / "fetched.tar.gz"
    path.write_bytes(_tar("v/additional/hutto_ICWSM_2014.tar.gz", inner))
    return path


def _fetch_three(folder: Path) -> Path:
    return _archive(folder, LINES)


def _fetch_fails(folder: Path) -> Path:
    raise DownloadError("no route to the index")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def three_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    name, _ = sample_data._SNIPPETS[MOVIES]
    monkeypatch.setitem(sample_data._SNIPPETS, MOVIES, (name, 3))


@pytest.mark.usefixtures("three_rows")
def test_ratings_up_to_zero_become_negative_and_the_text_is_kept(tmp_path):
    line = make_sample_data(tmp_path / "new", fetch=_fetch_three)
    assert _rows(tmp_path / "new" / MOVIE_FILE) == [
        {"text": "A splash, even\x85 greater", "label": "positive"},
        {"text": '"Fine" — no', "label": "negative"},
        {"text": "Tepid", "label": "negative"},
    ]
    assert line.startswith("3 movie-review snippets")
    assert (tmp_path / "new" / SOURCE_FILE).read_text("utf-8") == line + "\n"


@pytest.mark.usefixtures("three_rows")
def test_data_that_is_there_is_not_fetched_again(tmp_path):
    first = make_sample_data(tmp_path, fetch=_fetch_three)
    assert make_sample_data(tmp_path, fetch=_fetch_fails) == first


@pytest.mark.usefixtures("three_rows")
def test_a_call_that_died_before_the_end_is_done_again(tmp_path):
    make_sample_data(tmp_path, fetch=_fetch_three)
    (tmp_path / SOURCE_FILE).unlink()
    (tmp_path / MOVIE_FILE).write_text("half")
    make_sample_data(tmp_path, fetch=_fetch_three)
    assert len(_rows(tmp_path / MOVIE_FILE)) == 3


@pytest.mark.usefixtures("three_rows")
def test_without_a_network_imdb_reviews_stand_in_until_there_is_one(tmp_path):
    line = make_sample_data(tmp_path, fetch=_fetch_fails)
    assert "100 IMDB reviews" in line
    assert line.endswith("no route to the index")
    rows = _rows(tmp_path / IMDB_FILE)
    assert len(rows) == 100
    assert {row["label"] for row in rows} == {"negative", "positive"}
    assert rows[0]["text"].startswith("This was an absolutely terrible movie")

    make_sample_data(tmp_path, fetch=_fetch_three)
    assert sorted(p.name for p in tmp_path.iterdir()) == [SOURCE_FILE, MOVIE_FILE]


def test_the_command_says_that_it_used_the_reviews_when_pip_has_no_index(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tools.sample_data", "--output", str(tmp_path)],
        env={**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "100 IMDB reviews" in done.stdout
    assert "No matching distribution" in (tmp_path / SOURCE_FILE).read_text("utf-8")


def test_an_archive_with_another_hash_is_refused_and_not_replaced(
    tmp_path, monkeypatch
):
    name = "vadersentiment-3.3.2.tar.gz"
    (tmp_path / name).write_bytes(_tar("vadersentiment-3.3.2/setup.py", b"raise 1"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(SampleDataError, match="another hash"):
        make_sample_data(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_archive_with_a_row_too_few_is_refused(tmp_path):
    with pytest.raises(SampleDataError, match="must have 10605 rows. Received: 3"):
        read_snippets(_fetch_three(tmp_path))


def test_an_archive_with_a_field_too_few_is_refused(tmp_path):
    with pytest.raises(SampleDataError, match="cannot read"):
        read_snippets(_archive(tmp_path, ["1\tno rating"]))


def test_an_archive_without_the_snippets_is_refused(tmp_path):
    with pytest.raises(SampleDataError, match="must hold movieReview.* once"):
        read_snippets(_archive(tmp_path, LINES, name="other.txt"))


def test_a_tfx_package_without_the_reviews_is_named(tmp_path):
    with pytest.raises(SampleDataError, match="ships no examples/imdb"):
        read_imdb_reviews(tmp_path)
