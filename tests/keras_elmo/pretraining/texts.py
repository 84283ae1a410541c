"""Small made-up texts, and corpora prepared from them without TensorFlow."""

from __future__ import annotations

import numpy as np

from keras_elmo.pretraining import corpus as corpus_module
from keras_elmo.pretraining.corpus import Corpus, prepare

SUBJECTS = ["the cat", "a dog", "my neighbour", "the old film", "her brother"]
VERBS = ["sees", "likes", "hardly ever follows", "forgets", "admires"]
OBJECTS = ["the moon", "a quiet street", "the long story", "their garden", "it"]


def write_text(path, *, lines, seed=0):
    """Writes `lines` lines of one to three sentences; gives the path."""
    rng = np.random.default_rng(seed)
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(lines):
            sentences = []
            for _ in range(rng.integers(1, 4)):
                words = " ".join(rng.choice(p) for p in (SUBJECTS, VERBS, OBJECTS))
                sentences.append(words.capitalize() + ".")
            file.write(" ".join(sentences) + "\n")
    return path


def split_at_spaces(sentences):
    """Stands in for the tokeniser, which needs TensorFlow."""
    for sentence in sentences:
        yield sentence.replace(".", " .").encode().split()


def make_corpus(folder, monkeypatch, *, lines=120, **options):
    """Prepares a corpus in `folder`, on every backend."""
    monkeypatch.setattr(corpus_module, "_tokenize", split_at_spaces)
    text = write_text(folder / "text.txt", lines=lines)
    prepare([text], folder / "corpus", **{"held_out_every": 10, **options})
    return Corpus(folder / "corpus")
