"""What `predict` and `embed` do not load, and what these blocks leave behind."""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import pytest

from pipeline import lean_imports
from pipeline.lean_imports import UNUSED, no_garbage_search, without_unused

# Answers the arguments of each command by what was loaded when it was done.
_LOADED_BY = """
import gc, json, sys
from click.testing import CliRunner
from pipeline.cli import main
for arguments in json.loads(sys.argv[1]):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    print(json.dumps([sorted(sys.modules), gc.isenabled(), gc.get_freeze_count()]))
"""
_ALSO_LARGE = {
    "google.cloud.bigquery",
    "scipy.stats",
    "tensorboard",
    "tensorflow_transform",
    "tfx",
}


def test_predict_and_embed_load_nothing_that_is_for_other_programs(
    toy_model, small_elmo, repository, tmp_path
):
    (tmp_path / "x.csv").write_text("text\ngood\n")
    data = ("--input", f"{tmp_path}/x.csv", "--output")
    model, source = ("--model", str(toy_model)), ("--elmo", str(small_elmo))
    calls = [
        ["predict", *model, *data, f"{tmp_path}/labels"],
        ["embed", *source, *data, f"{tmp_path}/vectors"],
        ["score", *model, "good"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", _LOADED_BY, json.dumps(calls)],
        capture_output=True,
        text=True,
        cwd=repository,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for (name, *_), (modules, is_on, frozen) in zip(calls, answers, strict=True):
        assert not {*UNUSED, *_ALSO_LARGE} & {*modules}, name
        assert "tensorflow" in modules
        assert is_on
        assert frozen > 100_000  # of all that TensorFlow's modules are made of


def test_what_is_unused_is_absent_only_in_the_block_and_unless_it_is_loaded(
    monkeypatch,
):
    monkeypatch.setattr(lean_imports, "UNUSED", ("wave", "json"))
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    with pytest.raises(KeyError), without_unused():
        with pytest.raises(ImportError):
            import wave
        assert sys.modules["json"] is json
        raise KeyError
    import wave

    assert sys.modules["wave"] is wave
    assert sys.modules["json"] is json


@pytest.mark.parametrize("was_on", [True, False])
def test_garbage_is_searched_for_again_if_it_was_before(was_on):
    before = gc.isenabled()
    try:
        gc.enable() if was_on else gc.disable()
        with pytest.raises(KeyError), no_garbage_search():
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() == was_on
    finally:
        gc.enable() if before else gc.disable()


@pytest.mark.parametrize("is_loaded", [True, False])
def test_what_is_there_stays_only_once_tensorflow_is(monkeypatch, is_loaded):
    calls = []
    monkeypatch.setattr(gc, "freeze", lambda: calls.append("freeze"))
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    for _ in range(2):
        with no_garbage_search():
            if is_loaded:
                monkeypatch.setitem(sys.modules, "tensorflow", json)
    assert calls == ["freeze"] * is_loaded
