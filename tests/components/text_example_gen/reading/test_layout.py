"""What is said of a file is one short line that can be written."""

from __future__ import annotations

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.layout import Layout
from components.text_example_gen.reading.read_file import read_file


def test_what_comes_from_the_file_is_mended_and_cut():
    layout = Layout(format="json", notes=("rows in `\ud800x`", "y" * 10**6))
    assert str(layout) == f"json, rows in `\ufffdx`, {'y' * 80} …"


def test_the_name_around_the_rows_of_a_document_may_be_no_utf_8(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(r'{"\ud800x":[{"text":"a"},{"text":"b"}]}')
    layouts = []
    options = ReadOptions(label_column=None)
    items = list(read_file(str(path), options, on_layout=layouts.append))
    assert [item["columns"] for item in items] == [{"text": "a"}, {"text": "b"}]
    assert "\ufffdx" in ", ".join(map(str, layouts))


def test_a_column_that_only_folders_have_is_said_to_be_missing(tmp_path):
    folder = tmp_path / "day=2024-02-29" / "lang=de"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("text\na\n")
    layouts = []
    options = ReadOptions(label_column=None, keep_all=True)
    list(read_file(str(folder / "a.csv"), options, on_layout=layouts.append))
    [layout] = map(str, layouts)
    assert layout.endswith("header, without `day`, `lang` of its folder's name")
