"""In which form JSON is: lines, a list, or objects one behind another."""

from __future__ import annotations

import json

import pytest

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.read_file import read_file


@pytest.mark.parametrize("first", ["{}", '{"text": "z", "label": "pos"}'])
def test_a_short_first_object_makes_no_lines_of_the_others(tmp_path, first):
    """`jq .` writes an empty one on one line."""
    others = [{"text": f"a {i}", "label": "neg"} for i in range(9)]
    path = tmp_path / "a.json"
    path.write_text("\n".join([first, *(json.dumps(o, indent=2) for o in others)]))
    found = list(read_file(str(path), ReadOptions(keep_all=True)))
    assert [item["columns"] for item in found[1:]] == others


def test_a_line_that_is_cut_behind_its_brace_makes_no_objects_of_lines(tmp_path):
    rows = [{"text": f"a {i}", "label": "neg"} for i in range(9)]
    lines = [json.dumps(row) for row in rows]
    path = tmp_path / "a.json"
    path.write_text("\n".join([lines[0], "{", *lines[1:]]))
    found = list(read_file(str(path), ReadOptions(keep_all=True)))
    assert [item["columns"] for item in found if "columns" in item] == rows
