"""JSON that is valid, and still no row that can be used as it is."""

from __future__ import annotations

import json

import pytest

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import json_lines, lines
from components.text_example_gen.reading.read_file import read_file


@pytest.fixture
def read(tmp_path):
    def read(*lines, keep_all=True):
        path = tmp_path / "a.jsonl"
        path.write_text("".join(f"{line}\n" for line in lines))
        options = ReadOptions(label_column=None, keep_all=keep_all)
        return list(read_file(str(path), options))

    return read


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        (r'{"text":"a\ud800b"}', {"text": "a\ufffdb"}),
        (
            r'{"text":"x","meta":{"x":["\ud800"]}}',
            {"text": "x", "meta": {"x": ["\ufffd"]}},
        ),
        (r'{"text":"x","\ud800":1}', {"text": "x", "\ufffd": 1}),
        (
            r'{"text":"x","m":{"\ud800":1,"\ud801":2}}',
            {"text": "x", "m": {"\ufffd": 1, "\ufffd_2": 2}},
        ),
    ],
)
def test_a_lone_surrogate_is_replaced_wherever_it_is_and_counted(read, line, columns):
    [record] = read(line)
    assert record["columns"] == columns
    assert record["replaced_utf8"]


@pytest.mark.parametrize("levels", [101, 700, 5000])
def test_values_that_are_nested_too_deeply_cost_one_row(read, levels):
    deep = '{"text":"x","meta":' + "[" * levels + "]" * levels + "}"
    bad, good = read(deep, '{"text":"y"}')
    assert bad["reason"] == "bad_json"
    assert good["columns"] == {"text": "y"}


def test_100_levels_pass_and_more_where_they_are_not_needed(read):
    line = '{"text":"x","meta":%s}'
    [record] = read(line % ("[" * 99 + "]" * 99))
    assert record["columns"]["text"] == "x"
    [record] = read(line % ("[" * 700 + "]" * 700), keep_all=False)
    assert record["columns"] == {"text": "x"}


def test_values_with_one_name_are_all_kept_under_distinct_names(read):
    [record] = read('{"text":"x","n":1,"n":2,"m":{"n":3,"n":4},"n_2":5}')
    assert record["columns"] == {
        "text": "x",
        "n": 1,
        "n_3": 2,
        "m": {"n": 3, "n_2": 4},
        "n_2": 5,
    }
    assert set(record["renamed"]) == {"n_2", "n_3"}


@pytest.mark.timeout(20)  # with the square of their number it takes a minute
def test_many_structures_with_a_name_twice_take_no_longer_than_others(read):
    twice = ",".join(['{"k":1,"k":2}'] * 170_000)
    [record] = read(f'{{"text":"x","v":[{twice}]}}')
    assert record["renamed"] == ("k_2",)
    assert record["columns"]["v"][-1] == {"k": 1, "k_2": 2}


def test_a_row_with_two_texts_is_rejected(read):
    bad, good = read('{"text":"x","text":"y"}', '{"text":"z"}')
    assert (bad["reason"], bad["detail"]) == ("bad_json", "2 values are named `text`")
    assert good["columns"] == {"text": "z"}


@pytest.mark.parametrize(
    "twice", ['{"m":{"t":"x","t":"y"}}', '{"m":{"t":"x"},"m":{"t":"y"}}']
)
def test_a_row_with_two_texts_in_structures_is_rejected(tmp_path, twice):
    path = tmp_path / "a.jsonl"
    path.write_text(f'{twice}\n{{"m":{{"t":"z","n":1,"n":2}}}}\n')
    options = ReadOptions(text_column="m.t", label_column=None)
    bad, good = read_file(str(path), options)
    detail = "several values are named `m.t`"
    assert (bad["reason"], bad["detail"]) == ("bad_json", detail)
    assert good["columns"] == {"m.t": "z"}


@pytest.mark.parametrize(
    "value", ["[1,2,3,4,5,6]", '{"a":{},"b":{"c":1},"d":2,"e":3}', "[[],[],[],[]]"]
)
def test_a_row_with_too_many_values_is_not_parsed(read, monkeypatch, value):
    monkeypatch.setattr(json_lines, "MAX_RECORD_VALUES", 7)
    bad, good = read(f'{{"text":"x","v":{value}}}', r'{"text":"[,\",,{,[,[,[,["}')
    assert (bad["reason"], bad["position"]) == ("too_long", 1)
    assert good["columns"] == {"text": '[,",,{,[,[,[,['}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("end", ["", "\\", '\\\\"'])
def test_a_long_line_that_ends_in_a_string_is_soon_rejected(read, end):
    text = "[{" + r"\"a\":[1,2]," * 500_000
    cut, good = read(f'{{"text":"x","v":"{text}{end}', '{"text":"a"}')
    assert (cut["reason"], cut["position"]) == ("bad_json", 1)
    assert good["columns"] == {"text": "a"}


def test_a_byte_order_mark_of_a_file_behind_another_is_dropped(read):
    texts = [item["columns"] for item in read('{"text":"a"}', '\ufeff{"text":"b"}')]
    assert texts == [{"text": "a"}, {"text": "b"}]


def test_names_of_the_first_rows_have_a_bound_and_what_is_asked_for_is_found(tmp_path):
    """Ten lines of half a million names each took 650 MB."""
    path = tmp_path / "a.jsonl"
    rows = [{f"k{row} {n}": 1 for n in range(600)} for row in range(3)]
    rows.append({"text": "good"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with path.open() as file:
        objects = json_lines.Objects("a.jsonl", ReadOptions(label_column=None))
        for number, line in enumerate(file, 1):
            objects.record(line, number, is_cut=False)
    objects.end()  # which would refuse a file without the column
    assert len(objects._seen) == 1001


def test_a_line_that_is_too_long_costs_its_row(read, monkeypatch):
    monkeypatch.setattr(lines, "MAX_RECORD_CHARS", 100)
    items = read('{"text":"%s"}' % ("a" * 100), '{"text":"b"}')
    assert [item.get("reason") for item in items] == ["too_long", None]
    assert items[1]["columns"] == {"text": "b"}
