"""Which parts make which file."""

from __future__ import annotations

import pytest

from components.text_example_gen.options import ReadOptions
from pipeline.batch import shards
from pipeline.batch.shards import plan_shards
from pipeline.batch.staging import BatchJob, Request


def _job(number=None):
    request = Request(
        inputs=("in.csv",),
        options=ReadOptions(label_column=None),
        keep=None,
        output="/out",
        overwrite=False,
        format="csv",
        shards=number,
        chunk_rows=10,
        chunk_chars=100,
        beam_args=(),
    )
    return BatchJob(request, "/staging")


def _part(name, size=10, rejected=None):
    return {"name": name, "part": f"p/{name}", "size_bytes": size, "rejected": rejected}


def _pieces(planned):
    return [shard["pieces"] for shard in planned if shard["is_table"]]


def test_parts_keep_the_order_of_the_input_whatever_order_they_come_in():
    parts = [_part("00001-00000"), _part("00000-00001"), _part("00000-00000")]
    [shard] = plan_shards([], parts, _job())
    assert shard["path"] == "/staging/finished/part-00000-of-00001.csv"
    assert shard["pieces"] == ["p/00000-00000", "p/00000-00001", "p/00001-00000"]


@pytest.mark.parametrize("number", [1, 2, 3, 7])
def test_as_many_files_as_asked_for(number):
    parts = [_part(f"{n:05d}") for n in range(6)]
    pieces = _pieces(plan_shards([], parts, _job(number)))
    assert len(pieces) == number
    assert sum(pieces, []) == [part["part"] for part in parts]
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


def test_by_itself_a_file_is_about_as_large_as_the_limit(monkeypatch):
    monkeypatch.setattr(shards, "_SHARD_BYTES", 25)
    parts = [_part(f"{n:05d}", size=10) for n in range(10)]
    sizes = [10 * len(each) for each in _pieces(plan_shards([], parts, _job()))]
    assert len(sizes) == 4 and max(sizes) <= 30


def test_a_file_without_parts_knows_how_the_others_look():
    planned = list(plan_shards([], [_part("00000-00000")], _job(3)))
    assert sorted(len(shard["pieces"]) for shard in planned) == [0, 0, 1]
    assert {shard["like"] for shard in planned} == {"p/00000-00000"}


def test_without_rows_there_is_one_empty_file():
    assert _pieces(plan_shards([], [], _job())) == [[]]


def test_rejects_of_reading_come_before_those_of_the_model():
    splits = [{"number": 1, "rejected": "s1"}, {"number": 0, "rejected": None}]
    parts = [_part("00000-00000", rejected="r0"), _part("00001-00000")]
    planned = list(plan_shards(splits, parts, _job()))
    [rejects] = [shard for shard in planned if not shard["is_table"]]
    assert rejects["path"] == "/staging/finished/rejected/rejected.jsonl"
    assert rejects["pieces"] == ["s1", "r0"]
