"""The component under TFX: settings, spans, caching, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.proto import range_config_pb2

from components.text_example_gen.component import TextExampleGen
from components.text_example_gen.errors import DataError
from components.text_example_gen.executor import Settings


def test_settings_reach_the_executor():
    component = TextExampleGen(
        "data/*.tsv",
        text_column="message",
        columns=["label", "message"],
        max_rejected_fraction=0.25,
    )
    settings = Settings.from_exec_properties(dict(component.exec_properties))
    assert settings.max_rejected_fraction == 0.25
    assert settings.options.text_column == "message"
    assert settings.options.columns == ("label", "message")
    assert settings.options.header is None
    assert component.exec_properties["input_base"].endswith("/data")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"eval_fraction": 0}, "`eval_fraction` must lie between"),
        ({"eval_fraction": 0.5, "test_fraction": 0.5}, "must leave rows to train on"),
        ({"max_rejected_fraction": 1.5}, "`max_rejected_fraction` must lie"),
        ({"format": "xml"}, "`format` must be one of"),
        ({"label_column": None}, "`label_column` must be set"),
    ],
)
def test_a_value_out_of_range_is_refused_at_construction(values, message):
    with pytest.raises(ValueError, match=message):
        TextExampleGen("data.csv", **values)


def run(folder: Path, beam_args: list[str], **options: object) -> list[Path]:
    """Runs a pipeline of one node; returns the folders of all its examples so far."""
    node = TextExampleGen(str(folder / "data" / "{SPAN}" / "*.csv"), **options)
    LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name="ingest",
            pipeline_root=str(folder / "root"),
            components=[node],
            enable_cache=True,
            beam_pipeline_args=beam_args,
            metadata_connection_config=metadata.sqlite_metadata_connection_config(
                str(folder / "metadata.sqlite")
            ),
        )
    )
    return sorted((folder / "root" / "TextExampleGen" / "examples").glob("*"))


def write_span(folder: Path, span: int, rows: int) -> None:
    path = folder / "data" / str(span) / "a.csv"
    path.parent.mkdir(parents=True)
    lines = [f"text {i} of {span},{'pos' if i % 2 else 'neg'}\n" for i in range(rows)]
    path.write_text("text,label\n" + "".join(lines))


def test_it_takes_the_newest_span_caches_it_and_keeps_what_it_refused(
    tmp_path, beam_args
):
    write_span(tmp_path, 1, rows=80)
    write_span(tmp_path, 2, rows=90)
    [second] = run(tmp_path, beam_args)
    assert json.loads((second / "counts.json").read_text())["rows_in"] == 90
    assert {path.name for path in second.iterdir()} == {
        "Split-train",
        "Split-eval",
        "Split-test",
        "counts.json",
    }

    assert run(tmp_path, beam_args) == [second]  # from the cache

    one = range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(
            start_span_number=1, end_span_number=1
        )
    )
    folders = run(tmp_path, beam_args, range_config=one)
    assert json.loads((folders[-1] / "counts.json").read_text())["rows_in"] == 80

    nine = range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(
            start_span_number=9, end_span_number=9
        )
    )
    with pytest.raises(
        DataError, match=r"No file matches .*\{SPAN\}/\*\.csv for span 9"
    ):
        run(tmp_path, beam_args, range_config=nine)

    with (tmp_path / "data" / "2" / "a.csv").open("a") as file:
        file.write(",pos\n" * 9)
    with pytest.raises(DataError, match="9 of 99 rows cannot be used"):
        run(tmp_path, beam_args)
    assert folders == sorted((tmp_path / "root/TextExampleGen/examples").glob("*"))
    [refused] = (tmp_path / "root" / "TextExampleGen" / "refused").iterdir()
    assert {path.name for path in refused.iterdir()} == {"rejected", "counts.json"}


def test_a_test_set_that_stays_stands_beside_spans_and_counts_when_it_changes(
    tmp_path, beam_args
):
    write_span(tmp_path, 4, rows=80)
    test = tmp_path / "test.csv"
    test.write_text("text,label\nheld out,pos\n")
    [first] = run(tmp_path, beam_args, test_pattern=str(test))
    counts = json.loads((first / "counts.json").read_text())
    assert (counts["files"], counts["given"]) == (2, {"test": 1})
    assert run(tmp_path, beam_args, test_pattern=str(test)) == [first]  # cached
    test.write_text("text,label\nheld out,pos\nanother,neg\n")
    _, second = run(tmp_path, beam_args, test_pattern=str(test))
    assert json.loads((second / "counts.json").read_text())["given"] == {"test": 2}
