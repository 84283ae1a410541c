from __future__ import annotations

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from components.text_example_gen import ingestion


def _write(folder, payloads, **options):
    with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
        _ = (
            pipeline
            | beam.Create(payloads)
            | ingestion.WriteSorted(
                ingestion.open_lines,
                staging=f"{folder}/unfinished",
                suffix=".txt",
                **options,
            )
        )


def test_files_have_settled_names_and_order(tmp_path):
    prefix = f"{tmp_path}/new/part"
    payloads = [((prefix, s), (f"{i}", b"%d" % i)) for s in (0, 1) for i in (2, 3, 1)]
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
    with pytest.raises(Exception, match="bytes"):  # wrapped by Beam
        _write(tmp_path, payloads)
    assert [path.name for path in tmp_path.iterdir()] == ["unfinished"]
