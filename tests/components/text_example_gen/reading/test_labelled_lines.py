"""fastText's and TREC's lines: label first, then the text."""

from __future__ import annotations

import pytest

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import lines
from components.text_example_gen.reading.read_file import read_file

_FASTTEXT = "__label__pos A fine film , really .\n\n__label__neg\tA, b\n"
_TREC = (
    "DESC:manner How did serfdom develop in and then leave Russia ?\n"
    "ENTY:cremat What films featured the character Popeye Doyle ?\n"
    "HUM:ind Who killed Gandhi , and why ?\n"
)


@pytest.fixture
def read(tmp_path):
    def read(text, name="a.txt", **options):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        layouts = []
        options = ReadOptions(**options)
        items = list(read_file(str(path), options, on_layout=layouts.append))
        return [layout.format for layout in layouts], items

    return read


def test_fasttext_is_found_by_its_first_line_however_long(read):
    long = "word " * 20_000
    formats, items = read(f"__label__pos {long}\n{_FASTTEXT}")
    assert formats == ["fasttext"]
    assert [len(item["columns"]["text"].split()) for item in items] == [20_000, 6, 2]


@pytest.mark.parametrize("name", ["a.txt", "a.train", "a"])
def test_fasttext_is_found_by_itself(read, name):
    formats, items = read(_FASTTEXT, name)
    assert formats == ["fasttext"]
    assert [(item["position"], item["columns"]) for item in items] == [
        (1, {"text": "A fine film , really .", "label": ["pos"]}),
        (3, {"text": "A, b", "label": ["neg"]}),
    ]


def test_lines_may_end_as_on_old_macs(read):
    formats, items = read("__label__pos A film\r__label__neg B\r")
    assert formats == ["fasttext"]
    assert [item["columns"]["text"] for item in items] == ["A film", "B"]


def test_several_labels_and_none_are_kept_apart_from_the_text(read):
    text = "__label__a __label__b x __label__c\nno label\n__label__a\n"
    _, items = read(text, format="fasttext", text_column="t", label_column="l")
    assert [item["columns"] for item in items] == [
        {"t": "x __label__c", "l": ["a", "b"]},
        {"t": "no label", "l": None},
        {"t": "", "l": ["a"]},
    ]


@pytest.mark.parametrize("name", ["train_5500.label", "a.txt"])
def test_trec_is_found_by_itself_with_its_coarse_classes(read, name):
    formats, items = read(_TREC, name)
    assert formats == ["trec"]
    assert [item["columns"]["label"] for item in items] == ["DESC", "ENTY", "HUM"]
    assert items[2]["columns"]["text"] == "Who killed Gandhi , and why ?"


def test_the_fine_classes_of_trec_are_a_column(read):
    _, items = read(_TREC, label_column="fine_label")
    assert [item["columns"]["fine_label"] for item in items] == [
        "DESC:manner",
        "ENTY:cremat",
        "HUM:ind",
    ]
    _, [item, *_] = read(_TREC, label_column=None, keep_all=True)
    assert list(item["columns"]) == ["text", "label", "fine_label"]
    _, [item, *_] = read(_TREC, text_column="fine_label")
    assert item["columns"]["fine_label"].startswith("How did serfdom")


@pytest.mark.parametrize(
    "text",
    [
        "__label__pos,text\n__label__neg,b\n",
        "text,label\n__label__a x,b\n",
        "NOTE:this is, a text\nNOTE:that is, another\n",
        _TREC + "no label, here\n",
    ],
)
def test_what_only_begins_so_is_something_else(read, text):
    formats, _ = read(text, columns=("text", "label"))
    assert formats not in (["fasttext"], ["trec"])


@pytest.mark.parametrize("text", [_FASTTEXT, _TREC])
def test_another_column_is_refused_by_name(read, text):
    _, [item] = read(text, key_column="id")
    assert "no column `id`. Columns found: text, label" in item["detail"]
    _, [item] = read(text, text_column=("a", "b"))
    assert "no column `b`" in item["detail"]


@pytest.mark.parametrize(
    ("good", "format_name"),
    [("__label__pos A film.", "fasttext"), ("HUM:ind Who ?", "trec")],
)
def test_a_line_that_is_too_long_costs_its_row(read, monkeypatch, good, format_name):
    monkeypatch.setattr(lines, "MAX_RECORD_CHARS", 100)
    text = f"{good}\n{good}{' a' * 100}\n{good}\n"
    _, items = read(text, format=format_name)
    assert [item.get("reason") for item in items] == [None, "too_long", None]
    assert items[2]["position"] == 3
