"""Weights beside a SavedModel: what is read again, and what is refused."""

from __future__ import annotations

import hashlib
import json
import pickle

import numpy as np
import pytest

from pipeline.training.saved_weights import (
    ModelFacts,
    SavedWeightsError,
    read_facts,
    read_weights,
    weights_folder,
    write_weights,
)

MODEL = ModelFacts(
    classes=["good", "schlecht ✗"],
    pooling="mean",
    hidden_units=0,
    elmo_version="0123456789abcdef",
    elmo_trainable=False,
    held_out=[0.1, 0.1],
    ngram_rows=1000,
)
WEIGHTS = {
    "mix.0": np.array([1.5, -2, 3], "float32"),
    "logits.0": np.eye(2, dtype="float16"),
}


@pytest.fixture
def folder(tmp_path):
    """A folder with weights."""
    folder = tmp_path / "model" / "warm_start"
    write_weights(str(folder), WEIGHTS, MODEL)
    return folder


def replace_weights(folder, content):
    """Puts other content there, and its SHA-256 into the facts."""
    (folder / "weights.npz").write_bytes(content)
    change_facts(folder, sha256=hashlib.sha256(content).hexdigest())


def change_facts(folder, **changes):
    path = folder / "facts.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def read(folder):
    return read_weights(str(folder), read_facts(str(folder)))


def test_the_weights_lie_beside_the_saved_model():
    for saved_model in ("/a/Trainer/7/Format-Serving", "/a/Trainer/7/Format-Serving/"):
        assert weights_folder(saved_model) == "/a/Trainer/7/warm_start"


def test_weights_and_facts_come_back_as_they_were_written(folder):
    assert read_facts(str(folder)).model == MODEL
    weights = read(folder)
    assert list(weights) == list(WEIGHTS)
    for name, weight in WEIGHTS.items():
        assert weights[name].dtype == weight.dtype
        np.testing.assert_array_equal(weights[name], weight)


def test_facts_from_before_there_were_ngrams_are_read_and_say_so(folder):
    facts = json.loads((folder / "facts.json").read_text())
    del facts["model"]["ngram_rows"]
    (folder / "facts.json").write_text(json.dumps(facts))
    assert read_facts(str(folder)).model.ngram_rows is None


def test_a_model_without_weights_has_no_facts(tmp_path):
    assert read_facts(str(tmp_path)) is None


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-9], lambda b: b"", lambda b: b + b"x"]
)
def test_a_damaged_file_gives_one_line_and_a_hint(folder, damage):
    path = folder / "weights.npz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SavedWeightsError) as error:
        read(folder)
    line, hint = str(error.value).splitlines()
    assert line.startswith(f"{path} must be as a training wrote it")
    assert "Received: SHA-256 " in line
    assert hint.startswith("hint: ") and "train.warm_start=false" in hint


def test_a_missing_file_is_named(folder):
    (folder / "weights.npz").unlink()
    with pytest.raises(SavedWeightsError, match="Received: no such file"):
        read(folder)


class Evil:
    ran = False

    def __reduce__(self):
        return (setattr, (Evil, "ran", True))


def npz(tmp_path, **arrays):
    np.savez(tmp_path / "foreign.npz", **arrays)
    return (tmp_path / "foreign.npz").read_bytes()


def test_pickled_objects_are_refused_and_never_loaded(folder, tmp_path):
    evil = np.empty(1, object)
    evil[0] = Evil()
    for content in (npz(tmp_path, **{"mix.0": evil}), pickle.dumps(Evil())):
        replace_weights(folder, content)
        with pytest.raises(SavedWeightsError):
            read(folder)
    assert not Evil.ran


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mix.0": np.arange(3)}, "mix.0 is not an array of floats"),
        ({"mix.0": np.array(["a"])}, "mix.0 is not an array of floats"),
        ({"mix.0": np.array([1, np.nan])}, "mix.0 has a number that is not finite"),
        (
            {"mix.0": np.ones(4, "float32")},
            r"shapes {'mix.0': \[4\]}, not the .* of facts",
        ),
        ({**WEIGHTS, "more": np.ones(1)}, "shapes .*'more'"),
    ],
)
def test_a_foreign_file_is_refused(folder, tmp_path, arrays, message):
    replace_weights(folder, npz(tmp_path, **arrays))
    with pytest.raises(SavedWeightsError, match=message):
        read(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"{}", "Received: model: Field required"),
        (b"[]", "Received: Input should be an object"),
    ],
)
def test_facts_that_no_training_wrote_are_refused(folder, content, message):
    (folder / "facts.json").write_bytes(content)
    with pytest.raises(SavedWeightsError, match=message) as error:
        read_facts(str(folder))
    assert str(folder / "facts.json") in str(error.value)
    assert len(str(error.value).splitlines()) == 2
