"""Vectors written by the original authors' code, reproduced.

The fixtures were made with LSTM states carried from batch to batch.
"""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from keras_elmo import BiLM, BiLMOptions, ElmoEmbeddingLayer
from keras_elmo.bilm import wrap_sentences
from keras_elmo.characters import spell_tokens
from keras_elmo.checkpoints import load_hdf5
from tests.keras_elmo.test_bilm import spell_batch

MODELS = {
    "allennlp": ("allennlp", "sentences.json"),
    "bilm-tf": ("bilm-tf/model", "lm_embeddings_sentences.json"),
}
TOLERANCE = 1e-5
N_BATCHES = 10


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def fixture_model(request, shared_dir):
    folder = shared_dir / "fixtures" / "elmo" / request.param[0]
    sentences = json.loads((folder / request.param[1]).read_text())
    batches = [[text.split() for text in rows] for rows in zip(*sentences, strict=True)]
    expected = []
    for k in range(len(sentences)):
        with h5py.File(folder / f"lm_embeddings_{k}.hdf5") as file:
            expected.append([np.asarray(file[str(i)]) for i in range(N_BATCHES)])
    return folder, batches, expected


def load(folder):
    bilm = BiLM(BiLMOptions.from_file(folder / "options.json"))
    load_hdf5(bilm, folder / "lm_weights.hdf5")
    return bilm


def test_all_ten_stateful_batches_equal_the_authors_vectors(fixture_model):
    folder, batches, expected = fixture_model
    bilm = load(folder)
    states = bilm.zero_states(3)
    assert len(batches) == N_BATCHES
    for number, rows in enumerate(batches):
        ids = spell_batch(rows, bilm.options.max_chars)
        lengths = np.array([len(row) for row in rows], np.int32)
        wrapped = np.array(wrap_sentences(ids, lengths, bilm.options.max_chars))
        vectors = bilm.token_encoder(wrapped.reshape(-1, wrapped.shape[-1]))
        vectors = np.array(vectors).reshape(*wrapped.shape[:2], -1)
        layers, states = bilm.contextualize(vectors, lengths, states, keep_states=True)
        for row, tokens in enumerate(rows):
            top = np.array(layers)[row, -1, : len(tokens)]
            wanted = np.concatenate(list(expected[row][number]), axis=-1)
            np.testing.assert_allclose(top, wanted, atol=TOLERANCE)


def test_the_layer_equals_the_authors_vectors_where_states_start_at_zero(
    fixture_model,
):
    folder, batches, expected = fixture_model
    layer = ElmoEmbeddingLayer(
        (folder / "options.json", folder / "lm_weights.hdf5"),
        output="lstm_outputs2",
        initial_state="zeros",
    )
    top = np.array(layer(batches[0]))
    for row, tokens in enumerate(batches[0]):
        wanted = np.concatenate(list(expected[row][0]), axis=-1)
        np.testing.assert_allclose(top[row, : len(tokens)], wanted, atol=TOLERANCE)


def test_token_vectors_equal_the_authors(shared_dir):
    folder = shared_dir / "fixtures" / "elmo" / "allennlp"
    words = (folder / "vocab_test.txt").read_text().split()
    with h5py.File(folder / "elmo_token_embeddings.hdf5") as file:
        wanted = np.asarray(file["embedding"])
    got = load(folder).token_encoder(spell_tokens(words, 50))
    np.testing.assert_allclose(np.array(got), wanted, atol=TOLERANCE)
