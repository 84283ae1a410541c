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
    table = {"text": [b"from parquet \xe9", b"also"], "label": ["pos", None]}
    pq.write_table(pa.table(table), data / "c.parquet")
    result = ingest(data, max_rejected_fraction=0.2, max_replaced_fraction=0.04)

    counts = result.counts
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
    assert counts["rows_rejected"] == 8 == len(result.rejected)
    assert counts["rows_used"] == 65 == len(result.rows)
    assert counts["duplicates"] == 1  # TEXT 1
    assert counts["replaced_utf8"] == 2
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
        "detail": "1 field where 2 are expected",
        "text": "lonely",
    }


def test_a_class_is_one_in_every_format_however_its_label_is_written(ingest, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    texts = [f"text {i}" for i in range(90)]
    ones = ["1", "1.0", "1\u200b"] * 10
    truths = ["True", "TRUE", "true"] * 10
    write_csv(
        data / "a.csv",
        [*zip(texts, ones, strict=False), *zip(texts[30:], truths, strict=False)],
    )
    values = [1, 1.0, "1.00", True, [True], "true"] * 10
    lines = [
        {"text": f"j {t}", "label": v} for t, v in zip(texts, values, strict=False)
    ]
    (data / "b.jsonl").write_text("\n".join(map(json.dumps, lines)))
    for name, column in (("c", [1.0, None]), ("d", [True, False]), ("e", [["1"], []])):
        table = {"text": [f"{name} {t}" for t in texts[:40]], "label": column * 20}
        pq.write_table(pa.table(table), data / f"{name}.parquet")
    counts = ingest(data, max_rejected_fraction=0.5).counts
    labels = collections.Counter[str]()
    for of_split in counts["labels"].values():
        labels.update(of_split)
    assert labels == {"1": 30 + 30 + 20 + 20, "true": 30 + 30 + 20, "false": 20}
    assert counts["reasons"] == {"no_label": 40}
    assert counts["cleaned"] == {
        "label_invisible": 10,
        "label_truth_value": 20,
        "label_whole_number": 20,
    }
    assert counts["cleaned_labels"] == {
        "1": {"1.0": 10, "1.00": 10, "1\u200b": 10},
        "true": {"TRUE": 10, "True": 10},
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


def test_documents_deep_in_a_class_folder_have_its_class(ingest, tmp_path):
    data = tmp_path / "data [x]" / "br{ace}"
    for number in range(30):
        label = "pos" if number % 2 else "n\u00e9g"
        folder = data / label / ("a/b" if number % 3 else ".hidden")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_text(f"text {number}")
    (data / "labels.feat").write_text("1:2")
    result = ingest(data)
    assert result.counts["files"] == result.counts["rows_used"] == 20
    assert [name[-11:] for name in result.counts["left_out_files"]] == ["labels.feat"]
    assert set(result.counts["labels"]["train"]) == {"pos", "n\u00e9g"}


def test_what_lies_beside_tables_is_left_out_and_told(ingest, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    write_csv(data / "train.csv", GOOD)
    (data / "README").write_text("about")
    (data / "picture.png").write_bytes(b"\x89PNG")
    counts = ingest(data).counts
    assert counts["files"] == 1
    assert counts["left_out_files"] == [f"{data}/README", f"{data}/picture.png"]


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


def test_texts_of_several_columns_are_joined_and_one_of_them_may_be_empty(
    ingest, tmp_path
):
    rows = [f"{n % 2},Title {n}.,body {n}" for n in range(60)]
    (tmp_path / "a.csv").write_text(
        "\n".join(["label,title,body", *rows, "1,,alone", "1,, "])
    )
    (tmp_path / "b.jsonl").write_text('{"label": 1, "title": "only"}\n{"body": "b"}\n')
    ingested = ingest(
        f"{tmp_path}/*.*", text_column=["title", "body"], max_rejected_fraction=0.1
    )
    expected = [(f"Title {n} . body {n}", str(n % 2)) for n in range(60)]
    assert sorted(ingested.rows) == sorted([*expected, ("alone", "1"), ("only", "1")])
    [no_text, no_label] = ingested.rejected
    assert (no_text["reason"], no_text["detail"]) == (
        "no_text",
        "`title` and `body` are empty",
    )
    assert no_label["reason"] == "no_label"


def test_rows_may_have_several_labels_where_it_is_said(ingest, tmp_path):
    rows = [f'text {n},"{"b; a" if n % 3 else "c"}"' for n in range(60)]
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *rows, 'x," ; "']))
    (tmp_path / "b.jsonl").write_text(
        '{"text": "list", "label": ["c", "a", "c"]}\n'
        '{"text": "new", "label": ["a", 7]}\n'
    )
    ingested = ingest(f"{tmp_path}/*.*", label_separator=";", max_rejected_fraction=0.1)
    assert ("list", "a + c") in ingested.rows
    assert {label for _, label in ingested.rows} <= {
        "7 + a",
        "a + b",
        "a + c",
        "c",
    }
    counts = ingested.counts
    assert counts["rows_used"] == len(ingested.rows)
    assert counts["rows_in"] == counts["rows_used"] + counts["rows_rejected"] == 63
    used = [label for _, label in ingested.rows]
    totals = {
        name: sum(of_split.get(name, 0) for of_split in counts["labels"].values())
        for name in "abc"
    }
    assert totals == {
        name: sum(name in label.split(" + ") for label in used) for name in "abc"
    }
    assert {"no_label": 1}.items() <= counts["reasons"].items()


def test_several_labels_that_nobody_allowed_are_rejected_with_a_hint(ingest, tmp_path):
    rows = [{"text": f"text {n}", "label": [str(n % 2)]} for n in range(60)]
    rows += [{"text": "both", "label": ["1", "0"]}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    ingested = ingest(tmp_path / "a.jsonl", max_rejected_fraction=0.1)
    assert {label for _, label in ingested.rows} == {"0", "1"}
    [rejected] = ingested.rejected
    assert rejected["reason"] == "several_labels"
    assert "`label`: 2 labels, such as '0' and '1'; `multi_label`" in rejected["detail"]
    with pytest.raises(DataError, match="if rows have several labels, `multi_"):
        ingest(tmp_path / "a.jsonl", output=tmp_path / "strict")
