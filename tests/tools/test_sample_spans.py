"""Tests of sample_spans, on an archive of the known form and few rows."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from components.text_example_gen.arrived_spans import newest_span
from tools import sample_data
from tools.sample_data import AMAZON, MOVIES, SampleDataError
from tools.sample_spans import DONE_FILE, sample_spans, write_span

_ROWS = dict.fromkeys(sample_data._SNIPPETS, 10) | {MOVIES: 30}


@pytest.fixture
def archive(tmp_path, monkeypatch) -> Path:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as tar:
        for kind, (name, _) in list(sample_data._SNIPPETS.items()):
            rows = _ROWS[kind]
            monkeypatch.setitem(sample_data._SNIPPETS, kind, (name, rows))
            lines = "".join(f"{i}\t{i % 3 - 1}\t{kind} {i}\r\n" for i in range(rows))
            info = tarfile.TarInfo(name)
            info.size = len(lines)
            tar.addfile(info, io.BytesIO(lines.encode()))
    path = tmp_path / "archive.tar.gz"
    with tarfile.open(path, mode="w:gz") as tar:
        info = tarfile.TarInfo(sample_data._INNER_ARCHIVE)
        info.size = len(inner.getvalue())
        inner.seek(0)
        tar.addfile(info, inner)
    return path


def test_films_come_first_and_no_text_comes_twice(archive):
    spans = list(sample_spans(archive, 10))
    assert [span.number for span in spans] == [1, 2, 3, 4, 5, 6]
    assert [span.kind for span in spans[:4]] == [MOVIES, MOVIES, MOVIES, AMAZON]
    texts = [text for span in spans for text, _ in span.rows]
    assert len(texts) == len(set(texts)) == 60
    assert all(text.startswith(span.kind) for span in spans for text, _ in span.rows)
    assert spans == list(sample_spans(archive, 10))


def test_a_written_span_is_one_that_a_run_takes_for_whole(archive, tmp_path):
    first, second, *_ = sample_spans(archive, 10)
    write_span(tmp_path / "spans", first)
    path = write_span(tmp_path / "spans", second)
    assert newest_span(str(tmp_path / "spans/{SPAN}/*.csv"), DONE_FILE) == 2
    assert len(path.read_text().splitlines()) == 11


def test_spans_that_are_too_long_for_the_texts_are_refused(archive):
    with pytest.raises(SampleDataError, match="too few movies for spans of 11 rows"):
        list(sample_spans(archive, 11))
