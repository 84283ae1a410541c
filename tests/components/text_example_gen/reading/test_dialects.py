"""How the fields of a file are separated, quoted and escaped; rows that are ragged."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.read_file import read_file
from tests.components.text_example_gen.reading.items import read_values as read
from tests.components.text_example_gen.reading.items import written

NO_HEADER = {"columns": ("text", "label")}


@pytest.mark.parametrize(
    "sep", ["sep=;\n", '"sep=;"\r\n', "SEP=;\r\n", "\ufeffsep=;\n"]
)
@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_the_first_line_of_excel_names_the_delimiter(tmp_path, sep, name):
    text = f"{sep}text;label\na, b;pos\n"
    items, layout = read(tmp_path / name, text)
    assert items == [("a, b", "pos")]
    assert layout == "csv, UTF-8, `;`, header, `sep=` line"
    items, _ = read(tmp_path / name, f"{sep}a, b;pos\n", **NO_HEADER)
    assert items == [("a, b", "pos")]
    [record] = read_file(str(tmp_path / name), ReadOptions(**NO_HEADER))
    assert record["position"] == 2


@pytest.mark.parametrize("sep", [b"\0", b"\xff", b'"', b"\\", b"\r"])
def test_what_cannot_be_between_fields_is_no_delimiter(tmp_path, sep):
    path = tmp_path / "a.csv"
    rows = b"".join(b"caf\xc3\xa9 %d,pos\n" % n for n in range(20))
    path.write_bytes(b"sep=%b\ntext,label\n" % sep + rows)
    layouts: list[Any] = []
    items = list(read_file(str(path), ReadOptions(), on_layout=layouts.append))
    assert items
    for layout in layouts:
        str(layout).encode("utf-8")
        assert "`sep=` line" not in str(layout)


def test_a_row_behind_a_carriage_return_is_not_lost(tmp_path):
    text = "sep=,\rone,a\rtwo,b\nthree,a\nfour,b\n"
    items, layout = read(tmp_path / "a.csv", text, **NO_HEADER)
    assert items == ["too_many_fields", ("three", "a"), ("four", "b")]
    assert "`sep=` line" not in layout
    items, layout = read(tmp_path / "a.csv", text.replace("\n", "\r"), **NO_HEADER)
    assert items == [("one", "a"), ("two", "b"), ("three", "a"), ("four", "b")]
    assert "`sep=` line" in layout


def test_a_header_that_ends_unlike_the_other_lines_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    for first in (b"1,one,a", b'1,"one",a', b'1,one,"a, b"', b'1,o"n"e,a'):
        path.write_bytes(b"id,text,label\r%b\n2,two,b\n3,three,a\n" % first)
        for columns in (None, ("id", "text", "label")):
            options = ReadOptions(columns=columns, header=True if columns else None)
            [reject] = read_file(str(path), options)
            assert "its header ends with a carriage return" in reject["detail"]
    path.write_bytes(b'id,"te\rxt",label\n2,two,b\n3,three,a\n')
    options = ReadOptions(text_column="te\rxt")
    assert len(list(read_file(str(path), options))) == 2


def test_the_delimiter_is_the_one_under_which_the_rows_agree(tmp_path):
    rows = [("a, b", "pos"), ("c", "neg"), ("d, e, f", "pos")]
    text = "".join(f"{text};{label}\n" for text, label in rows)
    items, layout = read(tmp_path / "a.csv", text, **NO_HEADER)
    assert items == rows
    assert layout == "csv, UTF-8, `;`, no header"


def test_of_delimiters_that_fit_alike_the_one_with_fewer_labels_is_taken(tmp_path):
    text = "".join(f"a, text {n};{'pos' if n % 2 else 'neg'}\n" for n in range(300))
    items, _ = read(tmp_path / "a.csv", text, **NO_HEADER)
    assert {label for _, label in items} == {"pos", "neg"}


@pytest.mark.parametrize("text", ["Hello, you;{}", "Hello, you\t{}", "a; b,{}"])
def test_what_stands_in_texts_alike_in_all_rows_is_no_delimiter(tmp_path, text):
    rows = "".join(f"{text.format(n)}\n" for n in range(30))
    options = {"columns": ("text", "id"), "label_column": None, "keep_all": True}
    items, _ = read(tmp_path / "a.csv", rows, **options)
    assert items[7] == (text[:-3], "7")
    items, _ = read(tmp_path / "a.csv", "Hello, you;pos\n", **NO_HEADER)
    assert items == [("Hello, you", "pos")]


def test_what_stands_between_labels_is_no_delimiter(tmp_path):
    text = "".join(f"text {n}\tjoy|{n % 2}\n" for n in range(120))
    options = {**NO_HEADER, "label_separator": "|"}
    items, layout = read(tmp_path / "a.txt", text, **options)
    assert items[1] == ("text 1", "joy|1")
    assert layout == "tsv, UTF-8, tab, no header"


@pytest.mark.parametrize(
    ("name", "text", "delimiter"),
    [
        ("a.csv", "text\tlabel\na, b\tpos\n", "tab"),
        ("a.tsv", "text,label\na\tb,pos\n", "`,`"),
        ("a.csv", "text|label\na, b|pos\n", "`|`"),
        ("a.csv", '"text";"label"\n"1,5 a";"pos"\n', "`;`"),
        ("a.csv", "n;text;label\n1,5;a, b;pos\n2,5;c;neg\n", "`;`"),
    ],
)
def test_the_name_of_a_file_does_not_decide(tmp_path, name, text, delimiter):
    items, layout = read(tmp_path / name, text)
    assert len(items[0]) == 2
    assert items[0][1] == "pos"
    assert f", {delimiter}, " in layout


def test_options_set_delimiter_quoting_and_escape_character(tmp_path):
    path = tmp_path / "a.csv"
    assert read(path, "text~label\na,b~pos\n", delimiter="~")[0] == [("a,b", "pos")]
    assert read(path, "text\tlabel\na,b\tpos\n", delimiter="tab")[0] == [("a,b", "pos")]
    assert read(path, 'text,label\n"a,"b\n', quoting="none")[0] == [('"a', '"b')]
    path = tmp_path / "a.tsv"
    assert read(path, 'text\tlabel\n"a"\tb\n', quoting="double")[0] == [("a", "b")]
    text = 'text,label\n"a~"b~~, c:~d",pos\n~"x~, y,neg\n'
    items, layout = read(tmp_path / "a.csv", text, escape_character="~")
    assert items == [('a"b~, c:~d', "pos"), ('"x, y', "neg")]
    assert "quotes escaped by `~`" in layout


SPECIAL = ('he said "hi, you"\nand\twent', "pos")


@pytest.mark.parametrize("plain_rows", [0, 10, 30_000])
def test_quotes_of_a_tsv_are_judged_by_the_whole_file(tmp_path, plain_rows):
    rows = [("text", "label"), *[("it is 5 o'clock", "neg")] * plain_rows, SPECIAL]
    items, layout = read(tmp_path / "a.tsv", written(rows, delimiter="\t"))
    assert items == rows[1:]
    assert layout == "tsv, UTF-8, tab, quoted, header"
    rows[1:1] = [('"A" and b', "neg"), ('5" disc', "pos"), ('"c', "pos")]
    plain = "".join(f"{text}\t{label}\n" for text, label in rows[:-1])
    items, layout = read(tmp_path / "a.tsv", plain)
    assert items == rows[1:-1]
    assert layout == "tsv, UTF-8, tab, header"


def test_some_rows_by_hand_do_not_make_a_quoted_tsv_plain(tmp_path):
    rows = [("text", "label"), *[SPECIAL] * 5]
    text = written(rows, delimiter="\t") + '5" disc\tneg\n'
    assert read(tmp_path / "a.tsv", text)[0] == [*rows[1:], ('5" disc', "neg")]


@pytest.mark.parametrize("plain_rows", [0, 30_000])
def test_a_backslash_before_quotes_is_seen(tmp_path, plain_rows):
    rows = [*[("C:\\new \\\\ x", "neg")] * plain_rows, ('he said "hi, you"', "pos")]
    how: dict[str, Any] = {"quoting": csv.QUOTE_ALL}
    text = "text,label\n" + "".join(
        '"' + one.replace('"', '\\"') + f'","{label}"\n' for one, label in rows
    )
    items, layout = read(tmp_path / "a.csv", text)
    assert items[-1] == rows[-1]
    assert items[0][0] in (rows[0][0], "C:\\new \\ x")
    assert layout == "csv, UTF-8, `,`, quotes escaped by `\\`, header"
    paths = [("text", "label"), ("in C:\\dir\\", "pos"), ('a \\"b"', "neg")]
    items, layout = read(tmp_path / "a.csv", written(paths, **how))
    assert items == paths[1:]
    assert "escaped" not in layout
    assert read(tmp_path / "a.csv", text, escape_character="")[1].count("escaped") == 0


def test_blanks_behind_delimiters_are_seen(tmp_path):
    path = tmp_path / "a.csv"
    items, layout = read(path, 'text, label\n"a, b", pos\nc, "neg"\n')
    assert items == [("a, b", "pos"), ("c", "neg")]
    assert layout == "csv, UTF-8, `,`, header, blanks behind delimiters dropped"
    items, _ = read(path, 'label,text\npos, "a, b"\nneg,c\n')
    assert items == [("a, b", "pos"), ("c", "neg")] or items == [
        ("pos", "a, b"),
        ("neg", "c"),
    ]
    rows = [("text", "label"), (' he said, "hi" ', "pos"), ("b", "neg")]
    items, layout = read(path, written(rows))
    assert items == rows[1:]
    assert layout == "csv, UTF-8, `,`, header"


def test_ragged_rows_are_no_fault_where_nothing_is_lost(tmp_path):
    path = tmp_path / "a.csv"
    text = "text,label,id,note\na,pos,1,x\nb,neg\nc,pos,2\n,,,\n, ,\nd,neg,3,y,,,\ne\n"
    text += "f,pos,4,z,!\n"
    items, _ = read(path, text)
    assert items == [
        ("a", "pos"),
        ("b", "neg"),
        ("c", "pos"),
        ("d", "neg"),
        "too_few_fields",
        "too_many_fields",
    ]
    assert read(path, text, keep_all=True)[0][:2] == [
        ("a", "pos", "1", "x"),
        ("b", "neg"),
    ]
    assert read(path, text, key_column="id")[0][1] == "too_few_fields"


def test_one_column_of_texts_is_not_split(tmp_path):
    options: dict[str, Any] = {"label_column": None}
    items, layout = read(tmp_path / "a.csv", 'text\na, b; c\nd\n5" e\n', **options)
    assert items == [("a, b; c",), ("d",), ('5" e',)]
    assert layout == "csv, UTF-8, no delimiter, header"
    items, layout = read(tmp_path / "a.csv", 'text\n"a, b"\nd\n', **options)
    assert items == [("a, b",), ("d",)]


@pytest.mark.parametrize(
    "header",
    ["\u200btext,la\xadbel", "text\xa0,\ufefflabel", "te\u200dxt,\u2060label\u200e"],
)
def test_invisible_characters_in_a_header_are_dropped_and_it_is_said(tmp_path, header):
    items, layout = read(tmp_path / "a.csv", f"{header}\na,pos\n")
    assert items == [("a", "pos")]
    assert layout.endswith("header, invisible characters dropped from header")
    items, _ = read(tmp_path / "a.csv", f"{header}\na,pos\n", **NO_HEADER)
    assert items == [("a", "pos")]


def test_a_name_that_is_wanted_with_invisible_characters_stays(tmp_path):
    text = "te\xadxt,label\na,pos\n"
    items, layout = read(tmp_path / "a.csv", text, text_column="te\xadxt")
    assert items == [("a", "pos")]
    assert layout == "csv, UTF-8, `,`, header"


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ('"text,label', "a double quote opens a field and is not closed properly"),
        ('"text"x,"label', "a double quote opens a field and is not closed properly"),
        ("text,la\0bel", "the row contains a NUL character"),
    ],
)
def test_a_header_that_cannot_be_read_is_named_as_such(tmp_path, header, what):
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\na,pos\nb,neg\n")
    [reject] = read_file(str(path), ReadOptions())
    assert reject["position"] == 0
    assert f"a.csv: its header, line 1, cannot be read: {what}" in reject["detail"]


@pytest.mark.parametrize("name", ["a.txt", "a.tsv"])
def test_between_tabs_excel_quotes_what_has_a_comma(tmp_path, name):
    rows = [("Nice room 1, friendly", "pos"), ("Nice room", "neg"), ("Bad, so", "neg")]
    lines = [f'"{t}"\t{x}' if "," in t else f"{t}\t{x}" for t, x in rows]
    items, layout = read(tmp_path / name, "\r\n".join(["text\tlabel", *lines, ""]))
    assert items == rows
    assert "quoted" in layout


def test_between_tabs_pandas_quotes_what_is_no_number(tmp_path):
    text = "".join(f'"film {n}"\t{n % 2}\n' for n in range(9))
    items, _ = read(tmp_path / "a.tsv", text, **NO_HEADER)
    assert items[1] == ("film 1", "1")


def test_texts_that_happen_to_be_in_quotes_keep_them(tmp_path):
    rows = [('"Good, bad"', "pos"), ("one, two", "neg"), ("Plain", "pos")]
    text = "text\tlabel\n" + "".join(f"{t}\t{x}\n" for t, x in rows)
    assert read(tmp_path / "a.tsv", text)[0] == rows
    rows = [('"Good"', "pos"), ("one", "neg")] * 3
    text = "text\tlabel\n" + "".join(f"{t}\t{x}\n" for t, x in rows)
    assert read(tmp_path / "a.tsv", text)[0] == rows


def test_columns_without_a_name_are_left_out_and_it_is_said(tmp_path):
    text = 'text,label,,\n"I went out",ham," she said",\n'
    items, layout = read(tmp_path / "a.csv", text)
    assert items == [("I went out", "ham")]
    assert layout == "csv, UTF-8, `,`, header, 2 columns without a name left out"


@pytest.mark.parametrize(
    "again",
    ['"text","label"', "Text,Label", "text , label", "\ufefftext,label", "text,label,"],
)
def test_a_header_among_the_rows_is_one_however_it_is_written(tmp_path, again):
    items, _ = read(tmp_path / "a.csv", f"text,label\na,pos\n{again}\ntext,pos\n")
    assert items == [("a", "pos"), "repeated_header", ("text", "pos")]
    named, _ = read(tmp_path / "a.csv", f"{again}\na,pos\n", columns=("text", "label"))
    assert named == [("a", "pos")]


def test_a_quote_that_is_never_closed_hides_no_line_end(tmp_path):
    items, _ = read(tmp_path / "a.tsv", 'text\tlabel\naw\rw\rw\rw"\tb\n"unw\tb\n')
    assert items == [('aw\rw\rw\rw"', "b"), ('"unw', "b")]


@pytest.mark.parametrize("marks", [0, 1, 2, 3])
def test_lines_that_end_in_cr_may_have_more_lf_in_their_texts(tmp_path, marks):
    """As spreadsheets of old Macs write them; an inch mark is text."""
    rows = ["text,label", '"one\n\n\ntwo",pos', '"three ""\n\n\n\n""",neg']
    rows += ['a 5" screen,pos'] * marks + ['"four\n\n\nfive",neg']
    texts = [
        "one\n\n\ntwo",
        'three "\n\n\n\n"',
        *['a 5" screen'] * marks,
        "four\n\n\nfive",
    ]
    for end in ("\r", "\r\n", "\n"):
        items, _ = read(tmp_path / "a.csv", end.join([*rows, ""]))
        assert [text for text, _ in items] == texts


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_carriage_return_within_a_line_ends_no_row(tmp_path, end):
    rows = ["text,label", "line 9\rhalf,neg", '"in\rquotes",pos', "pos\rsecond,neg"]
    items, _ = read(tmp_path / "a.csv", end.join([*rows, ""]))
    assert items == [
        ("line 9\rhalf", "neg"),
        ("in\rquotes", "pos"),
        ("pos\rsecond", "neg"),
    ]
    stray = f'text,label{end}"a" b\rc,pos{end}'
    assert read(tmp_path / "c.csv", stray)[0] == [("a b\rc", "pos")]
    assert read(tmp_path / "d.csv", f'text,label{end}"a" "b\rc{end}')[0]
    items, _ = read(tmp_path / "b.csv", "text,label\ra,pos\rb,neg\r")
    assert items == [("a", "pos"), ("b", "neg")]


@pytest.mark.parametrize("sep", [",", ";"])
def test_labels_in_quotes_may_have_what_separates_fields(tmp_path, sep):
    text = f'text{sep}label\na{sep}"x{sep}y"\nb{sep}x\n'
    items, _ = read(tmp_path / "a.csv", text, label_separator=sep)
    assert items == [("a", f"x{sep}y"), ("b", "x")]


@pytest.mark.parametrize(("name", "sep"), [("a.txt", "~"), ("a.dat", "\x01")])
def test_a_delimiter_that_is_set_makes_it_a_table(tmp_path, name, sep):
    rows = [(str(n), "pos") for n in range(30)]
    text = "".join(f"{a}{sep}{b}\n" for a, b in [("text", "label"), *rows])
    assert read(tmp_path / name, text, delimiter=sep)[0] == rows
