"""One line in another encoding, or a cut one, does not decide how others are read."""

from __future__ import annotations

import pytest

from tests.components.text_example_gen.reading.test_encodings import read


@pytest.mark.parametrize(
    ("encoding", "text", "odd"),
    [
        ("cp1251", "Выставка «Мир СССР» открылась", "nice 😀".encode()),
        ("cp866", "Хороший фильм всем советую", "Хороший фильм".encode()),
        ("koi8_u", "Актори зовсім не грали фільм їм", "гарний фільм".encode()),
        ("cp1252", "Das hat „Spaß“ gemacht", "schöne Größe".encode()),
        ("cp1255", "הסרט היה טוב מאוד אבל ארוך", b"a caf\xe9"),
        ("cp1256", "كان الفيلم جيدا جدا لكنه طويل", "хороший фильм".encode("cp1251")),
        ("cp1256", "كان الفيلم جيدا جدا لكنه طويل", b"sch\xf6n und gr\xf6\xdfer"),
    ],
    ids=str,
)
def test_one_line_in_another_encoding_changes_no_other(tmp_path, encoding, text, odd):
    texts = [f"{text} {i}" for i in range(200)]
    if encoding == "cp1252":  # of which some bytes are UTF-8 by chance
        texts = [f"für dich {i}" if i % 9 else each for i, each in enumerate(texts)]
    lines = [b"text,label", *(f"{each},pos".encode(encoding) for each in texts)]
    lines.insert(100, odd + b",neg")
    items, _ = read(tmp_path / "a.csv", b"\n".join(lines))
    del items[99]
    assert items == [(each, "pos", False) for each in texts]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("cut", [b"Re: \x1b$B$3$s$K$A", b"Re: \x1b(Jabc"])
def test_letters_of_iso_2022_end_with_their_line_however_that_ends(tmp_path, end, cut):
    lines = [b"text,label", *(b"row %d ~ C:\\new,pos" % i for i in range(60))]
    lines.insert(30, cut + b",neg")
    items, _ = read(tmp_path / "a.csv", end.encode().join(lines))
    del items[29]
    assert items == [(f"row {i} ~ C:\\new", "pos", False) for i in range(60)]


def test_several_escape_sequences_in_one_line_are_one_line(tmp_path):
    odd = b"\x1b$B$3$s$K$A\x1b(B " * 3
    lines = [b"text,label", "café,pos".encode(), odd + b",pos", "naïve,neg".encode()]
    items, _ = read(tmp_path / "a.csv", b"\n".join([*lines, *[b"plain,pos"] * 50]))
    assert items[0] == ("café", "pos", False)
    assert items[2] == ("naïve", "neg", False)


def test_czech_in_iso_8859_2_is_told_from_cp1250(tmp_path):
    texts = [
        "Příští rok pojedeme k moři",
        "Vlak odjíždí přesně v poledne",
        "už žije",
    ] * 9
    data = "text,label\n" + "".join(f"{text},pos\n" for text in texts)
    for encoding in ("iso8859_2", "cp1250"):
        items, _ = read(tmp_path / "a.csv", data.encode(encoding))
        assert [item[0] for item in items] == texts


def test_a_long_first_line_of_two_encodings_is_seen(tmp_path):
    texts = ["nice " * 20_000, *(f"größer {i}" for i in range(80))]
    lines = [f'{{"text": "{text}", "label": "pos"}}' for text in texts]
    data = [
        line.encode("cp1252" if i % 20 else "utf-8") for i, line in enumerate(lines)
    ]
    items, layout = read(tmp_path / "a", b"\n".join(data))
    assert layout == "jsonl, cp1252 and UTF-8"
    assert [item[0].strip() for item in items] == [text.strip() for text in texts]
