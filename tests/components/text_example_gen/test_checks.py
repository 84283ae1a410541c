"""What is refused before a pipeline starts."""

from __future__ import annotations

import json
import os
import socket

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from components.text_example_gen import checks
from components.text_example_gen.checks import check_all_data, check_data
from components.text_example_gen.errors import DataError
from components.text_example_gen.options import ReadOptions, RowColumns
from components.text_example_gen.reading import lines, records


def test_a_first_look_tells_files_rows_and_labels(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na,x\nb,y\nc,y\n")
    (tmp_path / "b.jsonl").write_text('{"text": "d", "label": 3}\n')
    preview = check_data(str(tmp_path))
    assert (preview.files, preview.rows) == (2, 4)
    assert preview.labels[0] == "y"
    assert set(preview.labels) == {"x", "y", "3"}


def test_spans_are_looked_through(tmp_path):
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "a.csv").write_text("text,label\na,x\n")
    assert check_data(f"{tmp_path}/{{SPAN}}/*.csv").rows == 1


def test_a_pattern_that_matches_nothing_says_where_it_looked(tmp_path):
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews" / "a.tsv").touch()
    with pytest.raises(DataError) as caught:
        check_data(f"{tmp_path}/reviews/*.csv")
    folder = f"{tmp_path}/reviews"
    assert str(caught.value) == (
        f"No file matches {folder}/*.csv\nhint: {folder} holds a.tsv"
    )
    with pytest.raises(DataError, match=f"hint: {tmp_path} holds reviews"):
        check_data(f"{tmp_path}/revews/*.csv")


def test_a_misspelt_column_is_refused_at_once(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na,x\n")
    options = ReadOptions(label_column="lable")
    with pytest.raises(DataError, match="did you mean `label`"):
        check_data(str(tmp_path / "a.csv"), options=options)


def test_empty_files_are_refused_and_one_among_others_is_not(tmp_path, caplog):
    (tmp_path / "a.csv").touch()
    with pytest.raises(DataError, match="The data has no rows: .*a.csv is empty"):
        check_data(str(tmp_path / "a.csv"))
    (tmp_path / "b.csv").write_text("text,label\na,x\n")
    assert check_data(str(tmp_path)).rows == 1
    assert "1 files are empty" in caplog.text


@pytest.mark.parametrize("data", ["", "p.csv", "*.csv"])
def test_a_pipe_is_refused_by_its_name_and_not_waited_for(tmp_path, data):
    (tmp_path / "a.csv").write_text("text,label\ngood,pos\n")
    os.mkfifo(tmp_path / "p.csv")
    with pytest.raises(DataError, match=r"p\.csv is a pipe, not a file of data$"):
        check_data(str(tmp_path / data))


def test_a_socket_and_a_device_are_refused(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.csv"))
    with pytest.raises(DataError, match="a socket"):
        check_data(str(tmp_path))
    (tmp_path / "s.csv").unlink()
    (tmp_path / "d.csv").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="a device"):
        check_data(str(tmp_path))


@pytest.mark.parametrize("data", ["", "*.csv", "b.csv"])
@pytest.mark.parametrize(
    ("target", "why"), [("gone.csv", "no such file"), ("b.csv", "too many levels of")]
)
def test_a_link_that_leads_nowhere_is_refused(tmp_path, data, target, why):
    """Its rows would be missing, and nothing would say so."""
    (tmp_path / "a.csv").write_text("text,label\ngood,a\nbad,b\n")
    (tmp_path / "b.csv").symlink_to(target)
    with pytest.raises(DataError, match=f"b.csv is a link to {target}: {why}"):
        check_data(str(tmp_path / data))


@pytest.mark.parametrize("data", ["", "**", "*/*", "*/*.txt"])
@pytest.mark.parametrize("target", ["gone", "c"])
def test_a_link_to_a_class_that_is_gone_is_refused(tmp_path, data, target):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text(f"a text of {name}")
    (tmp_path / "c").symlink_to(target)
    with pytest.raises(DataError, match=f"c is a link to {target}: (no|too many)"):
        check_data(str(tmp_path / data))


def test_one_class_folder_alone_is_refused(tmp_path):
    (tmp_path / "pos").mkdir()
    (tmp_path / "pos" / "1.txt").write_text("good")
    with pytest.raises(DataError, match="all files lie in `pos`"):
        check_data(str(tmp_path), options=ReadOptions(format="folder"))


def test_continuous_labels_are_refused_at_once(tmp_path):
    rows = "".join(f"a {i},{i / 7:.3f}\n" for i in range(100))
    (tmp_path / "a.csv").write_text("text,label\n" + rows)
    with pytest.raises(DataError, match="look like a continuous number: 100 diff"):
        check_data(str(tmp_path))


def test_documents_have_no_column_that_could_divide_them(tmp_path):
    for label in ("pos", "neg"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.txt").write_text(f"a {label} text")
    with pytest.raises(
        DataError, match="has no column `user`.*\n.*each file is one text"
    ):
        check_all_data(
            str(tmp_path), {}, options=ReadOptions(), columns=RowColumns(group="user")
        )


def test_texts_without_labels_are_enough_where_no_label_is_needed(tmp_path):
    (tmp_path / "a.csv").write_text("id,text\n1,a\n")
    preview = check_data(str(tmp_path), options=ReadOptions(label_column=None))
    assert (preview.rows, preview.labels) == (1, ())


def test_a_text_column_that_is_not_there_is_refused_by_its_name(tmp_path):
    (tmp_path / "a.csv").write_text("title,label\na,1\n")
    options = ReadOptions(text_column=("title", "body"))
    with pytest.raises(DataError, match="has no column `body`. Columns found: title"):
        check_data(str(tmp_path / "a.csv"), options=options)
    (tmp_path / "pos").mkdir()
    (tmp_path / "pos" / "1.txt").write_text("good")
    with pytest.raises(
        DataError, match="has no column `body`.*\n.*each file is one text"
    ):
        check_data(f"{tmp_path}/*/*", options=options)


def test_rows_with_several_labels_are_noticed_at_the_first_look(tmp_path):
    row = '{"text": "a", "label": ["x", "y"]}\n'
    (tmp_path / "a.jsonl").write_text(row * 3 + '{"text": "a", "label": "x"}\n')
    with pytest.raises(DataError, match="3 of the first 4\nhint: `multi_label=true`"):
        check_data(str(tmp_path / "a.jsonl"))
    options = ReadOptions(multi_label=True)
    preview = check_data(str(tmp_path / "a.jsonl"), options=options)
    assert preview.labels == ("x", "y")


def test_a_folder_of_texts_without_a_label_is_no_class(tmp_path):
    for name in ("pos/1.txt", "neg/2.txt", "unsup/3.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("some text")
    with pytest.raises(DataError, match="The folder `unsup` looks like texts without"):
        check_data(str(tmp_path))


def test_partitions_of_texts_are_refused_with_what_to_do(tmp_path):
    for name in ("label=pos/part-0", "label=neg/part-0"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("a text\nand another\n")
    with pytest.raises(DataError) as error:
        check_data(str(tmp_path))
    message, hint = str(error.value).split("\nhint: ")
    assert message.startswith("Folders such as `label=neg` are partitions, as Spark")
    assert "rename them to `neg` and so on" in hint
    (tmp_path / "label=neg").rename(tmp_path / "2=1")
    assert check_data(str(tmp_path)).labels == ("2=1", "label=pos"), "they may be names"


def test_partitions_without_endings_are_no_texts_to_predict_either(tmp_path):
    for name in ("ds=1/000000_0", "ds=2/000000_0"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("1\ta text\n2\tanother\n")
    options = ReadOptions(label_column=None)
    with pytest.raises(DataError, match="are partitions.*\n.*set their `format`"):
        check_data(str(tmp_path), options=options)
    table = {"columns": ("id", "text")}
    for given in (table, {**table, "format": "tsv"}, {**table, "delimiter": "tab"}):
        options = ReadOptions(label_column=None, keep_all=True, **given)
        found = check_data(str(tmp_path), options=options)
        assert (found.rows, found.columns) == (4, ("id", "text"))
    options = ReadOptions(label_column=None, format="folder")
    assert check_data(str(tmp_path), options=options).rows == 2, "who says so is meant"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_partitions_of_tables_are_refused_with_what_to_do(tmp_path, ending):
    for label in ("pos", "neg"):
        path = tmp_path / f"day=1/label={label}/part-0.{ending}"
        path.parent.mkdir(parents=True)
        if ending == "parquet":
            parquet.write_table(pyarrow.table({"text": ["a text"] * 3}), path)
        else:
            path.write_text(
                {"csv": "text,n\na,1\n", "jsonl": '{"text": "a"}\n'}[ending]
            )
    with pytest.raises(DataError) as error:
        check_data(str(tmp_path))
    message, hint = str(error.value).split("\nhint: ")
    assert "has no column `label`" in message
    assert hint.startswith("the folder `label=neg` has it in its name, as Spark and")


def test_folders_that_are_splits_are_no_classes(tmp_path):
    for name in ("train/pos/1.txt", "test/pos/2.txt", "test/neg/3.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("some text")
    with pytest.raises(DataError, match="`test` and `train` look like splits"):
        check_data(str(tmp_path))
    assert check_data(str(tmp_path / "test")).labels == ("neg", "pos")
    for name in ("train/a.csv", "test/b.csv"):
        (tmp_path / name).write_text("text,label\na,x\nb,y\n")
    assert check_data(f"{tmp_path}/*/*.csv").files == 2


def test_the_first_look_reads_few_of_the_rows_that_are_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "MAX_RECORD_CHARS", 100)
    monkeypatch.setattr(checks, "_MOST_LOOKED_AT", 800)
    (tmp_path / "a.jsonl").write_text('{"text": "%s"}\n' % ("x" * 200) * 50)
    found = check_data(str(tmp_path), options=ReadOptions(label_column=None))
    assert found.rows == 4


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.tsv", "a.txt"])
def test_the_first_look_ends_in_empty_lines(tmp_path, monkeypatch, name):
    monkeypatch.setattr(checks, "_MOST_LOOKED_AT", 1000)
    rows = {
        "a.jsonl": ('{"text": "good"}\n', '{"text": "far"}\n'),
        "a.txt": ("__label__a good\n", "__label__a far\n"),
    }
    first, last = rows.get(name, ("text\ngood\n", "far\n"))
    options = ReadOptions(label_column=None)
    for empty, expected in ((10, 2), (100, 1)):
        (tmp_path / name).write_text(first + "\n" * empty + last)
        assert check_data(str(tmp_path), options=options).rows == expected


def test_rows_behind_many_empty_lines_are_not_said_to_be_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "_MOST_LOOKED_AT", 1000)
    (tmp_path / "a.csv").write_text("\n" * 3000 + "text,label\ngood,a\n")
    assert check_data(str(tmp_path)).rows == 0
    (tmp_path / "a.csv").write_text("\n" * 300)
    with pytest.raises(DataError, match="no rows: .*a.csv is empty"):
        check_data(str(tmp_path))


def test_the_first_look_keeps_little_of_long_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "_MOST_LOOKED_AT", 5000)
    monkeypatch.setattr(records, "_MOST_SEEN", 3)
    kept = []
    monkeypatch.setattr(checks, "suggested_tokenizer", kept.extend)
    for name in ("a", "b"):
        rows = [
            {"note": row, f"k{row}": 1, "text": "long " * 500, f"m{row}": 1}
            for row in range(9)
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines)
    options = ReadOptions(label_column=None, keep_all=True)
    found = check_data(str(tmp_path / "*.jsonl"), options=options)
    assert found.rows == 4 and [len(text) for text in kept] == [2000] * 4
    assert found.columns == ("note", "k0", "text")


@pytest.mark.parametrize(
    "line",
    [
        r'{"text": "a\ud800b", "label": "x"}',
        r'{"text": "a", "label": "x", "meta": {"\ud801": ["\ud800"]}}',
        '{"text": "a", "label": "x", "meta": %s}' % ("[" * 700 + "]" * 700),
    ],
)
def test_a_first_look_passes_json_that_costs_a_value_or_its_row(tmp_path, line):
    rows = [line, '{"text": "b", "label": "y"}']
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    preview = check_data(str(tmp_path))
    assert preview.rows == 2
    assert "y" in preview.labels


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.array([2**40, 0], pyarrow.int64()).cast(pyarrow.timestamp("s")),
        pyarrow.array([2**30, 0], pyarrow.int32()).cast(pyarrow.date32()),
        pyarrow.array([1, 0], pyarrow.timestamp("s", "Nowhere/Land")),
        pyarrow.Array.from_buffers(
            pyarrow.string(),
            2,
            [
                None,
                pyarrow.py_buffer(np.array([0, 1, 2], np.int32)),
                pyarrow.py_buffer(b"\xffa"),
            ],
        ),
    ],
    ids=["time out of range", "date out of range", "unknown zone", "no UTF-8"],
)
def test_a_first_look_passes_parquet_with_values_python_has_not(tmp_path, column):
    columns = {"text": ["a", "b"], "label": ["x", "y"], "other": column}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    for options in (ReadOptions(), ReadOptions(keep_all=True)):
        assert check_data(str(tmp_path), options=options).rows == 2
    other = ReadOptions(label_column="other")
    assert check_data(str(tmp_path), options=other).rows == 2
