"""Tests of pipeline.code_version on a package made for the test."""

from __future__ import annotations

import pytest

from pipeline import code_version as module


@pytest.fixture
def version_of(tmp_path, monkeypatch):
    package = tmp_path / "made_for_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "top.py").write_text("from made_for_test.middle import x\n")
    (package / "middle.py").write_text("from . import low\nx = low.y\n")
    (package / "low.py").write_text("y = 1\nimport os\n")
    (package / "apart.py").write_text("z = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(module, "_PACKAGES", ("made_for_test",))

    def version(edited: str | None = None) -> str:
        if edited is not None:
            path = package / edited
            path.write_text(path.read_text() + "# edited\n")
        module.code_version.cache_clear()
        return module.code_version("made_for_test.top")

    yield version
    module.code_version.cache_clear()


def test_unchanged_code_keeps_its_version(version_of):
    assert version_of() == version_of()


@pytest.mark.parametrize("file", ["top.py", "middle.py", "low.py", "__init__.py"])
def test_an_edit_of_the_module_or_of_what_it_imports_changes_the_version(
    version_of, file
):
    assert version_of() != version_of(file)


def test_an_edit_of_another_module_changes_nothing(version_of):
    assert version_of() == version_of("apart.py")


def test_a_module_that_does_not_exist_is_refused():
    with pytest.raises(ModuleNotFoundError, match="pipeline.no_such_module"):
        module.code_version("pipeline.no_such_module")


def test_the_version_of_preprocessing_covers_the_tokenizer():
    sources = module._sources("pipeline.preprocessing")
    assert "keras_elmo.text" in sources
    assert "pipeline.cli" not in sources
