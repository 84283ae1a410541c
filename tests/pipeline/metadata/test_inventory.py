"""Results that have lost files are found before a node takes them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.metadata import inventory as inventory_module
from pipeline.metadata.inventory import Inventory
from pipeline.metadata.store import open_store
from tests.pipeline import tiny_pipeline


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "out"
    tiny_pipeline.run(folder)
    [blessing] = (folder / "pipeline" / "Bless" / "blessing").iterdir()
    (blessing / "BLESSED").touch()  # as TFX's Evaluator does
    return folder


@pytest.fixture
def output(written, tmp_path) -> Path:
    """That output; what is done to it is undone."""
    kept = shutil.copytree(written, tmp_path / "kept")
    yield written
    shutil.rmtree(written)
    shutil.copytree(kept, written)


def _inventory(output: Path) -> Inventory:
    return Inventory(open_store(output / "metadata.sqlite"))


def _model(output: Path) -> Path:
    [model] = (output / "pipeline" / "MakeModel" / "model").iterdir()
    return model


def _add_files(model: Path) -> None:
    (model / "variables").mkdir()
    (model / "variables" / "data").write_bytes(b"weights")
    (model / "empty").touch()


def _lost(output: Path) -> list[str]:
    return [each.lacks for each in _inventory(output).missing(output / "pipeline")]


@pytest.mark.parametrize(
    ("lose", "lacks"),
    [
        (lambda model: shutil.rmtree(model), ""),
        (lambda model: [shutil.rmtree(model), model.mkdir()], ""),
        (lambda model: shutil.rmtree(model / "variables"), "variables/data"),
        (lambda model: (model / "empty").unlink(), "empty"),
        (lambda model: (model / "variables/data").write_bytes(b"we"), "variables/data"),
    ],
    ids=["folder", "all files", "a folder in it", "a file", "the end of a file"],
)
def test_a_result_that_has_lost_something_is_found(output, lose, lacks):
    model = _model(output)
    _add_files(model)
    inventory = _inventory(output)
    inventory.note([str(model)])
    (model / ".DS_Store").touch()  # more than there was is no loss
    assert _lost(output) == []
    lose(model)
    assert _lost(output) == [lacks]
    inventory.note([str(model)])  # what was noted before counts
    assert _lost(output) == [lacks]


def test_of_a_result_without_inventory_an_empty_folder_is_found(output):
    assert _lost(output) == []
    model = _model(output)
    shutil.rmtree(model)
    model.mkdir()
    assert _lost(output) == [""]


def test_what_counts_as_not_made_is_made_again(output):
    model = _model(output)
    (model / "seed.txt").unlink()
    inventory = _inventory(output)
    missing = inventory.missing(output / "pipeline")
    assert [Path(each.path) for each in missing] == [model]
    inventory.count_as_not_made(missing)
    assert inventory.missing(output / "pipeline") == []
    tiny_pipeline.run(output)
    assert len(list((output / "pipeline" / "MakeModel" / "model").iterdir())) == 2


def test_a_file_with_other_content_is_found_where_it_is_looked_for(output):
    model = _model(output)
    _add_files(model)
    inventory = _inventory(output)
    inventory.note([str(model)])
    assert inventory.damaged([str(model)]) == []
    (model / "variables" / "data").write_bytes(b"weighty")
    assert _lost(output) == [], "nothing reads all contents before each run"
    [found] = inventory.damaged([str(model)])
    assert (found.path, found.lacks) == (str(model), "variables/data")
    (model / "variables" / "data").unlink()
    assert inventory.damaged([str(model)])[0].lacks == "variables/data"


def test_what_an_earlier_version_noted_are_sizes(output):
    model = _model(output)
    _add_files(model)
    inventory = _inventory(output)
    with pytest.MonkeyPatch.context() as patch:
        sizes = {"variables/data": 7, "empty": 0}
        patch.setattr(inventory_module, "_files", lambda folder: sizes)
        inventory.note([str(model)])
    assert inventory.damaged([str(model)]) == [] and _lost(output) == []
    (model / "variables/data").write_bytes(b"we")
    assert _lost(output) == ["variables/data"]
