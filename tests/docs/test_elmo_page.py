"""What docs/elmo.md shows is there, and its whole programs run."""

from __future__ import annotations

import inspect
import re

import keras
import numpy as np
import pytest

from keras_elmo import ElmoEmbeddingLayer
from keras_elmo.tensors import OUTPUTS, as_tensor


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


@pytest.mark.slow
def test_the_recipe_of_two_phases_runs_and_teaches_the_bilm_in_the_second(page):
    [recipe] = re.findall(
        r"```python\n(elmo = .*?)```", page.split("## Learning")[1], re.DOTALL
    )[:1]
    first, second, third = re.split(r"(?=elmo\.trainable = )", recipe)
    texts, labels = as_tensor(["good", "bad"] * 4), np.array([1, 0] * 4)
    names = {"texts": texts, "labels": labels, "keras": keras}
    names["ElmoEmbeddingLayer"] = ElmoEmbeddingLayer
    exec(first, names)
    before = [np.array(weight) for weight in names["elmo"].bilm.weights]
    exec(second, names)
    assert all(map(np.array_equal, before, names["elmo"].bilm.weights))
    exec(third, names)
    assert not all(map(np.array_equal, before, names["elmo"].bilm.weights))
