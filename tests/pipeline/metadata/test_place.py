"""Records follow an output that was moved or copied, and its nodes stay unchanged."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from pipeline.metadata.metadata import Metadata
from pipeline.metadata.place import (
    MoveIncomplete,
    StoreUnreadable,
    adopt_place,
    check_whole,
    first_place,
)
from pipeline.metadata.store import open_store
from pipeline.runs.node_launcher import cache_of_first_place
from tests.pipeline import tiny_pipeline
from tests.pipeline.newest_run import newest_run
from tests.pipeline.run_nodes import run_nodes


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """An output, with JSON in its path that has to be written in another way."""
    folder = tmp_path_factory.mktemp("a place") / 'é"out'
    _run(folder)
    return folder


@pytest.fixture
def output(written, tmp_path) -> Path:
    """A copy of that output, whose original is gone."""
    path = tmp_path / "out"
    shutil.copytree(written, path)
    with sqlite3.connect(path / "metadata.sqlite") as connection:
        # As if it had been made in a folder that is no longer there.
        gone, here = f"{tmp_path}/gone", str(written)
        for change in (
            "UPDATE Artifact SET uri = replace(uri, ?, ?)",
            "UPDATE ArtifactProperty SET string_value = replace(string_value, ?, ?)",
        ):
            connection.execute(change, (here, gone))
    return path


@component
def Told(
    model: OutputArtifact[standard_artifacts.Model],
    path: Parameter[str],
    options: Parameter[str],
):
    """Is told paths in the output, as our Trainer and TFX's Pusher are."""
    model.set_string_custom_property("path", path)


def _run(folder: Path, seed: int = 1) -> dict[str, str]:
    """Runs the tiny pipeline; returns the state of each node."""
    database = folder / "metadata.sqlite"
    paths = {"path": f"{folder}/x", "options": json.dumps({"path": f"{folder}/x"})}
    with cache_of_first_place(database):
        run_nodes([Told(**paths)], folder)
        told = newest_run(Metadata(open_store(database), "tiny"))
        tiny_pipeline.run(folder, seed=seed)
    record = newest_run(Metadata(open_store(database), "tiny"))
    nodes = [*told.nodes, *record.nodes]
    return {node.node: node.state for node in nodes}


_UNCHANGED = {
    "Told": "unchanged",
    "MakeModel": "unchanged",
    "PreviousModel": "done",
    "Bless": "unchanged",
}


def _recorded(folder: Path) -> set[str]:
    with sqlite3.connect(folder / "metadata.sqlite") as connection:
        rows = connection.execute(
            "SELECT uri FROM Artifact UNION "
            "SELECT string_value FROM ArtifactProperty WHERE name = 'path'"
        )
        return {path for (path,) in rows}


def test_a_copy_has_unchanged_nodes_and_leaves_its_original_alone(written, tmp_path):
    before = (written / "metadata.sqlite").read_bytes()
    copy = shutil.copytree(written, tmp_path / 'another é "place"')
    assert adopt_place(copy / "metadata.sqlite") == written
    assert _run(copy) == _UNCHANGED
    assert all(path.startswith(f"{copy}/") for path in _recorded(copy))
    assert (written / "metadata.sqlite").read_bytes() == before
    assert adopt_place(written / "metadata.sqlite") is None


def test_a_node_that_ran_anew_after_a_move_is_unchanged_after_the_next(
    written, tmp_path
):
    first = shutil.copytree(written, tmp_path / "first")
    adopt_place(first / "metadata.sqlite")
    assert _run(first, seed=2)["MakeModel"] == "done"
    second = first.rename(tmp_path / "second")
    assert adopt_place(second / "metadata.sqlite") == first
    assert _run(second, seed=2) == _UNCHANGED
    assert first_place(second / "metadata.sqlite") == str(written)


def test_a_link_to_the_output_is_the_same_place(written, tmp_path):
    copy = shutil.copytree(written, tmp_path / "out")
    adopt_place(copy / "metadata.sqlite")
    link = tmp_path / "link"
    link.symlink_to(copy)
    assert adopt_place(link / "metadata.sqlite") is None
    assert all(path.startswith(f"{link}/") for path in _recorded(copy))
    assert _run(link) == _UNCHANGED


def test_a_moved_output_whose_old_place_is_gone_needs_nothing_of_it(output):
    assert adopt_place(output / "metadata.sqlite") == output.with_name("gone")
    assert adopt_place(output / "metadata.sqlite") is None
    assert all(path.startswith(f"{output}/") for path in _recorded(output))


def test_a_run_of_an_earlier_version_after_the_move_does_no_harm(output):
    tiny_pipeline.run(output, seed=3)  # records some artifacts here, some are there
    before = {path for path in _recorded(output) if path.startswith(f"{output}/")}
    assert before
    assert adopt_place(output / "metadata.sqlite") == output.with_name("gone")
    assert all(path.startswith(f"{output}/") for path in _recorded(output))
    assert before < _recorded(output)


def test_what_was_left_behind_is_named_and_nothing_changes(written, tmp_path):
    copy = shutil.copytree(written, tmp_path / "out")
    shutil.rmtree(copy / "pipeline" / "MakeModel")
    before = _recorded(copy)
    with pytest.raises(
        MoveIncomplete, match=r"copied without pipeline/MakeModel/model/\d+, which"
    ):
        adopt_place(copy / "metadata.sqlite")
    assert _recorded(copy) == before


def test_a_copy_of_which_an_artifact_is_that_of_the_original_is_refused(
    written, tmp_path
):
    """As where somebody has moved what is large, and copies the link that is left."""
    node = sorted((written / "pipeline").glob("*/*/*"))[0].parent.parent
    copy = tmp_path / "copy"
    shutil.copytree(written, copy)
    shutil.rmtree(copy / "pipeline" / node.name)
    (copy / "pipeline" / node.name).symlink_to(node)
    said = f" of this output is, by a link, that of the one at {written}, of which"
    with pytest.raises(MoveIncomplete, match=re.escape(said)):
        adopt_place(copy / "metadata.sqlite")


def test_other_text_stays_as_it_is(output):
    place = output.with_name("gone")
    others = [f"{place}er/pipeline/A/b/1", "serving/1", f"see {place}/pipeline/A/b/1"]
    with sqlite3.connect(output / "metadata.sqlite") as connection:
        connection.executemany(
            "INSERT INTO ArtifactProperty (artifact_id, name, is_custom_property, "
            "string_value) VALUES (1, ?, 1, ?)",
            [(f"other {text}", text) for text in others],
        )
    adopt_place(output / "metadata.sqlite")
    with sqlite3.connect(output / "metadata.sqlite") as connection:
        rows = connection.execute(
            "SELECT string_value FROM ArtifactProperty WHERE name LIKE 'other %'"
        )
        assert sorted(text for (text,) in rows) == sorted(others)


def test_a_file_that_is_no_store_is_refused_in_one_line(tmp_path):
    path = tmp_path / "metadata.sqlite"
    path.write_bytes(b"")
    assert adopt_place(path) is None
    path.write_bytes(b"no database, but long enough to be taken for one" * 30)
    with pytest.raises(
        StoreUnreadable, match="metadata.sqlite cannot be used: file is"
    ):
        adopt_place(path)


@pytest.mark.parametrize("page", range(1, 20))
def test_a_store_that_is_damaged_anywhere_is_refused_in_one_line(output, page):
    path = output / "metadata.sqlite"
    with path.open("r+b") as file:
        file.seek(page * 4096)
        file.write(b"\xa5" * 4096)
    with pytest.raises(StoreUnreadable) as caught:
        adopt_place(path)
    message = caught.value.format_message()
    assert message.startswith(f"{path} cannot be used: ")
    assert "(hint: bring back a copy of that file, or remove it and " in message
    assert "\n" not in message


def test_a_database_that_is_a_link_becomes_a_file(output, tmp_path):
    """A copy that has the link would write into its original's."""
    elsewhere = tmp_path / "elsewhere.sqlite"
    (output / "metadata.sqlite").rename(elsewhere)
    (output / "metadata.sqlite").symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    moved = output.rename(tmp_path / "moved")
    adopt_place(moved / "metadata.sqlite")
    assert not (moved / "metadata.sqlite").is_symlink()
    assert elsewhere.read_bytes() == before


_DIES_WITHIN = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 5")  # so that pages are written before the end
connection.execute("BEGIN IMMEDIATE")
connection.execute("CREATE TABLE begun (text)")
for _ in range(200):
    connection.execute("INSERT INTO begun VALUES (hex(randomblob(3000)))")
connection.execute("UPDATE Artifact SET uri = uri || 'x'")
os._exit(1)
"""


def test_what_a_killed_run_has_begun_is_taken_back_where_a_link_leads(output, tmp_path):
    elsewhere = tmp_path / "elsewhere.sqlite"
    database = output / "metadata.sqlite"
    database.rename(elsewhere)
    database.symlink_to(elsewhere)
    before = _uris(elsewhere)
    subprocess.run([sys.executable, "-c", _DIES_WITHIN, database], check=False)
    assert Path(f"{elsewhere}-journal").stat().st_size > 0
    adopt_place(database)
    assert not database.is_symlink()
    assert len(_uris(database)) == len(before)
    assert not any(uri.endswith("x") for uri in _uris(database))
    check_whole(database)


def _uris(database):
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT uri FROM Artifact ORDER BY id").fetchall()
    return [uri for (uri,) in rows]


def test_what_shares_the_database_by_a_hard_link_keeps_it(output, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(output, copy)
    (copy / "metadata.sqlite").unlink()
    (copy / "metadata.sqlite").hardlink_to(output / "metadata.sqlite")
    before = (output / "metadata.sqlite").read_bytes()
    adopt_place(copy / "metadata.sqlite")
    assert (output / "metadata.sqlite").read_bytes() == before
    assert (copy / "metadata.sqlite").read_bytes() != before


def test_a_database_that_cannot_be_written_is_named(output, monkeypatch):
    connect = sqlite3.connect

    def read_only(path):
        return connect(f"file:{path}?mode=ro", uri=True)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    with pytest.raises(StoreUnreadable, match="metadata.sqlite cannot be used: .*read"):
        adopt_place(output / "metadata.sqlite")


def test_a_path_that_is_no_text_is_a_damage(output):
    database = output / "metadata.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE Artifact SET uri = x'ff00' WHERE id = 1")
    with pytest.raises(StoreUnreadable, match="the path of artifact 1 is no text"):
        adopt_place(database)
