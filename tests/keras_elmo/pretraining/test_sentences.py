from __future__ import annotations

import gzip
import lzma

import pytest

from keras_elmo.pretraining.sentences import (
    find_texts,
    read_paragraphs,
    split_sentences,
)


@pytest.mark.parametrize(
    ("paragraph", "sentences"),
    [
        ("It rained. We left! Why? So.", ["It rained.", "We left!", "Why?", "So."]),
        ('"Go!" She went.', ['"Go!"', "She went."]),
        ("(It was dull.) I slept.", ["(It was dull.)", "I slept."]),
        ("Mr. Bean met Dr. J. Who. Then 3 left.",
         ["Mr. Bean met Dr. J. Who.", "Then 3 left."]),
        ("A good, e.g. English, film.", ["A good, e.g. English, film."]),
        ("One.<br /><br />Two<BR>three", ["One.", "Two", "three"]),
        ("a dull film.The cast is bad.", ["a dull film.", "The cast is bad."]),
        ("it cost 3.5 dollars . it broke", ["it cost 3.5 dollars . it broke"]),
        ("Well... I do not know. 12 of us did.",
         ["Well...", "I do not know.", "12 of us did."]),
        (" \t\n", []),
    ],
)  # fmt: skip
def test_a_paragraph_is_split_at_the_ends_of_its_sentences(paragraph, sentences):
    assert split_sentences(paragraph) == sentences


def test_plain_and_packed_texts_read_alike(tmp_path):
    data = "\ufeffA café.\r\n\n  \nSecond line\n".encode() + b"broken \xff byte\n"
    (tmp_path / "a.txt").write_bytes(data)
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(data))
    (tmp_path / "c.txt.xz").write_bytes(lzma.compress(data))
    texts = [
        [line.strip() for line in read_paragraphs(path)]
        for path in find_texts(str(tmp_path / "*.txt*"))
    ]
    assert texts == [["A café.", "Second line", "broken \ufffd byte"]] * 3


def test_a_file_that_two_patterns_name_is_read_once(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).touch()
    patterns = [f"{tmp_path}/b*", f"{tmp_path}/*", f"{tmp_path}/a.txt"]
    assert find_texts(patterns) == [tmp_path / "b.txt", tmp_path / "a.txt"]


def test_a_pattern_without_a_file_is_named(tmp_path):
    (tmp_path / "a.txt").write_text("A line.\n")
    patterns = [str(tmp_path / "*.txt"), str(tmp_path / "*.text")]
    with pytest.raises(FileNotFoundError, match=r"Received: .*\*\.text"):
        find_texts(patterns)


@pytest.mark.parametrize(
    ("ending", "pack"), [("gz", gzip.compress), ("xz", lzma.compress)]
)
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"x" + data,
        lambda data: data[:-6] + bytes(6),
        lambda data: data[:30] + bytes([data[30] ^ 0xFF]) + data[31:],
    ],
    ids=["cut", "no magic", "other sum", "other data"],
)
def test_a_broken_packed_text_is_named(tmp_path, ending, pack, damage):
    path = tmp_path / f"text.{ending}"
    path.write_bytes(damage(pack("\n".join(map(str, range(500))).encode())))
    with pytest.raises(ValueError, match=f"^Cannot read the text {path}: [^\n]+$"):
        list(read_paragraphs(path))


def test_a_line_without_end_is_read_in_pieces(tmp_path):
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(b"a" * 5_000_000))
    pieces = list(read_paragraphs(path))
    assert "".join(pieces) == "a" * 5_000_000
    assert max(map(len, pieces)) <= 1 << 20


@pytest.mark.timeout(20)
@pytest.mark.parametrize("line", ["." * 200_000, "Mr. " * 200_000, ".)" * 200_000])
def test_a_line_of_nothing_but_marks_is_split_soon(line):
    assert split_sentences(line) == [line.strip()]
