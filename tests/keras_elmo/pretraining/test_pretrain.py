from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from keras_elmo import BiLM, BiLMOptions
from keras_elmo.checkpoints import load_hdf5, tensors
from keras_elmo.pretraining import Settings, pretrain
from keras_elmo.pretraining import corpus as corpus_module
from tests.keras_elmo.pretraining.texts import split_at_spaces, write_text
from tests.keras_elmo.tiny import TINY

OPTIONS = BiLMOptions(**TINY)
SETTINGS = Settings(steps=4, rows=3, unroll=2, negatives=6, min_count=1)


@pytest.fixture(scope="module", autouse=True)
def no_tensorflow_for_tokens():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus_module, "_tokenize", split_at_spaces)
        yield


def write_texts(folder):
    write_text(folder / "first.txt", lines=60)
    write_text(folder / "second.txt", lines=40, seed=1)
    return str(folder / "*.txt")


@pytest.fixture
def texts(tmp_path):
    return write_texts(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The texts, the folder of a finished training, and its perplexity."""
    folder = tmp_path_factory.mktemp("trained")
    texts = write_texts(folder)
    perplexity = run(
        texts, folder / "out", corpus_note="Made up.", licence="Public domain"
    )
    return texts, folder / "out", perplexity


def run(texts, output, **changes):
    options = {"settings": SETTINGS, "options": OPTIONS, "held_out_every": 10}
    return pretrain(texts, output, **{**options, **changes})


def test_the_result_is_a_source_for_the_layer(trained):
    _, out, perplexity = trained
    options = BiLMOptions.from_file(out / "options.json")
    assert options == OPTIONS
    words = (out / "vocabulary.txt").read_text().splitlines()
    assert words[:4] == ["<S>", "</S>", "<UNK>", "."]
    card = (out / "README.md").read_text()
    for fact in ("first.txt | 60 |", "second.txt | 40 |", "Made up.", "Public domain",
                 f"| {perplexity:.1f} |", "| steps | 4 |", str(out)):  # fmt: skip
        assert (fact in card) == (fact != str(out)), fact

    pytest.importorskip("tensorflow")
    from keras_elmo import ElmoEmbeddingLayer

    assert ElmoEmbeddingLayer(str(out))([["a", "dog"]]).shape == (1, 2, 10)


def test_a_finished_training_is_not_done_again(trained, tmp_path):
    texts, finished, perplexity = trained
    out = shutil.copytree(finished, tmp_path / "out")
    assert run(texts, out) == pytest.approx(perplexity)
    with np.load(out / "training/checkpoint.npz") as arrays:
        assert json.loads(arrays["facts"].tobytes())["steps"] == 4


def test_prepared_texts_can_be_trained_on_elsewhere(texts, tmp_path):
    assert run(texts, tmp_path / "out", settings=None) is None
    assert not (tmp_path / "out/weights.hdf5").exists()
    (tmp_path / "first.txt").unlink()
    assert run(None, tmp_path / "out") > 1
    assert (tmp_path / "out/weights.hdf5").exists()


def test_prepared_texts_without_their_facts_are_no_training(texts, tmp_path):
    """They may be anybody's."""
    run(texts, tmp_path / "out", settings=None)
    (tmp_path / "out/training/corpus/corpus.json").unlink()
    with pytest.raises(ValueError, match="no training that could go on"):
        run(texts, tmp_path / "out", settings=None)


def test_texts_that_changed_under_a_training_are_refused(texts, tmp_path):
    run(texts, tmp_path / "out", settings=None)
    write_text(tmp_path / "third.txt", lines=3)
    with pytest.raises(ValueError, match="The texts are not those"):
        run(texts, tmp_path / "out")


def test_a_folder_of_other_files_is_refused(texts, trained, tmp_path):
    other = tmp_path / "project"
    other.mkdir()
    (other / "README.md").write_text("mine")
    with pytest.raises(ValueError, match=r"project has other files \(README.md\), and"):
        run(texts, other)
    assert (other / "README.md").read_text() == "mine"
    finished = shutil.copytree(trained[1], tmp_path / "out")
    shutil.rmtree(finished / "training")  # as one may at the end
    with pytest.raises(ValueError, match=r"out has other files \(README.md, options"):
        run(texts, finished)


@pytest.mark.parametrize("beside", [["README.md"], []])
def test_a_folder_called_training_makes_no_training(texts, tmp_path, beside):
    work = tmp_path / "project" / "training"
    work.mkdir(parents=True)
    mine = [work / "train.py", *(tmp_path / "project" / name for name in beside)]
    for path in mine:
        path.write_text("mine")
    with pytest.raises(ValueError, match="has other files .* no training that could"):
        run(texts, tmp_path / "project")
    assert sorted(tmp_path.rglob("project/**/*.*")) == sorted(mine)
    assert {path.read_text() for path in mine} == {"mine"}


def test_a_killed_preparation_begins_anew(texts, tmp_path):
    partial = tmp_path / "out" / "training" / "corpus.partial"
    partial.mkdir(parents=True)
    (partial / "train.raw").write_bytes(b"half")
    run(texts, tmp_path / "out", settings=None)
    assert (tmp_path / "out" / "training" / "corpus" / "corpus.json").is_file()


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_result_is_never_written_through_a_link(trained, tmp_path, link):
    texts, first, _ = trained
    out = shutil.copytree(first, tmp_path / "out")
    before = {}
    for name in ("README.md", "options.json", "weights.hdf5", "vocabulary.txt"):
        other = (out / name).rename(tmp_path / name)
        before[other] = other.read_bytes()
        link(out / name, other)
    run(texts, out, settings=dataclasses.replace(SETTINGS, steps=SETTINGS.steps + 1))
    assert {other: other.read_bytes() for other in before} == before
    assert (out / "weights.hdf5").read_bytes() != before[tmp_path / "weights.hdf5"]
    assert not (out / "README.md").is_symlink()
    assert not (out / "training" / "result").exists()


def test_texts_may_only_be_left_out_where_some_are_prepared(tmp_path):
    with pytest.raises(FileNotFoundError, match="`corpus` may only be left out"):
        run(None, tmp_path / "out")


def test_a_training_may_go_on_from_another_model(trained, tmp_path):
    texts, first, _ = trained
    slow = dataclasses.replace(SETTINGS, start=str(first), learning_rate=1e-9, steps=1)
    run(texts, tmp_path / "out", settings=slow, options=None)
    assert BiLMOptions.from_file(tmp_path / "out/options.json") == OPTIONS
    begun, ended = (BiLM(OPTIONS) for _ in range(2))
    load_hdf5(begun, first / "weights.hdf5")
    load_hdf5(ended, tmp_path / "out/weights.hdf5")
    for (name, old), (_, new) in zip(tensors(begun), tensors(ended), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6, err_msg=name)
    assert f"| begun with | {first} |" in (tmp_path / "out/README.md").read_text()
    other = dataclasses.replace(slow, start="", steps=2)
    with pytest.raises(ValueError, match="`start` must be what the training began"):
        run(texts, tmp_path / "out", settings=other)


def test_a_model_that_knows_words_is_no_start(texts, tmp_path):
    source = Path(__file__).parents[1] / "many_langs" / "words"
    with pytest.raises(ValueError, match="reads words by their characters alone"):
        run(
            texts,
            tmp_path / "out",
            settings=dataclasses.replace(SETTINGS, start=str(source)),
            options=None,
        )
