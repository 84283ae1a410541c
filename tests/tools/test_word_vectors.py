"""What the tool makes of a corpus and of the vectors that were trained on it."""

from __future__ import annotations

import numpy as np

from keras_elmo.pretraining.corpus import Corpus, prepare
from pipeline.training.ngrams import hashed
from tools import word_vectors as module
from tools.word_vectors import Texts, stored


def test_texts_are_the_words_in_lower_case_some_at_a_time(tmp_path, monkeypatch):
    lines = ["The cat sat.", "A Dog ran home."] * 200
    (tmp_path / "a.txt").write_text("\n".join(lines))
    prepare([tmp_path / "a.txt"], tmp_path / "corpus")
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    texts = Texts(Corpus(tmp_path / "corpus"))
    first, again = list(texts), list(texts)
    assert first == again and max(map(len, first)) <= 7
    words = [word for text in first for word in text]
    assert words[:9] == ["the", "cat", "sat", ".", "a", "dog", "ran", "home", "."]
    assert len(words) == 9 * 200 - 5 * 4  # every hundredth line is held out


def test_vectors_are_stored_by_the_hash_of_their_words(monkeypatch):
    monkeypatch.setattr(module, "_FREQUENT", 2)
    words = ["the", "film", "soccer"]
    counts = np.array([999_000, 900, 100])
    vectors = np.random.default_rng(0).normal(size=(3, 5))
    found = stored(words, counts, vectors)
    assert (found["ids"] == np.sort(hashed(words).numpy())).all()
    assert found["vectors"].dtype == np.int8 and found["ids"].dtype == np.int32
    of_length_one = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    centred = of_length_one - of_length_one[:2].mean(axis=0)
    weights = 1e-3 / (1e-3 + counts / counts.sum())
    read = found["vectors"] * found["scales"][:, None].astype(np.float32)
    for word, centre, weight in zip(words, centred, weights, strict=True):
        (own,) = read[found["ids"] == hashed([word]).numpy()[0]]
        np.testing.assert_allclose(own, weight * centre, atol=0.01 * weight)


def test_of_two_words_with_one_hash_the_frequent_one_is_stored(monkeypatch):
    monkeypatch.setattr(module, "_FREQUENT", 1)

    class Hashed:
        def numpy(self):
            return np.array([9, 7, 7])

    monkeypatch.setattr(module, "hashed", lambda words: Hashed())
    vectors = np.array([[1.0, 0], [0, 1], [-1, 0]])
    found = stored(["the", "film", "movie"], np.array([5, 3, 2]), vectors)
    assert found["ids"].tolist() == [7, 9]
    assert (found["vectors"][0] == [-127, 127]).all()
