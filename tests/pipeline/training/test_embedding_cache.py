"""The cache of activations: what it returns, its bound, its end."""

from __future__ import annotations

import errno
import logging
import os

import numpy as np
import pytest

from components.progress import listening
from pipeline.training import embedding_cache
from pipeline.training.data import LabelledTokens
from pipeline.training.embedding_cache import EmbeddingCache

WORDS = np.array([b"", b"1", b"2", b"3"], object)
TEXTS = [[1, 2, 3], [], [3], [2, 2]]
LAYERS, DIM = 2, 4
BYTES_PER_TOKEN = LAYERS * DIM * 2  # float16
DATA = LabelledTokens(
    words=WORDS,
    word_ids=np.concatenate(TEXTS).astype("int32"),
    starts=np.cumsum([0, *map(len, TEXTS)]),
    labels=np.zeros(4, np.int32),
    splits={"train": np.arange(4)},
)
ALL = np.array([3, 1, 0, 2])


class Encoder:
    """Returns each token's number, its layer and its place; counts the texts."""

    def __init__(self):
        self.texts = 0

    def __call__(self, tokens):
        self.texts += len(tokens)
        numbers = np.where(tokens == b"", b"0", tokens).astype("float32")
        real = numbers > 0
        layers = [numbers, (numbers + 10 + np.arange(tokens.shape[1]) / 4) * real]
        stacked = np.stack(layers, axis=1)  # (batch, layers, time)
        return np.repeat(stacked[..., None], DIM, axis=-1)


def open_cache(folder, encoder, *, bound_bytes=10**6):
    return EmbeddingCache(
        folder, DATA, encoder, num_layers=LAYERS, dim=DIM, bound_bytes=bound_bytes
    )


def assert_reads_all(cache):
    np.testing.assert_array_equal(cache.read(ALL), Encoder()(DATA.tokens(ALL)))


def test_each_text_is_encoded_once(tmp_path):
    encoder = Encoder()
    cache = open_cache(tmp_path, encoder)
    for _ in range(3):
        assert_reads_all(cache)
    assert encoder.texts == len(TEXTS)
    assert cache.facts.cached_examples == cache.facts.examples == len(TEXTS)
    assert cache.facts.bytes == 6 * BYTES_PER_TOKEN
    cache.close()


def test_it_tells_how_many_of_the_texts_that_fit_are_encoded(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding_cache, "_MAX_TEXTS_PER_CALL", 2)
    progress = []
    with listening(lambda *told: progress.append(told)):
        open_cache(tmp_path, Encoder(), bound_bytes=4 * BYTES_PER_TOKEN).close()
        open_cache(tmp_path, Encoder()).close()  # reused: nothing is encoded
    assert progress == [
        ("texts encoded", 2, 3, ""),
        ("texts encoded", 3, 3, ""),
    ]


def test_no_call_of_the_encoder_has_too_many_tokens_or_texts(monkeypatch):
    monkeypatch.setattr(embedding_cache, "_MAX_TEXTS_PER_CALL", 3)
    monkeypatch.setattr(embedding_cache, "_TOKENS_PER_CALL", 10)
    lengths = np.array([0, 0, 1, 1, 4, 5, 5, 6, 99])  # padding counts as well
    batches = embedding_cache._encoding_batches(np.arange(9), lengths)
    assert [batch.tolist() for batch in batches] == [
        [0, 1, 2],
        [3, 4],
        [5, 6],
        [7],
        [8],
    ]


def test_texts_beyond_the_bound_are_encoded_in_each_epoch(tmp_path):
    encoder = Encoder()
    cache = open_cache(tmp_path, encoder, bound_bytes=4 * BYTES_PER_TOKEN)
    assert cache.facts.cached_examples == 3  # of 0, 1 and 2 tokens
    assert cache.facts.bytes == 3 * BYTES_PER_TOKEN
    for epoch in range(3):
        assert_reads_all(cache)
        assert encoder.texts == 3 + epoch + 1
    cache.close()


def test_an_interrupted_run_leaves_a_cache_that_is_used_again(tmp_path):
    open_cache(tmp_path, Encoder()).close()
    encoder = Encoder()
    cache = open_cache(tmp_path, encoder)
    assert_reads_all(cache)
    assert cache.facts.reused and not encoder.texts
    cache.close()


def test_a_half_written_cache_is_not_used(tmp_path):
    class Killed(Encoder):
        def __call__(self, tokens):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_cache(tmp_path, Killed())
    cache = open_cache(tmp_path, Encoder())
    assert_reads_all(cache)
    assert not cache.facts.reused
    cache.close()


def test_a_full_disk_costs_time_but_not_the_run(tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    encoder = Encoder()
    with caplog.at_level(logging.WARNING):
        cache = open_cache(tmp_path, encoder)
    assert_reads_all(cache)
    assert encoder.texts == 3  # all but the one without a token
    assert cache.facts.bytes == 0
    assert "No space left on device" in caplog.text
    cache.close()


def test_an_activation_that_is_not_a_number_is_refused(tmp_path):
    with pytest.raises(ValueError, match="finite.*nan\nhint: .*elmo.source"):
        open_cache(tmp_path, lambda tokens: Encoder()(tokens) * np.nan)
