from __future__ import annotations

import io

import pytest

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import lines as lines_of_files
from components.text_example_gen.reading import rows as rows_module
from components.text_example_gen.reading.lines import Lines
from components.text_example_gen.reading.read_file import read_file
from components.text_example_gen.reading.rows import Dialect, read_rows

COMMA = Dialect(",", quoted=True)


def rows_of(text: str, width: int = 2) -> list[tuple[int, list[str] | str]]:
    lines = Lines(io.StringIO(text, newline=""), ",")
    rows = read_rows(lines, COMMA, width=width)
    return [(row.position, row.reason or row.fields) for row in rows]


def test_a_quote_never_closed_costs_its_own_line_only():
    assert rows_of('a,"open\nb,pos\nc,neg\n') == [
        (1, "bad_quotes"),
        (2, ["b", "pos"]),
        (3, ["c", "neg"]),
    ]


def test_a_quote_closed_by_a_later_row_costs_its_own_line_only():
    assert rows_of('a,"open\nb,"well, closed"\nc,neg\n') == [
        (1, "bad_quotes"),
        (2, ["b", "well, closed"]),
        (3, ["c", "neg"]),
    ]


def test_a_stray_quote_on_one_line_is_forgiven_where_the_fields_fit():
    assert rows_of('"Great" movie,pos\nx,y\n') == [
        (1, ["Great movie", "pos"]),
        (2, ["x", "y"]),
    ]
    assert rows_of('"Great" movie,really,pos\n') == [(1, "bad_quotes")]


def test_quotes_within_a_field_are_characters():
    assert rows_of('5" disc,pos\n') == [(1, ['5" disc', "pos"])]


def test_blank_lines_are_not_rows_but_count_as_lines():
    text = '\n  \na,b\n\n,\n, ,\n"",""\n'
    assert rows_of(text) == [(3, ["a", "b"]), (7, ["", ""])]


def test_a_line_beyond_the_bound_is_rejected_and_the_next_is_read(monkeypatch):
    monkeypatch.setattr(lines_of_files, "MAX_RECORD_CHARS", 20)
    assert rows_of("a" * 70 + ",pos\nb,neg\n") == [(1, "too_long"), (2, ["b", "neg"])]


def test_an_open_quote_swallows_no_more_than_the_bound(monkeypatch):
    monkeypatch.setattr(lines_of_files, "MAX_RECORD_CHARS", 20)
    taken = []
    original = Lines.give_back

    def give_back(self: Lines, keep: int) -> None:
        taken.append(len(self.taken))
        original(self, keep)

    monkeypatch.setattr(Lines, "give_back", give_back)
    text = '"open,x\n' + "b,neg\n" * 50
    assert len(rows_of(text)) == 51
    assert taken == [4, 14], "up to the bound, and up to four times as much"


def test_lines_that_each_open_a_quote_are_read_twice_at_most(monkeypatch):
    taken = []
    original = Lines.__next__

    def take(self: Lines) -> str:
        taken.append(original(self))
        return taken[-1]

    monkeypatch.setattr(Lines, "__next__", take)
    rows = rows_of('a","b\n' * 300 + 'c,"d\ne"\nf,g\n')
    assert rows[:300] == [(line, "bad_quotes") for line in range(1, 301)]
    assert rows[300:] == [(301, ["c", "d\ne"]), (303, ["f", "g"])]
    assert len(taken) <= 2 * 303


def test_an_open_quote_takes_no_more_lines_than_the_bound(monkeypatch):
    monkeypatch.setattr(lines_of_files, "MAX_RECORD_VALUES", 3)
    assert rows_of('1,"a\nb\nc"\n2,d\n') == [(1, ["1", "a\nb\nc"]), (4, ["2", "d"])]
    assert rows_of('1,"a' + "\nb" * 11 + '"\n2,d\n') == [
        (1, "too_long"),
        (13, ["2", "d"]),
    ]
    assert rows_of('1,"a' + "\nb" * 12 + '"\n2,d\n')[0] == (1, "bad_quotes")


def test_a_quoted_text_of_many_lines_that_is_too_long_costs_its_row(monkeypatch):
    monkeypatch.setattr(lines_of_files, "MAX_RECORD_CHARS", 100)
    monkeypatch.setattr(rows_module, "MAX_RECORD_CHARS", 100)
    line = "a good, quoted line\n"
    text = f'1,"{line * 10}"\n2,good\n'
    assert rows_of(text) == [(1, "too_long"), (12, ["2", "good"])]
    [row, _] = read_rows(Lines(io.StringIO(text), ","), COMMA, width=2)
    assert (len(row.raw), row.is_repaired) == (100, False)
    assert rows_of(text.replace('line\n"', "line\n"))[0] == (1, "bad_quotes")


@pytest.mark.parametrize("row", ["1,2,3,4", '"1,2,3,4', '"1","2","3","4"'])
def test_a_row_with_too_many_fields_is_not_split(monkeypatch, row):
    monkeypatch.setattr(lines_of_files, "MAX_RECORD_VALUES", 2)
    assert rows_of(f"{row}\na,b\n") == [(1, "too_long"), (2, ["a", "b"])]


@pytest.mark.parametrize("dialect", [Dialect("\t", quoted=False), COMMA])
def test_a_nul_costs_its_row(dialect):
    lines = Lines(io.StringIO("a\0\nb\n"))
    rows = read_rows(lines, dialect, width=1)
    assert [row.reason for row in rows] == ["not_text", ""]


def test_a_first_row_that_is_no_row_and_no_header_costs_itself_only(tmp_path):
    path = tmp_path / "a.csv"
    options = ReadOptions(columns=("text", "label"))
    for first, reason in ((b'a,"open\n', "bad_quotes"), (b"a\0,b\n", "not_text")):
        path.write_bytes(first + b"c,d\n")
        rejected, row = read_file(str(path), options)
        assert (rejected["position"], rejected["reason"]) == (1, reason)
        assert row["columns"] == {"text": "c", "label": "d"}


def test_a_text_that_is_too_long_does_not_decide_what_quotes_mean(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(lines_of_files, "MAX_RECORD_CHARS", 1000)
    monkeypatch.setattr(rows_module, "MAX_RECORD_CHARS", 1000)
    short = '1\t"A fine, film"\n'
    text = f'2\t"{"a good, long line" * 10}\n' + "a good, long line\n" * 50 + '"\n'
    path = tmp_path / "a.tsv"
    path.write_text(f"id\ttext\n{short * 5}{text}{short}")
    options = ReadOptions(label_column=None, keep_all=True)
    *rows, long, last = read_file(str(path), options)
    assert long["reason"] == "too_long"
    assert {row["columns"]["text"] for row in (*rows, last)} == {"A fine, film"}
