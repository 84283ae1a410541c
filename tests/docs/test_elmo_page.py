"""What docs/elmo.md shows is there, and its whole programs run."""

from __future__ import annotations

import inspect
import re

import pytest

from keras_elmo import ElmoEmbeddingLayer
from keras_elmo.tensors import OUTPUTS


@pytest.fixture(scope="module")
def page(repository):
    return (repository / "docs" / "elmo.md").read_text("utf-8")


def test_programs_that_begin_with_an_import_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(from .*?)```", page, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "docs/elmo.md", "exec"), {})
    assert (tmp_path / "my_module" / "saved_model.pb").exists()


def test_every_output_is_told_and_none_that_is_not_there(page):
    table = page.split("| `output` | shape |")[1].split("\n\n")[0]
    told = re.findall(r"`\"(\w+)\"`", table)
    assert sorted(told) == sorted(OUTPUTS)


def test_arguments_that_are_told_with_a_default_have_it(page):
    parameters = inspect.signature(ElmoEmbeddingLayer.__init__).parameters
    table = page.split("## Learning")[1].split("## State")[0]
    told = re.findall(r"^\| `(\w+)=([\w.]+)`", table, flags=re.MULTILINE)
    assert told
    assert {name: str(parameters[name].default) for name, _ in told} == dict(told)
