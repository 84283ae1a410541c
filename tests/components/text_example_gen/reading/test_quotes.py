"""One row that is odd does not decide what quotes and backslashes mean in a file."""

from __future__ import annotations

import csv

import pytest

from tests.components.text_example_gen.reading.items import read_values as read
from tests.components.text_example_gen.reading.items import written


@pytest.mark.parametrize(
    "wrong",
    [
        '1\t"a\0"\tpos\n',
        '1\t"a ""\0"" "\tpos\n',
        '1\t"say ""hi"" now"\tpos\tx\ty\n',
        '1\t"simply"\tpos\tx\ty\n',
        '"say ""hi"""\n',
    ],
)
def test_a_wrong_row_between_tabs_does_not_make_quotes_text(tmp_path, wrong):
    rows = "".join(f"{i}\tplain text {i}\tpos\n" for i in range(50))
    text = f'id\ttext\tlabel\n{rows}9\t"line one\nline two"\tneg\n'
    good = [(f"plain text {i}", "pos") for i in range(50)]
    good.append(("line one\nline two", "neg"))
    (*items, reason), layout = read(tmp_path / "a.tsv", text + wrong)
    assert items == good
    assert layout == "tsv, UTF-8, tab, quoted, header"
    assert reason in ("not_text", "too_many_fields", "too_few_fields")


def test_a_line_of_one_column_without_its_quotes_does_not_make_them_text(tmp_path):
    texts = [f"row {i} with, comma\nand a line" if i % 4 else f"{i}" for i in range(80)]
    rows = [(text,) for text in texts]
    text = written([("text",), *rows]) + "so, what\n"
    items, _ = read(tmp_path / "a.csv", text, label_column=None)
    assert items == [*rows, ("so, what",)]


@pytest.mark.parametrize("odd", ['"', '7,"', ',"', '"open,7'])
def test_a_text_that_ends_in_a_backslash_makes_it_no_escape(tmp_path, odd):
    """Taken as one, it would join all rows up to the next quote in a text."""
    rows = [(f"plain {i}", f"{i}") for i in range(60)]
    rows[10], rows[50] = ('the "q" in C:\\dir\\', "10"), ('a 5" screen', "50")
    lines = written([("text", "label"), *rows]).split("\n")
    lines.insert(41, odd)
    items, layout = read(tmp_path / "a.csv", "\n".join(lines))
    assert layout == "csv, UTF-8, `,`, header"
    assert [item for item in items if item in rows] == rows
    assert len(items) <= len(rows) + 1


def test_paths_without_quotes_make_a_backslash_no_escape(tmp_path):
    rows = [(f"{i}", f"see C:\\dir{i}\\", "pos") for i in range(50)]
    text = written([("id", "text", "label"), *rows]) + '50,"say \\"hi\\"",pos\n'
    items, _ = read(tmp_path / "a.csv", text, label_column=None)
    assert items[:-1] == [row[1:2] for row in rows]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_texts_that_end_in_a_backslash_are_read_where_it_is_an_escape(
    tmp_path, quoting
):
    texts = ['he said "hi, you"', "C:\\dir\\", '""', "\\", "plain", '5" screen'] * 5
    rows = [("text", "label"), *((text, "pos") for text in texts)]
    text = written(rows, quoting=quoting, doublequote=False, escapechar="\\")
    items, layout = read(tmp_path / "a.csv", text)
    assert items == rows[1:]
    assert layout == "csv, UTF-8, `,`, quotes escaped by `\\`, header"


def test_two_backslashes_stay_two_where_others_stand_alone(tmp_path):
    rows = [("text", "label"), *((f"in \\\\srv\\share{i}", "pos") for i in range(50))]
    text = written(rows) + '"say \\"hi\\"",neg\n'
    items, layout = read(tmp_path / "a.csv", text)
    assert items == [*rows[1:], ('say "hi"', "neg")]
    assert layout == "csv, UTF-8, `,`, quotes escaped by `\\`, header"


def test_two_backslashes_are_one_where_one_damaged_row_has_one_alone(tmp_path):
    rows = [("text", "label"), *((f'"{i}" in C:\\dir', "pos") for i in range(50))]
    text = written(rows, doublequote=False, escapechar="\\") + "a\\damage,neg\n"
    items, _ = read(tmp_path / "a.csv", text)
    assert items == [*rows[1:], ("a\\damage", "neg")]


def test_quotes_are_escaped_where_all_of_those_in_bare_fields_are(tmp_path):
    """As pandas writes them with `doublequote=False`: no field is at fault."""
    rows = [("text", "label"), *((f'the "{i}" of 9', "pos") for i in range(30))]
    text = written(rows, doublequote=False, escapechar="\\")
    assert text.splitlines()[1] == 'the \\"0\\" of 9,pos'
    items, layout = read(tmp_path / "a.csv", text)
    assert items == rows[1:]
    assert layout == "csv, UTF-8, `,`, quotes escaped by `\\`, header"


@pytest.mark.parametrize(
    "other", ['a 5" screen,pos\n' * 3, "".join(f"C:\\{i}\\,pos\n" for i in range(9))]
)
def test_a_backslash_before_a_bare_quote_is_text_where_rows_say_so(tmp_path, other):
    odd = 'say \\"hi\\" now,neg\n'
    items, _ = read(tmp_path / "a.csv", f"text,label\n{other}{odd}")
    assert items[-1] == ('say \\"hi\\" now', "neg")
    assert items[0] == tuple(other.splitlines()[0].split(","))


@pytest.mark.parametrize("odd", ['7\t"', '"', '9\tx"y', '7\t"open'])
@pytest.mark.parametrize("has_columns", [True, False])
def test_one_odd_row_does_not_outweigh_that_all_with_a_comma_are_quoted(
    tmp_path, odd, has_columns
):
    """Excel puts fields with a comma in quotes, also between tabs."""
    texts = [f"first, second {i}" for i in range(40)]
    before = (lambda i: f"{i}\t") if has_columns else (lambda i: "")
    lines = [f'{before(i)}"{text}"' for i, text in enumerate(texts)]
    lines.insert(20, odd if has_columns else odd.replace("\t", " "))
    header = "id\ttext" if has_columns else "text"
    data = "\n".join([header, *lines])
    items, layout = read(tmp_path / "a.tsv", data, label_column=None)
    assert [item[0] for item in items if item[0] in texts] == texts
    assert "quoted" in layout


def test_quoted_line_ends_show_that_one_column_is_quoted(tmp_path):
    texts = [f"row {i} line\nend" if i % 2 else f"row {i}, end" for i in range(40)]
    text = written([("text",), *((each,) for each in texts)]).rstrip() + "\nwell, so\n"
    items, _ = read(tmp_path / "a.csv", text, label_column=None)
    assert [item[0] for item in items[:40]] == texts


@pytest.mark.parametrize("odd", ['"see this, C:\\dir\\",pos', '"', '"a "b" c",pos'])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_one_damaged_row_does_not_decide_that_a_backslash_escapes_nothing(
    tmp_path, odd, quoting
):
    rows = [(f'a "so called" film {i}', "pos") for i in range(12)]
    table = [("text", "label"), *rows]
    text = written(table, quoting=quoting, doublequote=False, escapechar="\\")
    items, _ = read(tmp_path / "a.csv", f"{text}{odd}\n")
    assert items[:12] == rows


@pytest.mark.parametrize("delimiter", [",", "\t", "|"])
def test_a_long_first_row_hides_no_delimiter(tmp_path, delimiter):
    rows = [("long " * 20_000, "pos"), *((f"row {i}", "neg") for i in range(50))]
    data = "".join(f"{text}{delimiter}{label}\n" for text, label in rows)
    items, _ = read(tmp_path / "a.csv", data, columns=("text", "label"))
    assert items[1:] == rows[1:]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_escaped_quotes_on_later_lines_of_a_text_are_seen(tmp_path, quoting):
    texts = [f"a {i}" if i % 5 else f'line {i}\nand "so"\non' for i in range(50)]
    rows = [(text, "pos") for text in texts]
    table = [("text", "label"), *rows]
    text = written(table, quoting=quoting, doublequote=False, escapechar="\\")
    items, _ = read(tmp_path / "a.csv", text)
    assert items == rows
