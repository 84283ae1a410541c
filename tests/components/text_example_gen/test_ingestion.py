from __future__ import annotations

import gzip

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from components.text_example_gen.ingestion import ReadRecords
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
        records, rejects = pipeline | ReadRecords(patterns, options=ReadOptions())
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


def test_a_single_string_is_no_sequence_of_patterns():
    with pytest.raises(ValueError, match="must be a sequence of patterns"):
        ReadRecords("a.csv", options=ReadOptions())
