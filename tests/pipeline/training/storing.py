"""A store of four short texts, and an encoder that counts what it encodes."""

from __future__ import annotations

import os

import numpy as np

from pipeline.training.data import LabelledTokens
from pipeline.training.embedding_store import EmbeddingStore

WORDS = np.array([b"", b"1", b"2", b"3"], object)
TEXTS = [[1, 2, 3], [], [3], [2, 2]]
LAYERS, DIM = 2, 4
BYTES_PER_TOKEN = LAYERS * (DIM // 2 + 4)
HEADERS = 600  # bytes at most that a segment needs for itself


def data_of(texts, words=WORDS):
    return LabelledTokens(
        words=words,
        word_ids=np.concatenate([*texts, []]).astype("int32"),
        starts=np.cumsum([0, *map(len, texts)]),
        labels=np.zeros(len(texts), np.int32),
        splits={"train": np.arange(len(texts))},
    )


class Encoder:
    """Returns each token's number, its layer and its place; counts the texts.

    All values of a vector are equal, so that four bits hold them exactly.
    """

    def __init__(self):
        self.texts = 0

    def __call__(self, tokens):
        self.texts += len(tokens)
        numbers = np.where(tokens == b"", b"0", tokens).astype("float32")
        real = numbers > 0
        layers = [numbers, (numbers + 10 + np.arange(tokens.shape[1]) / 4) * real]
        stacked = np.stack(layers, axis=1)  # (batch, layers, time)
        return np.repeat(stacked[..., None], DIM, axis=-1)


def open_store(folder, encoder, texts=TEXTS, *, bound_bytes=10**6, version="v"):
    data, sizes = data_of(texts), {"num_layers": LAYERS, "dim": DIM}
    return EmbeddingStore(
        folder, version, data, encoder, bound_bytes=bound_bytes, **sizes
    )


def assert_reads_all(store, texts=TEXTS):
    order = np.arange(len(texts))[::-1]
    expected = Encoder()(data_of(texts).tokens(order))
    np.testing.assert_allclose(store.read(order), expected, rtol=1e-6)


def segments(folder):
    return sorted(folder.glob("*/*.segment"))


def used_at(folder, seconds):
    for path in segments(folder):
        os.utime(path, (seconds, seconds))
