from __future__ import annotations

import json

import numpy as np
import pytest

from keras_elmo import BiLMOptions
from keras_elmo.pretraining import Settings, pretrain
from keras_elmo.pretraining import corpus as corpus_module
from tests.keras_elmo.pretraining.texts import split_at_spaces, write_text
from tests.keras_elmo.tiny import TINY

OPTIONS = BiLMOptions(**TINY)
SETTINGS = Settings(steps=4, rows=3, unroll=2, negatives=6, min_count=1)


@pytest.fixture
def texts(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_module, "_tokenize", split_at_spaces)
    write_text(tmp_path / "first.txt", lines=60)
    write_text(tmp_path / "second.txt", lines=40, seed=1)
    return str(tmp_path / "*.txt")


def run(texts, output, **changes):
    options = {"settings": SETTINGS, "options": OPTIONS, "held_out_every": 10}
    return pretrain(texts, output, **{**options, **changes})


def test_the_result_is_a_source_for_the_layer(texts, tmp_path):
    perplexity = run(
        texts, tmp_path / "out", corpus_note="Made up.", licence="Public domain"
    )
    out = tmp_path / "out"
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


def test_a_finished_training_is_not_done_again(texts, tmp_path):
    first = run(texts, tmp_path / "out")
    assert run(texts, tmp_path / "out") == pytest.approx(first)
    with np.load(tmp_path / "out/training/checkpoint.npz") as arrays:
        assert json.loads(arrays["facts"].tobytes())["steps"] == 4


def test_prepared_texts_can_be_trained_on_elsewhere(texts, tmp_path):
    assert run(texts, tmp_path / "out", settings=None) is None
    assert not (tmp_path / "out/weights.hdf5").exists()
    (tmp_path / "first.txt").unlink()
    assert run(None, tmp_path / "out") > 1
    assert (tmp_path / "out/weights.hdf5").exists()


def test_texts_that_changed_under_a_training_are_refused(texts, tmp_path):
    run(texts, tmp_path / "out", settings=None)
    write_text(tmp_path / "third.txt", lines=3)
    with pytest.raises(ValueError, match="The texts are not those"):
        run(texts, tmp_path / "out")


def test_texts_may_only_be_left_out_where_some_are_prepared(tmp_path):
    with pytest.raises(FileNotFoundError, match="`corpus` may only be left out"):
        run(None, tmp_path / "out")
