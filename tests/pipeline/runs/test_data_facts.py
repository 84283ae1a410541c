"""What a summary says of the texts of a run, and what happens where they are gone."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from pipeline.config import DataConfig
from pipeline.metadata.runs import MadeArtifact, NodeRecord, RunRecord
from pipeline.review import rows as rows_module
from pipeline.review.rows import read_rows, tokenise
from pipeline.runs.data_facts import data_of, facts_of_texts
from pipeline.runs.summary import RunSummary
from tests.pipeline.runs.small_facts import FACTS
from tests.pipeline.tiny_training import write_examples

ROWS = [(f"{word} film", word) for word in ("good", "bad")] * 20


@pytest.fixture
def run(tmp_path, transformed_data):
    """A run of which the label of one text is doubted, and its record."""
    uri = write_examples(tmp_path / "examples", ROWS)
    tokens = tokenise(read_rows([uri]), str(transformed_data), ["bad", "good"])
    doubt = {
        "key": tokens.keys()[1].hex(), "label": "bad", "suggested": "good",
        "label_probability": 0.1, "suggested_probability": 0.9,
    }  # fmt: skip
    training = {**FACTS["training"], "doubts": {"texts": 2, "found": [doubt]}}
    data = {**FACTS["data"], "examples": [uri]}
    summary = RunSummary.model_validate({**FACTS, "training": training, "data": data})
    made = MadeArtifact(str(transformed_data), {})
    node = NodeRecord("Transform", "done", 1.0, {"transform_graph": [made]})
    return summary, RunRecord("1", [node])


def test_the_rows_of_doubted_labels_are_found_in_the_examples(run):
    found = facts_of_texts(*run, None)
    [row] = found["doubted"]
    assert (row.text, row.label, row.suggested) == ("bad film", "bad", "good")
    assert (row.source, row.position, row.split, row.rows) == ("a.csv", 3, "train", 17)
    assert found["length_limits"]["long"][1] is None


def test_rows_are_not_looked_for_again_where_nothing_changed(run, monkeypatch):
    summary, record = run
    before = summary.model_copy(update=facts_of_texts(summary, record, None))
    reads = []
    read = rows_module._read
    monkeypatch.setattr(
        rows_module, "_read", lambda *place: reads.append(place) or read(*place)
    )
    assert facts_of_texts(summary, record, before)["doubted"] == before.doubted
    assert not reads
    # Of other examples, rows may stand elsewhere; and rows may have been gone.
    elsewhere = before.data.model_copy(update={"examples": ["/gone"]})
    for change in ({"data": elsewhere}, {"doubted": []}, {"training": None}):
        other = before.model_copy(update=change)
        assert facts_of_texts(summary, record, other)["doubted"] == before.doubted
        assert reads
        reads.clear()


@pytest.mark.parametrize("what", ["graph", "schema", "examples"])
def test_a_run_does_not_fail_after_its_push_as_something_cannot_be_read(
    run, tmp_path, caplog, what
):
    summary, record = run
    if what != "examples":
        gone = MadeArtifact(str(tmp_path / "gone"), {})
        if what == "schema":
            shutil.copytree(record.nodes[0].outputs["transform_graph"][0].uri, gone.uri)
            [schema] = Path(gone.uri).glob("metadata/schema.pbtxt")
            schema.write_text("feature { name: ")
        node = NodeRecord("Transform", "done", 1.0, {"transform_graph": [gone]})
        record = RunRecord("1", [node])
    else:
        path = tmp_path / "examples" / "Split-train" / "data-0.gz"
        path.write_bytes(b"not compressed at all")
    caplog.set_level(logging.WARNING)
    found = facts_of_texts(summary, record, None)
    assert "doubted" not in found
    assert ("length_limits" in found) is (what == "examples")
    assert "The rows of doubted labels are not shown: " in caplog.text


def test_a_run_without_a_transform_graph_has_no_such_facts(run):
    assert facts_of_texts(run[0], RunRecord("1", []), None) == {}


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"sample data: rated by people\n", "sample data: rated by people"),
        ("Avis récoltés\nà la main\n".encode("latin-1"), "Avis r\ufffdcolt\ufffds"),
        (b"\n", None),
        (b"x" * 10**6, "x" * 1000),
        (None, None),
    ],
)
def test_a_file_that_says_where_data_is_from_may_be_anybodys(tmp_path, content, shown):
    path = tmp_path / "SOURCE.txt"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    data = DataConfig(pattern=str(tmp_path / "*.csv"))
    assert data_of(data, []).source == shown
