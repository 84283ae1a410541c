"""Small files of a job."""

from __future__ import annotations

from pipeline.batch import storage


def test_json_holds_what_is_no_utf_8(tmp_path):
    path = str(tmp_path / "a.json")
    value = {"caf\u00e9": ["name\udcff", "\ud800", "\U0001f600"]}
    storage.write_json(path, value)
    assert storage.read_json(path) == value
    assert "caf\u00e9" in (tmp_path / "a.json").read_text("utf-8")
