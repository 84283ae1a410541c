"""The executor on real files, run as TFX runs it."""

from __future__ import annotations

import collections
import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2

from components.text_example_gen.errors import DataError

GOOD = [(f"text {i}", "pos" if i % 3 else "neg") for i in range(60)]


def write_csv(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def test_every_row_ends_in_a_split_or_among_the_rejects(ingest, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    write_csv(
        data / "a.csv", [*GOOD, ("  ", "pos"), ("no label", ""), ("TEXT 1", "pos")]
    )
    with (data / "a.csv").open("ab") as file:
        file.write(b"lonely\nx,y,z\ncaf\xe9 \xc3\xa9,pos\nrare,once\nx,caf\xe9\n")
    (data / "b.jsonl").write_text(
        '{"text": "from json", "label": "neg"}\n{"text": ["no"], "label": "neg"}\nbad\n'
    )
    table = {"text": ["from parquet", "also"], "label": ["pos", None]}
    pq.write_table(pa.table(table), data / "c.parquet")
    result = ingest(data, max_rejected_fraction=0.2, max_replaced_fraction=0.02)

    counts = result.counts
    outside = counts["reasons"].pop("label_outside_training", 0)
    assert counts["reasons"] == {
        "no_label": 2,
        "bad_json": 1,
        "lossy_label": 1,
        "no_text": 1,
        "not_text": 1,
        "too_few_fields": 1,
        "too_many_fields": 1,
    }
    assert counts["rows_in"] == 73
    assert counts["rows_rejected"] == 8 + outside == len(result.rejected)
    assert counts["rows_used"] == 65 - outside == len(result.rows)
    assert counts["duplicates"] == 1  # TEXT 1
    assert counts["replaced_utf8"] == 1
    assert counts["files"] == 3
    assert counts["layouts"] == {
        "csv, UTF-8, `,`, header": 1,
        "jsonl, UTF-8": 1,
        "parquet": 1,
    }
    assert ("caf\ufffd é", "pos") in result.rows
    for split, of_split in counts["labels"].items():
        labels = collections.Counter(label for _, label in result.split(split))
        assert of_split == dict(labels)
    lonely = next(r for r in result.rejected if r["reason"] == "too_few_fields")
    assert lonely == {
        "source": str(data / "a.csv"),
        "position": 65,
        "reason": "too_few_fields",
        "detail": "1 fields where 2 are expected",
        "text": "lonely",
    }


def test_the_artifact_says_how_its_examples_are_stored(ingest, tmp_path):
    artifact = ingest(write_csv(tmp_path / "a.csv", GOOD)).artifact
    assert json.loads(artifact.split_names) == ["train", "eval", "test"]
    assert (
        examples_utils.get_payload_format(artifact)
        == example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
    )
    assert artifact.get_string_custom_property("file_format") == "tfrecords_gzip"


def test_the_same_input_gives_the_same_files_in_a_mixed_order(ingest, tmp_path):
    data = write_csv(tmp_path / "a.csv", sorted(GOOD, key=lambda row: row[1]))
    first, second = (ingest(data, output=tmp_path / name) for name in "xy")
    for name in ("train", "eval", "test"):
        assert first.split(name) == second.split(name)
    labels = [label for _, label in first.split("train")]
    assert labels not in (sorted(labels), sorted(labels, reverse=True))


def test_splits_have_the_fractions_that_were_asked_for(ingest, tmp_path):
    rows = [(f"text {i}", f"{i % 2}") for i in range(2000)]
    data = write_csv(tmp_path / "a.csv", rows)
    result = ingest(data, eval_fraction=0.3, test_fraction=0.2)
    sizes = {name: sum(n.values()) for name, n in result.counts["labels"].items()}
    assert sizes["eval"] == pytest.approx(600, abs=80)
    assert sizes["test"] == pytest.approx(400, abs=80)


def test_folders_per_class_are_read_and_bad_documents_put_aside(ingest, tmp_path):
    for i, (text, label) in enumerate(GOOD):
        folder = tmp_path / "reviews" / label
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i}.txt").write_text(text)
    (folder / "empty.txt").touch()
    (folder / "picture.txt").write_bytes(b"\x89PNG\0\0")
    result = ingest(tmp_path / "reviews", max_rejected_fraction=0.1)
    assert sorted(result.rows) == sorted(GOOD)
    assert result.counts["reasons"] == {"no_text": 1, "not_text": 1}


def test_a_label_seen_only_outside_training_is_put_aside(ingest, tmp_path):
    rows = GOOD + [(f"rare {i}", f"rare {i}") for i in range(12)]
    result = ingest(write_csv(tmp_path / "a.csv", rows), max_rejected_fraction=0.2)
    labels = result.counts["labels"]
    assert result.counts["reasons"].keys() == {"label_outside_training"}
    for name in ("eval", "test"):
        assert labels[name].keys() <= labels["train"].keys()


def test_equal_texts_with_two_labels_are_kept_and_counted(ingest, tmp_path):
    rows = [*GOOD, ("Text  5", "neg"), ("text 5", "neg")]
    counts = ingest(write_csv(tmp_path / "a.csv", rows)).counts
    assert (counts["conflicting"], counts["duplicates"]) == (3, 1)


def test_too_many_rejects_stop_the_run_and_are_kept(ingest, tmp_path):
    data = write_csv(tmp_path / "a.csv", [*GOOD, ("", "pos"), ("x", "")])
    with pytest.raises(
        DataError, match=r"2 of 62 rows cannot be used \(3.2%"
    ) as caught:
        ingest(data)
    refused = tmp_path / "out" / "TextExampleGen" / "refused" / "7"
    assert f"They lie in {refused}/rejected" in str(caught.value)
    [aside] = refused.glob("rejected/*.jsonl")
    assert len(aside.read_text().splitlines()) == 2
    assert json.loads((refused / "counts.json").read_text())["rows_rejected"] == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "x"), ("b", "x"), ("c", "x")], "only one class: all 3 rows are"),
        ([(f"t{i}", f"{i / 7:.4f}") for i in range(80)], "a continuous number"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(ingest, tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        ingest(write_csv(tmp_path / "a.csv", rows))


def test_a_fault_beyond_the_first_look_stops_the_run(ingest, tmp_path):
    for i in range(12):
        write_csv(tmp_path / f"{i:02}.csv", [(f"{i} {text}", x) for text, x in GOOD])
    (tmp_path / "99.csv").write_text("text,lable\na,b\n")
    with pytest.raises(DataError, match="99.csv has no column `label`"):
        ingest(f"{tmp_path}/*.csv")


TEXT = st.sampled_from(["", " ", "a", "A ", "b", "\u00df", "SS", "c d", "c  D", "<br>"])
LABEL = st.sampled_from(["x", "y", "", "z"])


@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    # A run takes a second: shrinking a failure would take minutes.
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(st.tuples(TEXT, LABEL), min_size=20, max_size=60))
def test_rows_add_up_and_equal_texts_share_a_split(
    ingest, tmp_path_factory: Any, rows: list[tuple[str, str]]
):
    folder = tmp_path_factory.mktemp("property")
    rows = GOOD + rows
    data = write_csv(folder / "a.csv", rows)
    result = ingest(data, output=folder, max_rejected_fraction=1)
    counts = result.counts
    assert counts["rows_in"] == sum("".join(row).strip() != "" for row in rows)
    assert counts["rows_in"] == counts["rows_used"] + counts["rows_rejected"]
    assert len(result.rows) == counts["rows_used"]
    assert len(result.rejected) == counts["rows_rejected"]
    split_of: dict[str, str] = {}
    for name in ("train", "eval", "test"):
        for text, _ in result.split(name):
            folded = " ".join(text.casefold().split())
            assert split_of.setdefault(folded, name) == name
