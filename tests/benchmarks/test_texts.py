from __future__ import annotations

import pytest

from benchmarks.session import BenchmarkError
from benchmarks.texts import (
    read_columns,
    read_labelled_lines,
    read_polarity,
    read_sentences,
    read_tabbed,
    read_texts,
)


def test_a_folder_of_reviews_gives_bad_and_good_ones_in_turn(tmp_path):
    (tmp_path / "rt-polarity.neg").write_text("too dull .\nso long .\n")
    (tmp_path / "rt-polarity.pos").write_text("so warm .\ntoo short .\n")
    _, sentences = read_sentences(tmp_path, 3)
    assert sentences == [["too", "dull", "."], ["so", "warm", "."], ["so", "long", "."]]


def test_a_text_file_gives_its_lines_without_the_empty_ones(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("a b\n\n  \nc\n")
    assert read_sentences(path, 2) == ("lines.txt", [["a", "b"], ["c"]])


def test_a_csv_file_gives_its_column_text(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('label,text\n1,"a , b"\n')
    assert read_sentences(path, 1) == ("rows.csv", [["a", ",", "b"]])


def test_fewer_sentences_than_wanted_are_refused(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("a b\n")
    with pytest.raises(BenchmarkError, match="Received: 2 with 1 in"):
        read_sentences(path, 2)


@pytest.mark.parametrize(
    ("name", "content"),
    [("rows.csv", b"label\n1\n"), ("lines.txt", b"\xff\xfe\n")],
    ids=["no column text", "not UTF-8"],
)
def test_sentences_of_another_form_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BenchmarkError, match=f"{name} must be a"):
        read_sentences(tmp_path / name, 1)


def test_polarity_files_are_read_and_a_missing_one_is_named(tmp_path):
    (tmp_path / "rt-polarity.neg").write_text("dull .\nawful .\n")
    with pytest.raises(BenchmarkError, match="rt-polarity.pos must be a text file"):
        read_polarity(tmp_path)
    (tmp_path / "rt-polarity.pos").write_text("fine .\n")
    assert read_polarity(tmp_path) == (["dull .", "awful ."], ["fine ."])


def test_columns_are_read_by_their_names_and_their_absence_is_told(tmp_path):
    path = tmp_path / "sample.csv"
    path.write_text('label,text\npositive,"fine, really"\n')
    assert read_columns(path, "text", "label") == [("fine, really", "positive")]
    with pytest.raises(BenchmarkError, match="with the columns text, more"):
        read_columns(path, "text", "more")
    with pytest.raises(BenchmarkError, match="`make data` fetches"):
        read_columns(tmp_path / "none.csv", "text")


def test_texts_are_read_from_the_column_text(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('label,text\n1,"a, b"\n2,c\n')
    assert read_texts(path) == ["a, b", "c"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"label\n1\n", "with the columns text"),
        (b"text\n\xff\n", "in UTF-8"),
        (b"text\n", "must have rows"),
    ],
    ids=["no column text", "not UTF-8", "no row"],
)
def test_a_table_of_another_form_is_refused(tmp_path, content, message):
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(BenchmarkError, match=message):
        read_texts(path)


def test_labelled_lines_have_their_label_after_the_last_tab(tmp_path):
    with pytest.raises(BenchmarkError, match="Received: 0 files"):
        read_labelled_lines(tmp_path)
    (tmp_path / "b_labelled.txt").write_text("Good.\t1\n", "utf-8")
    (tmp_path / "a_labelled.txt").write_text(
        "Two\x85lines\tand a tab  \t0\n\n", "utf-8"
    )
    (tmp_path / "readme.txt").write_text("no table")
    rows = [("Two\x85lines\tand a tab", "0"), ("Good.", "1")]
    assert read_labelled_lines(tmp_path) == rows
    (tmp_path / "c_labelled.txt").write_text("no label\n", "utf-8")
    with pytest.raises(BenchmarkError, match="a tab in each line. Received: 3 files"):
        read_labelled_lines(tmp_path)


def test_a_line_without_a_tab_belongs_to_the_text_before(tmp_path):
    path = tmp_path / "messages"
    path.write_text("ham\tI know you\nlike it\nspam\tWin now\n")
    assert read_tabbed(path) == [("ham", "I know you like it"), ("spam", "Win now")]
    path.write_text("no tab\n")
    with pytest.raises(BenchmarkError, match="must have a tab in its first line"):
        read_tabbed(path)
