from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pipeline import files
from pipeline.serving.publish import (
    remove_leftovers,
    remove_old_versions,
    remove_unwritten_notes,
)


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


def test_a_version_goes_in_one_step_and_what_a_kill_hides_of_it_goes_later(
    serving, monkeypatch
):
    def killed(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_old_versions(serving, 2)
    hidden, *others = _left(serving)
    assert hidden.startswith(".9.")
    assert others == ["10", "11"]
    pushed_meanwhile = serving / f".12.{'0' * 32}.part"
    pushed_meanwhile.mkdir()
    assert remove_old_versions(serving, 2) == []
    assert _left(serving) == [pushed_meanwhile.name, "10", "11"]


@pytest.mark.parametrize("killed_in", ["rename", "remove"])
def test_what_is_about_a_version_goes_with_it_though_its_removal_was_killed(
    serving, monkeypatch, killed_in
):
    cards = serving.parent / "model_cards"
    cards.mkdir()
    for version in (9, 10, 11):
        (cards / f"{version}.md").write_text("")
    rename = os.rename

    def killed(*paths):
        if killed_in == "rename":
            rename(*paths)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os if killed_in == "rename" else files, killed_in, killed)
        with pytest.raises(KeyboardInterrupt):
            remove_old_versions(serving, 2)
    assert remove_old_versions(serving, 2) == []
    assert _left(serving) == ["10", "11"]
    assert _left(serving.parent / "manifests") == ["10.sha256", "11.sha256"]
    assert _left(cards) == ["10.md", "11.md"]


def test_what_a_killed_copy_left_takes_nothing_from_the_version_that_is_there(serving):
    (serving / f".9.{'0' * 32}.part").mkdir()
    remove_leftovers(serving)
    assert _left(serving) == ["10", "11", "9"]
    assert "9.sha256" in _left(serving.parent / "manifests")


def test_a_link_and_what_it_points_to_stay(serving, tmp_path):
    golden = tmp_path / "golden"
    shutil.copytree(serving / "9", golden)
    (serving / "1").symlink_to(golden)
    shutil.rmtree(serving / "10" / "variables")
    (serving / "10" / "variables").symlink_to(golden)
    (serving / "12").symlink_to(golden)
    assert remove_old_versions(serving, 1) == [9, 10]
    assert _left(serving) == ["1", "11", "12"]
    assert _left(golden) == ["saved_model.pb", "variables"]


def test_what_a_run_has_pushed_stays_whatever_its_number(serving):
    assert remove_old_versions(serving, 1, pushed=[str(serving / "9")]) == [10]
    assert _left(serving) == ["11", "9"]


def test_a_withdrawn_version_takes_no_place_of_another(serving):
    withdrawn = {str(serving / "10")}
    assert remove_old_versions(serving, 2, withdrawn) == [10]
    assert _left(serving) == ["11", "9"]


def test_an_old_version_that_cannot_be_removed_stops_nothing(serving):
    note = serving.parent / "manifests" / "9.sha256"
    note.unlink()
    note.mkdir()  # somebody's: it is no manifest
    said = []
    assert remove_old_versions(serving, 1, say=said.append) == [9, 10]
    assert said == [
        f"the old version {serving / '9'} cannot be removed: {note}: Is a directory"
    ]
    remove_leftovers(serving)  # as the next run does
    assert [each for each in _left(serving) if not each.startswith(".")] == ["11"]


def test_a_note_that_leads_nowhere_stops_nothing(serving):
    note = serving.parent / "manifests" / ".5.push"
    note.symlink_to(serving / "gone")
    remove_unwritten_notes(serving)
    assert note.is_symlink()
