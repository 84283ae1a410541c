"""JSON as people have it: arrays, lists in an object, objects over several lines."""

from __future__ import annotations

import gzip
import json

import pytest

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import json_forms, json_scanner, lines
from components.text_example_gen.reading.opening import HEAD_BYTES
from components.text_example_gen.reading.read_file import read_file

_ROWS = [{"text": 'a "quoted" \\ [film}', "label": 1}, {"text": "né\n", "label": "b"}]


@pytest.fixture
def read(tmp_path):
    """Returns layouts and items of a file with this text."""

    def read(text, name="a.json", **options):
        path = tmp_path / name
        data = text.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        layouts = []
        options = ReadOptions(**options)
        items = list(read_file(str(path), options, on_layout=layouts.append))
        return list(map(str, layouts)), items

    return read


def _rows(items):
    return [item["columns"] for item in items]


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        (json.dumps(_ROWS), "json, UTF-8"),
        (json.dumps(_ROWS, indent=2), "json, UTF-8"),
        ("\ufeff \n" + json.dumps(_ROWS, ensure_ascii=False), "json, UTF-8"),
        ("\n".join(map(json.dumps, _ROWS)), "jsonl, UTF-8"),
        (json.dumps(_ROWS[0]) + "\n" + json.dumps(_ROWS[1]) + "\n\n", "jsonl, UTF-8"),
        (json.dumps({"version": [1], "data": _ROWS}), "json, UTF-8, rows in `data`"),
        (
            json.dumps({"data": _ROWS, "n": {"data": [{}]}}, indent=1),
            "json, UTF-8, rows in `data`",
        ),
        (
            "\n".join(json.dumps(row, indent=4) for row in _ROWS),
            "json, UTF-8, objects over several lines",
        ),
    ],
)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a", "a.json.gz"])
@pytest.mark.parametrize("chunk", [1, 2**16])
def test_rows_are_found_in_every_form(read, monkeypatch, text, layout, name, chunk):
    monkeypatch.setattr(json_scanner, "_CHUNK_CHARS", chunk)
    layouts, items = read(text, name)
    assert _rows(items) == _ROWS
    assert layouts == [layout]
    assert items[1]["position"] == 2 or "jsonl" in layout


@pytest.mark.parametrize("row", [{"text": "x", "label": "y", "tags": [{"a": 1}]}])
@pytest.mark.parametrize("indent", [None, 1])
def test_one_object_with_a_text_is_a_row(read, row, indent):
    _, items = read(json.dumps(row, indent=indent))
    assert _rows(items) == [{"text": "x", "label": "y"}]


def test_long_lists_and_rows_are_read_beyond_the_head(read):
    rows = [{"label": str(i), "text": "word " * 30_000} for i in range(3)]
    for value in (rows, {"rows": rows}):
        for indent in (None, 1):
            _, items = read(json.dumps(value, indent=indent))
            assert _rows(items) == rows
    for indent in (None, 1):
        _, items = read("\n".join(json.dumps(row, indent=indent) for row in rows))
        assert _rows(items) == rows


def test_a_bad_element_costs_one_row(read):
    _, items = read(
        '[{"text": "x", "label": 1}, 5, "s", [{}], {"text" 2}, {"text": ""}]'
    )
    assert [item.get("reason") for item in items] == [None, *["bad_json"] * 4, None]
    assert [item["position"] for item in items] == [1, 2, 3, 4, 5, 6]


def test_an_element_that_is_too_long_costs_one_row(read, monkeypatch):
    monkeypatch.setattr(json_scanner, "MAX_RECORD_CHARS", 100)
    long = {"text": "x" * 200, "label": "a"}
    _, items = read(json.dumps([long, *_ROWS]))
    assert items[0]["reason"] == "too_long"
    assert len(items[0]["text"]) == 100
    assert _rows(items[1:]) == _ROWS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            json.dumps(_ROWS)[:-1],
            "not JSON after 2 objects: expected `,` or `]`, found",
        ),
        (
            json.dumps(_ROWS)[:-5],
            "not JSON after 1 objects: expected the end of a value",
        ),
        (
            json.dumps(_ROWS) + "x",
            "not JSON after 2 objects: expected the end, found 'x'",
        ),
        (
            '[{"text":"x","label":1} {}]',
            "after 1 objects: expected `,` or `]`, found '{}]",
        ),
        (json.dumps({"a": _ROWS, "b": _ROWS}), "two lists of objects: `a` and `b`"),
        (json.dumps({"text": ["a"], "label": [1]}), "has no list of objects"),
        (json.dumps({"text": {"0": "a"}}), "has no list of objects"),
        (json.dumps({"txt": "a", "label": 1}), "no column `text`"),
        (json.dumps([{"txt": "a", "label": 1}]), "no column `text`"),
        ('[["a film", "pos"], ["b", "neg"]]', "is a list of lists or values"),
        ('["a film", "b"]', "rows must be objects with names"),
        (json.dumps({"0": _ROWS[0], "1": _ROWS[1]}), "a data frame in one object"),
        ('{"columns":["text"],"index":[0],"data":[["a"]]}', "a data frame in one"),
    ],
)
def test_what_is_no_table_gets_one_clear_line(read, text, message):
    _, items = read(text)
    assert items[-1]["position"] == 0
    assert message in items[-1]["detail"]
    assert items[-1]["detail"].count("\n") <= 1


def test_a_broken_first_line_does_not_make_json_lines_something_else(read):
    lines = ['{"text": "a', *map(json.dumps, _ROWS)]
    _, items = read("\n".join(lines), "a.jsonl")
    assert items[0]["reason"] == "bad_json"
    assert _rows(items[1:]) == _ROWS


@pytest.mark.parametrize("form", ["lines", "array"])
def test_columns_in_objects_have_names_with_dots(read, form):
    rows = [
        {"id": 1, "data": {"text": "x", "meta": {"label": "a"}}},
        {"id": 2, "data": {"text": "y", "meta": None}},
        {"id": 3, "data": {"text": "z"}, "data.text": "named so"},
    ]
    text = "\n".join(map(json.dumps, rows)) if form == "lines" else json.dumps(rows)
    options = {"text_column": "data.text", "label_column": "data.meta.label"}
    _, items = read(text, **options)
    assert _rows(items) == [
        {"data.text": "x", "data.meta.label": "a"},
        {"data.text": "y"},
        {"data.text": "named so"},
    ]
    _, items = read(text, text_column="text", label_column="id")
    assert "Columns found: id, data, data.text, data.meta" in items[-1]["detail"]
    assert "did you mean `data.text`?" in items[-1]["detail"]


def test_a_long_first_line_is_a_row_if_lines_follow(read):
    replies = [{"text": f"reply {n}"} for n in range(5000)]
    first = json.dumps({"id": 0, "replies": replies, "text": "post", "label": "a"})
    second = json.dumps({"id": 1, "text": "other", "label": "b"})
    for name in ("a.jsonl", "a.json"):
        layouts, items = read(f"{first}\n{second}\n", name)
        assert layouts == ["jsonl, UTF-8"]
        assert [row["text"] for row in _rows(items)] == ["post", "other"]
    assert [row["text"] for row in _rows(read(first, "a.jsonl")[1])] == ["post"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_an_object_around_rows_in_one_long_line_is_read(read, name, end):
    rows = [{"text": f"text {n}", "label": "a"} for n in range(5000)]
    text = json.dumps({"meta": {"text": "x"}, "data": rows}) + end
    layouts, items = read(text, name)
    assert layouts == ["json, UTF-8, rows in `data`"]
    assert _rows(items) == rows


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a"])
def test_a_long_line_that_is_alone_is_a_row_if_it_has_a_text(read, name):
    row = {"meta": "x" * 2**17, "tags": [{"a": 1}], "text": "post", "label": "a"}
    _, items = read(json.dumps(row), name)
    assert [row["text"] for row in _rows(items)] == ["post"]
    nested = {"tags": [{"a": "x" * 2**17}], "data": {"text": "post"}, "label": "a"}
    _, items = read(json.dumps(nested), name, text_column="data.text")
    assert [row["data.text"] for row in _rows(items)] == ["post"]


def test_an_object_around_rows_may_have_lines_behind_a_long_one(read):
    rows = [{"text": f"text {n}", "label": "a"} for n in range(5000)]
    _, items = read(json.dumps({"data": rows})[:-1] + '\n, "n": 5000}\n')
    assert _rows(items) == rows


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a"])
def test_a_first_line_that_is_too_long_costs_one_row(read, monkeypatch, name):
    monkeypatch.setattr(json_forms, "MAX_RECORD_CHARS", 2**17)
    monkeypatch.setattr(lines, "MAX_RECORD_CHARS", 2**17)
    long = {"replies": [{"text": "reply"}] * 10_000, "text": "post", "label": "a"}
    _, items = read("\n".join(map(json.dumps, [long, *_ROWS])), name)
    assert [item.get("reason") for item in items] == ["too_long", None, None]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_text_behind_a_list_of_objects_makes_a_row(read, name, count):
    spans = [{"text": f"span {n}"} for n in range(5000)]
    row = {"spans": spans, "text": "document", "label": "a"}
    for text in (json.dumps(row, indent=1), json.dumps(row)):
        _, items = read("\n".join([text] * count), name)
        assert [each["text"] for each in _rows(items)] == ["document"] * count


@pytest.mark.parametrize("begin", ["\n", "\r\n", "\ufeff \n", "\n\n"])
@pytest.mark.parametrize("more", [0, 1])
def test_empty_lines_before_a_long_row_cost_nothing(read, begin, more):
    row = json.dumps({"meta": "x" * 2**17, "text": "post", "label": "a"})
    for name in ("a.jsonl", "a.json"):
        _, items = read(begin + "\n".join([row] * (1 + more)) + "\n", name)
        assert [each["text"] for each in _rows(items)] == ["post"] * (1 + more)


@pytest.mark.parametrize("beyond", [-2, -1, 0, 1])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_value_may_end_where_the_head_does(read, beyond, end):
    around = {"v": "", "rows": _ROWS}
    row = {"text": "", "label": "a"}
    for indent in (None, 1):
        missing = HEAD_BYTES + beyond - len(json.dumps(around, indent=indent))
        text = json.dumps({**around, "v": "x" * missing}, indent=indent) + end
        assert len(text) == HEAD_BYTES + beyond + len(end)
        assert _rows(read(text)[1]) == _ROWS
    long = "x" * (HEAD_BYTES + beyond - len(json.dumps(row)))
    first = json.dumps({**row, "text": long})
    _, items = read("\n".join([first, '{"text":', json.dumps(_ROWS[1])]) + end)
    assert [item.get("reason") for item in items] == [None, "bad_json", None]


@pytest.mark.parametrize("of", [dict, list])
def test_columns_in_one_object_are_refused_whatever_their_size(read, of):
    texts = [f"text {n}" for n in range(20_000)]
    texts = texts if of is list else {str(n): text for n, text in enumerate(texts)}
    for size in (1, 20_000):
        part = dict(list(texts.items())[:size]) if of is dict else texts[:size]
        _, items = read(json.dumps({"text": part, "label": part}))
        assert [item["reason"] for item in items] == ["unknown_format"]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a"])
def test_a_comma_behind_the_first_line_costs_this_line_and_not_the_file(read, name):
    first, second = map(json.dumps, _ROWS)
    layouts, (rejected, row) = read(f"{first},\n{second}\n", name)
    assert layouts == ["jsonl, UTF-8"]
    assert (rejected["position"], rejected["reason"]) == (1, "bad_json")
    assert row["columns"] == _ROWS[1]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize("size", [10, 2**17])
@pytest.mark.parametrize(
    "first",
    [
        *('{"text": "%s,', '{"text": "%s:', '{"id": "%s",', '{"id": "%s", "t": {'),
        *('{"id": "%s", "t": [', '{"t": ["%s", ', '{"id": "%s", "text":'),
    ],
)
def test_a_first_line_that_is_broken_off_costs_one_row(read, name, size, first):
    rows = [json.dumps({"text": f"row {n}", "label": "a"}) for n in range(2000)]
    _, items = read("\n".join([first % ("x" * size), *rows]), name)
    assert [item.get("reason") for item in items] == ["bad_json"] + [None] * 2000


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("early", [[None], [1, "x"], [[]], [[1, 2], True]])
def test_the_first_elements_of_a_list_may_be_no_objects(read, early, indent):
    long = [{"text": "x" * 2**17, "label": "a"}]
    for rows in (_ROWS, long):
        _, items = read(json.dumps([*early, *rows], indent=indent))
        assert all(item["reason"] for item in items[: len(early)])
        assert _rows(items[len(early) :]) == rows


@pytest.mark.parametrize("indent", [None, 1])
def test_rows_in_an_object_may_begin_with_nulls_and_stand_beside_other_lists(
    read, indent
):
    _, items = read(json.dumps({"n": [1], "rows": [None, *_ROWS]}, indent=indent))
    assert items[0]["reason"] and _rows(items[1:]) == _ROWS
    mixed = {"args": ["x", {"k": 1}], "rows": _ROWS, "log": [0, {"k": 1}]}
    layouts, items = read(json.dumps(mixed, indent=indent))
    assert layouts == ["json, UTF-8, rows in `rows`"] and _rows(items) == _ROWS


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_row_in_an_object_that_is_no_json_costs_itself(read, place, indent):
    rows = [*_ROWS]
    rows.insert(place, {"text": "@"})
    _, items = read(json.dumps({"rows": rows}, indent=indent).replace('"@"', "bad"))
    assert [n for n, item in enumerate(items) if item.get("reason")] == [place]
    assert len(items) == 3


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize(
    "first", ["[", "[1, 2]", "[]", '["x"]', '[1, {"a": 1}]', '[1, {"a": 1}, 3']
)
def test_a_list_in_the_first_line_costs_one_row(read, name, first):
    _, items = read("\n".join([first, *map(json.dumps, _ROWS)]), name)
    assert [bool(item.get("reason")) for item in items] == [True, False, False]
