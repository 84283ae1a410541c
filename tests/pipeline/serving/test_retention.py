from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.serving.retention import remove_old_versions


@pytest.fixture
def serving(tmp_path):
    folder = tmp_path / "serving"
    for version in (9, 10, 11):
        (folder / str(version) / "variables").mkdir(parents=True)
        (folder / str(version) / "saved_model.pb").write_text("")
        manifest = tmp_path / "manifests" / f"{version}.sha256"
        manifest.parent.mkdir(exist_ok=True)
        manifest.write_text("")
    return folder


def _left(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_the_newest_stay_by_their_number_and_manifests_go_with_versions(serving):
    assert remove_old_versions(serving, 2) == [9]
    assert _left(serving) == ["10", "11"]
    assert _left(serving.parent / "manifests") == ["10.sha256", "11.sha256"]
    assert remove_old_versions(serving, 2) == []


def test_what_is_half_copied_or_no_version_counts_for_nothing_and_stays(serving):
    (serving / "12").mkdir()
    (serving / "notes").mkdir()
    (serving / "notes" / "saved_model.pb").write_text("")
    assert remove_old_versions(serving, 1) == [9, 10]
    assert _left(serving) == ["11", "12", "notes"]


def test_what_a_call_that_died_left_of_a_version_goes_too(serving):
    (serving / "9" / "saved_model.pb").unlink()
    assert remove_old_versions(serving, 2) == []
    assert _left(serving) == ["10", "11"]
    assert _left(serving.parent / "manifests") == ["10.sha256", "11.sha256"]


def test_a_withdrawn_version_takes_no_place_of_another(serving):
    withdrawn = {str(serving / "10")}
    assert remove_old_versions(serving, 2, withdrawn) == [10]
    assert _left(serving) == ["11", "9"]
