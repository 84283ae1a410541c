"""Small files of a job."""

from __future__ import annotations

from pipeline.batch import storage


def test_json_holds_what_is_no_utf_8(tmp_path):
    path = str(tmp_path / "a.json")
    value = {"caf\u00e9": ["name\udcff", "\ud800", "\U0001f600"]}
    storage.write_json(path, value)
    assert storage.read_json(path) == value
    assert "caf\u00e9" in (tmp_path / "a.json").read_text("utf-8")


def test_a_file_is_removed_whose_folder_is_no_glob(tmp_path):
    folder = tmp_path / "scored [v1]*"
    folder.mkdir()
    (tmp_path / "scored v").mkdir()
    for place in (folder, tmp_path / "scored v"):
        (place / "counts.json").write_text("{}")
    storage.remove_file(str(folder / "counts.json"))
    storage.remove_file(str(folder / "counts.json"))
    assert not list(folder.iterdir())
    assert (tmp_path / "scored v" / "counts.json").exists()
