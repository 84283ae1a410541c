"""Every format, and what is wrong with files, without Beam."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.read_file import read_file
from tests.components.text_example_gen.reading.items import detail, read

CSV = b'text,label\n"good, really\ngood",pos\nbad,neg\n'
ROWS = [("good, really\ngood", "pos"), ("bad", "neg")]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_csv_with_quoted_newlines_is_read_packed_or_not_with_bom_or_not(
    tmp_path, pack, bom
):
    assert read(tmp_path / "a.csv", pack(bom + CSV)) == ROWS


def test_a_gz_file_that_is_not_compressed_is_read_as_it_is(tmp_path):
    assert read(tmp_path / "a.csv.gz", CSV) == ROWS


def test_a_compressed_file_without_gz_in_its_name_is_unpacked(tmp_path):
    assert read(tmp_path / "a.csv", gzip.compress(CSV)) == ROWS


def test_a_gzip_of_two_members_is_read_to_its_end(tmp_path):
    data = gzip.compress(CSV) + gzip.compress(b"so so,neg\n")
    assert read(tmp_path / "a.csv.gz", data) == [*ROWS, ("so so", "neg")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_csv_lines_may_end_in_any_of_three_ways(tmp_path, end):
    data = b"text,label" + end + b"good,pos" + end + end + b"bad,neg"
    assert read(tmp_path / "a.csv", data) == [("good", "pos"), ("bad", "neg")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_delimiters_are_found_by_the_named_columns(tmp_path, delimiter):
    data = f"label{delimiter}text\npos{delimiter}good\n".encode()
    assert read(tmp_path / "a.csv", data) == [("good", "pos")]


def test_plain_tsv_keeps_the_quotes_of_its_texts(tmp_path):
    data = b'label\ttext\npos\t"Good" he said\nneg\t"bad\npos\tgood"\n'
    assert read(tmp_path / "a.tsv", data) == [
        ('"Good" he said', "pos"),
        ('"bad', "neg"),
        ('good"', "pos"),
    ]


def test_plain_tsv_keeps_quotes_around_a_whole_text(tmp_path):
    data = b'label\ttext\npos\t"Good"\nneg\tbad\n'
    assert read(tmp_path / "a.tsv", data) == [('"Good"', "pos"), ("bad", "neg")]


def test_tsv_as_spreadsheets_write_it_is_unquoted(tmp_path):
    path = tmp_path / "a.tsv"
    rows = [("a\tb\nc", "pos"), ('he said "hi"', "neg")]
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([("text", "label"), *rows])
    assert read(path) == rows


def test_a_file_without_a_header_is_read_by_given_names(tmp_path):
    data = b"ham\tOk lar\nspam\tFree entry\n"
    rows = [("Ok lar", "ham"), ("Free entry", "spam")]
    columns = ("label", "text")
    assert read(tmp_path / "SMSSpamCollection", data, columns=columns) == rows
    with_header = b"label\ttext\n" + data
    assert read(tmp_path / "a.tsv", with_header, columns=columns) == rows
    renamed = b"kind\tmessage\n" + data
    assert read(tmp_path / "a.tsv", renamed, columns=columns, header=True) == rows


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("options", [{}, {"columns": ("text", "label")}], ids=str)
def test_the_header_of_a_file_behind_another_is_no_row(tmp_path, mark, options):
    found = read(tmp_path / "a.csv", CSV + mark + CSV, **options)
    assert found == [*ROWS, (5, "repeated_header"), *ROWS]
    texts = read(tmp_path / "b.csv", b"text\ntext\n", label_column=None)
    assert texts == [("text",)], "one word may be a text"


def test_json_lines_keep_their_types_and_reject_line_by_line(tmp_path):
    data = b'{"text":"a","label":1}\n\n[1]\n{"text":\n{"label":true,"text":"b","x":0}\n'
    assert read(tmp_path / "a.jsonl", data) == [
        ("a", 1),
        (3, "bad_json"),
        (4, "bad_json"),
        ("b", True),
    ]


def test_json_nested_too_deeply_costs_one_row(tmp_path):
    data = b"[" * 200_000 + b'\n{"text":"a","label":1}\n'
    assert read(tmp_path / "a.ndjson", data) == [(1, "bad_json"), ("a", 1)]


@pytest.mark.parametrize("pack", [False, True])
def test_parquet_is_read_packed_or_not(tmp_path, pack):
    path = tmp_path / "a.parquet"
    table = pa.table({"x": [0, 0], "label": [1.0, None], "text": ["good", "bad"]})
    pq.write_table(table, path)
    if pack:
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert read(path) == [("good", 1.0), ("bad", None)]


def test_all_columns_are_kept_on_request_in_every_format(tmp_path):
    options = {"keep_all": True, "label_column": None}
    pq.write_table(pa.table({"id": ["7"], "text": ["a"]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", **options) == [("7", "a")]
    assert read(tmp_path / "a.csv", b"id,text\n7,a\n", **options) == [("7", "a")]
    data = b'{"id":"7","text":"a"}'
    assert read(tmp_path / "a.jsonl", data, **options) == [("7", "a")]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"label\ttext\npos\tgood\n", [("good", "pos")]),
        (b"text;label\ngood;pos\n", [("good", "pos")]),
        (b'{"text":"good","label":"pos"}\n', [("good", "pos")]),
    ],
)
def test_content_tells_the_format_where_the_name_does_not(tmp_path, data, rows):
    assert read(tmp_path / "reviews.txt", data) == rows
    assert read(tmp_path / "reviews", gzip.compress(data)) == rows


def test_a_file_of_no_known_format_is_named_with_the_way_out(tmp_path):
    assert read(tmp_path / "a.txt", b"Just a line.\n") == [(0, "unknown_format")]
    assert "hint: set its `format`" in detail(tmp_path / "a.txt", b"Just a line.\n")


def test_invalid_utf8_is_replaced_and_the_row_is_kept(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,label\ncaf\xe9,pos\ncaf\xc3\xa9 \xef\xbf\xbd,neg\n")
    first, second = read_file(str(path), ReadOptions())
    assert first["columns"]["text"] == "caf\ufffd"
    assert first["replaced_utf8"]
    assert second["columns"]["text"] == "caf\u00e9 \ufffd"
    assert not second["replaced_utf8"]  # the file itself spells U+FFFD


def test_rows_that_do_not_fit_the_header_are_rejected_with_line_and_raw_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'text,label\n"a\nb",pos\nlonely\nx,y,z\nc,\0\nd,neg\n')
    items = list(read_file(str(path), ReadOptions()))
    assert [(i["position"], i.get("reason")) for i in items] == [
        (2, None),
        (4, "too_few_fields"),
        (5, "too_many_fields"),
        (6, "not_text"),
        (7, None),
    ]
    assert [i["text"] for i in items[1:4]] == ["lonely", "x,y,z", "c,\0"]
    assert items[2]["detail"] == "3 fields where 2 are expected"


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_a_header_without_a_name_for_row_numbers_is_refused(tmp_path, name):
    """As R writes it by default; the text would be `1`, its label the text."""
    rows = '"text","label","note"\n"1","good film","pos",""\n"2","bad film","neg",""\n'
    if name == "a.tsv":
        rows = rows.replace(",", "\t")
    path = tmp_path / name
    path.write_text(rows)
    [item] = read_file(str(path), ReadOptions())
    assert (item["position"], item["reason"]) == (0, "too_many_fields")
    assert "one field more than its header" in item["detail"]
    assert "row.names = FALSE" in item["detail"]
    path.write_text(rows.replace("1", "dull"))  # a text; rows end in a delimiter
    assert [row["position"] for row in read_file(str(path), ReadOptions())] == [2, 3]


def test_a_missing_column_names_those_there_are_and_the_nearest(tmp_path):
    message = detail(tmp_path / "a.csv", b"text,Lable,id\na,b,c\n")
    assert message.endswith(
        "a.csv has no column `label`. Columns found: text, Lable, id\n"
        "hint: did you mean `Lable`?"
    )
    message = detail(tmp_path / "a.tsv", b"ham\tOk lar\n")
    assert "Columns found: ham, Ok lar" in message
    assert "if the file has no header row" in message
    message = detail(tmp_path / "a.jsonl", b'{"review":"a","label":1}\n')
    assert "has no column `text`. Columns found: review, label" in message
    message = detail(tmp_path / "a.csv", b"review,stars\na,b\n")
    assert message.endswith(
        "a.csv has no column `text` and no column `label`. Columns found: review, "
        "stars\nhint: if they are called otherwise, set `text_column` and "
        "`label_column`; if the file has no header row, name its columns (`columns`)"
    )
    message = detail(tmp_path / "a.csv", b"Text,Label\na,b\n")
    assert message.endswith("hint: did you mean `Text` and `Label`?")
    message = detail(tmp_path / "a.csv", b'"te\nxt",label\na,b\n')
    assert "Columns found: te\\nxt, label" in message
    pq.write_table(pa.table({"txt": ["a"], "label": ["b"]}), tmp_path / "a.parquet")
    message = detail(tmp_path / "a.parquet", (tmp_path / "a.parquet").read_bytes())
    assert "hint: did you mean `txt`?" in message


def test_a_repeated_required_column_is_refused(tmp_path):
    assert "has 2 columns named `text`" in detail(
        tmp_path / "a.csv", b"text,text,label\na,b,c\n"
    )


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("id,text,note,note", ["id", "text", "note", "note_2"]),
        (",text, ,", ["", "text", "unnamed_2", "unnamed_3"]),
        ("note,text,note,note_2", ["note", "text", "note_3", "note_2"]),
    ],
)
def test_other_repeated_columns_get_names_of_their_own(tmp_path, header, names):
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n1,2,3,4\n")
    options = ReadOptions(label_column=None, keep_all=True)
    [record] = read_file(str(path), options)
    assert record["columns"] == dict(zip(names, "1234", strict=True))
    assert set(record["renamed"]) == set(names) - {*header.split(","), ""}
    [record] = read_file(str(path), ReadOptions(label_column=None))
    assert record["columns"] == {"text": "2"}
    assert record["renamed"] == ()


def test_a_column_without_a_name_that_is_asked_for_is_not_said_to_be_left_out(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,,\na,b,c\n")
    layouts = []
    options = ReadOptions(label_column=None, key_column="unnamed_2")
    [record] = read_file(str(path), options, on_layout=layouts.append)
    assert record["columns"]["unnamed_2"] == "c"
    assert str(layouts[0]).endswith("1 column without a name left out")


@pytest.mark.parametrize("format_name", ["csv", "jsonl", "parquet"])
def test_repeated_columns_are_chosen_by_the_names_they_are_given(tmp_path, format_name):
    path = tmp_path / f"a.{format_name}"
    names = ["a", "a_2", "text", "a"]
    if format_name == "csv":
        path.write_text(",".join(names) + "\n0,1,2,3\n")
    elif format_name == "jsonl":
        pairs = (f'"{name}": "{value}"' for value, name in enumerate(names))
        path.write_text("{" + ", ".join(pairs) + "}\n")
    else:
        pq.write_table(pa.table([[value] for value in "0123"], names), path)

    def kept(*others, **options):
        chosen = ReadOptions(label_column=None, other_columns=others, **options)
        return list(read_file(str(path), chosen))[-1]

    record = kept("a_3")
    assert (record["columns"], record["renamed"]) == (
        {"text": "2", "a_3": "3"},
        ("a_3",),
    )
    record = kept("a")
    assert (record["columns"], record["renamed"]) == ({"text": "2", "a": "0"}, ())
    assert kept(key_column="a_3")["columns"] == {"text": "2", "a_3": "3"}
    assert "Columns found: a, a_2, text, a_3" in kept("a_4")["detail"]
    assert "2 " in kept(key_column="a")["detail"]


def test_a_file_name_and_a_first_line_that_are_not_utf8_are_shown_as_utf8(tmp_path):
    name = f"{tmp_path}/".encode() + b"caf\xe9.txt"
    with open(name, "wb") as file:
        file.write("Just a line – é".encode() + b"l\xefne.\n")
    [reject] = read_file(os.fsdecode(name), ReadOptions())
    assert reject["reason"] == "unknown_format"
    assert reject["source"] == f"{tmp_path}/caf\ufffd.txt"
    assert reject["detail"].startswith(reject["source"])
    assert reject["text"] == "Just a line – él\ufffdne."
    [document] = read_file(os.fsdecode(name), ReadOptions(format="folder"))
    assert document["source"] == f"{tmp_path}/caf\ufffd.txt"


def test_an_empty_file_has_no_rows(tmp_path):
    for name in ("a.csv", "a.jsonl", "a.txt"):
        assert read(tmp_path / name, b"") == []
    assert read(tmp_path / "a.csv", b"text,label\n") == []


def test_a_text_of_100_000_words_passes_in_csv_and_json(tmp_path):
    text = "word " * 100_000
    assert read(tmp_path / "a.csv", f'text,label\n"{text}",pos'.encode()) == [
        (text, "pos")
    ]
    line = json.dumps({"text": text, "label": "pos"}).encode()
    assert read(tmp_path / "a.jsonl", line) == [(text, "pos")]


def test_the_sms_collection_is_read_by_given_names(shared_dir):
    path = shared_dir / "data" / "labelled" / "sms_spam" / "SMSSpamCollection"
    items = read(path, columns=("label", "text"))
    labels = [label for _, label in items if label in ("ham", "spam")]
    assert (len(items), len(labels)) == (5575, 5574)
    assert (6, "too_few_fields") in items  # a message broken over two lines


FIELD = st.text(
    st.one_of(
        st.characters(blacklist_categories=("Cs", "Cc")), st.sampled_from('\n\t"')
    ),
    max_size=9,
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=8))
def test_what_csv_and_json_writers_write_is_read_back(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("property")
    with (folder / "a.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([("text", "label"), *rows])
    assert read(folder / "a.csv") == rows
    lines = [json.dumps({"text": t, "label": label}) for t, label in rows]
    assert read(folder / "a.jsonl", "\n".join(lines).encode()) == rows
