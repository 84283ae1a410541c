from __future__ import annotations

import pytest

from benchmarks.elmo.sentences import read_sentences
from benchmarks.errors import BenchmarkError


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
def test_a_file_of_another_form_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BenchmarkError, match="`--sentences` must be"):
        read_sentences(tmp_path / name, 1)
