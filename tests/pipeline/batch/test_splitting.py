"""Which files one worker reads."""

from __future__ import annotations

from pipeline.batch import splitting
from pipeline.batch.splitting import find_files, group_files


def _file(path, size=1):
    return {"path": path, "size_bytes": size, "changed": 0.0, "in_class_folder": False}


def test_small_files_share_a_group_and_large_ones_do_not(monkeypatch):
    monkeypatch.setattr(splitting, "_GROUP_BYTES", 10)
    sizes = [3, 3, 3, 3, 50, 1, 1]
    files = [_file(str(number), size) for number, size in enumerate(sizes)]
    groups = group_files(files)
    paths = [[file["path"] for file in group["files"]] for group in groups]
    assert paths == [["0", "1", "2"], ["3"], ["4"], ["5", "6"]]
    assert [group["number"] for group in groups] == [0, 1, 2, 3]


def test_a_group_has_a_bound_on_its_files(monkeypatch):
    monkeypatch.setattr(splitting, "_GROUP_FILES", 2)
    groups = group_files([_file(str(number)) for number in range(5)])
    assert [len(group["files"]) for group in groups] == [2, 2, 1]


def test_files_of_overlapping_patterns_are_read_once(tmp_path):
    for name in ("a.csv", "b.csv", ".hidden.csv", "_SUCCESS.csv"):
        (tmp_path / name).write_text("text\nx\n")
    files = find_files([f"{tmp_path}/b*", f"{tmp_path}/*"])
    assert [file["path"] for file in files] == [
        str(tmp_path / "b.csv"),
        str(tmp_path / "a.csv"),
    ]
    assert all(file["size_bytes"] == 7 and file["changed"] > 0 for file in files)
