from __future__ import annotations

import gzip
import json
import os

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from components import progress
from components.text_example_gen import ingestion, writing
from components.text_example_gen.ingestion import IngestPlan, IngestTexts, ReadRecords
from components.text_example_gen.options import ReadOptions


def _facts(item):
    return item["source"].rpartition("/")[2], item["position"], item.get("reason")


def test_many_files_of_many_formats_give_records_and_rejects(tmp_path):
    (tmp_path / "pos").mkdir()
    (tmp_path / "pos" / "1.txt").write_text("good")
    (tmp_path / "a.csv").write_text("text,label\na,x\nb\n")
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b'{"text":"a","label":1}\n'))
    (tmp_path / "c.csv").write_text("txt,label\na,x\n")
    patterns = [f"{tmp_path}/*.*", f"{tmp_path}/*/*.txt", f"{tmp_path}/none"]
    with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
        read = ReadRecords(patterns, options=ReadOptions())
        records, rejects, tallies = pipeline | read
        assert_that(
            records | "RecordFacts" >> beam.Map(_facts),
            equal_to([("a.csv", 2, None), ("b.jsonl.gz", 1, None), ("1.txt", 1, None)]),
            label="records",
        )
        assert_that(
            rejects | "RejectFacts" >> beam.Map(_facts),
            equal_to([("a.csv", 3, "too_few_fields"), ("c.csv", 0, "missing_column")]),
            label="rejects",
        )
        layouts = ["csv, UTF-8, `,`, header", "jsonl, UTF-8", "folder, UTF-8"]
        assert_that(
            tallies,
            equal_to([(("layout", layout), 1) for layout in layouts]),
            label="tallies",
        )


def test_files_whose_names_are_not_utf8_are_read(tmp_path):
    folder = os.fsencode(tmp_path)
    with open(folder + b"/caf\xe9.jsonl", "wb") as file:
        file.write(b'{"text":"a","label":1}\n{"text":\n')
    options = PipelineOptions(["--runner=FnApiRunner"])
    with beam.Pipeline(options=options) as pipeline:
        records, rejects, _ = pipeline | ReadRecords(
            [f"{tmp_path}/*.jsonl"], options=ReadOptions()
        )
        sources = (records, rejects) | beam.Flatten() | beam.Map(lambda i: i["source"])
        assert_that(sources, equal_to([f"{tmp_path}/caf\ufffd.jsonl"] * 2))


def test_a_single_string_is_refused_as_patterns():
    with pytest.raises(ValueError, match="must be a sequence of patterns"):
        ReadRecords("a.csv", options=ReadOptions())


def _write(folder, payloads, **options):
    with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
        _ = (
            pipeline
            | beam.Create(payloads)
            | writing.write_sorted(
                writing.open_text,
                staging=f"{folder}/unfinished",
                suffix=".txt",
                **options,
            )
        )


def test_files_have_settled_names_and_order(tmp_path):
    prefix = f"{tmp_path}/new/part"
    payloads = [((prefix, s), (f"{i}", b"%d\n" % i)) for s in (0, 1) for i in (2, 3, 1)]
    _write(tmp_path, payloads, shards=2)
    files = {path.name: path.read_text() for path in (tmp_path / "new").iterdir()}
    assert files == {
        "part-00000-of-00002.txt": "1\n2\n3\n",
        "part-00001-of-00002.txt": "1\n2\n3\n",
    }


def test_a_write_that_fails_leaves_no_file_that_looks_finished(tmp_path):
    payloads = [
        ((f"{tmp_path}/part", 0), ("a", b"x")),
        ((f"{tmp_path}/part", 0), ("b", 7)),
    ]
    with pytest.raises(Exception, match="got 7"):  # wrapped by Beam
        _write(tmp_path, payloads)
    assert [path.name for path in tmp_path.iterdir()] == ["unfinished"]


def test_it_says_how_many_rows_were_read_while_it_works(tmp_path, monkeypatch):
    monkeypatch.setattr(ingestion, "_ROWS_PER_TELL", 20)
    for name in ("a", "b"):
        rows = [json.dumps({"text": f"{name} {i}", "label": i % 2}) for i in range(50)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join([*rows, "broken"]))
    plan = IngestPlan(
        pattern=f"{tmp_path}/*.jsonl",
        options=ReadOptions(),
        split_names=("train", "eval"),
        hash_buckets=(8, 2),
        shards=1,
        output=f"{tmp_path}/out",
    )
    calls = []
    for _ in range(2):  # the second job counts from 0 again
        with progress.listening(lambda *arguments: calls.append(arguments)):
            options = PipelineOptions(["--runner=FnApiRunner"])
            with beam.Pipeline(options=options) as pipeline:
                _ = pipeline | IngestTexts(plan)
        assert {(what, total, note) for what, _, total, note in calls} == {
            ("rows", None, "")
        }
        rows_read = [done for _, done, _, _ in calls]
        assert rows_read == sorted(rows_read)
        assert len(rows_read) >= 5
        assert rows_read[-1] == 102
        calls.clear()
