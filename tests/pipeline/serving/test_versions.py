"""Which folder a path to a model means."""

from __future__ import annotations

import pytest

from pipeline.serving.versions import ModelError, find_model, newest_model


def test_the_newest_whole_version_wins(tmp_path):
    for version in ("9", "10", "11", "notes"):
        (tmp_path / version).mkdir()
        if version != "11":  # still being copied
            (tmp_path / version / "saved_model.pb").touch()
    assert newest_model(str(tmp_path)) == str(tmp_path / "10")
    assert newest_model(str(tmp_path / "9/")) == str(tmp_path / "9")
    assert newest_model(str(tmp_path / "11")) is None


def test_a_folder_without_a_whole_version_is_named(tmp_path):
    (tmp_path / "11").mkdir()
    with pytest.raises(ModelError, match=f"no saved_model.pb. Received: {tmp_path}"):
        find_model(str(tmp_path))


def test_a_folder_whose_name_looks_like_a_glob_is_taken_as_it_is(tmp_path):
    folder = tmp_path / "model[1]*"
    folder.mkdir()
    (folder / "saved_model.pb").touch()
    assert find_model(str(folder)) == str(folder)
