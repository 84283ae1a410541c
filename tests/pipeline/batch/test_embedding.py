"""The vectors are those of the layer."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer
from keras_elmo.text import TOKENIZERS, tokenize
from pipeline.batch.embedding import Embedder
from pipeline.serving.versions import ModelError

TEXTS = ["A good film, it is.", "bad", "so bad that I left", "\u200b"]


@pytest.fixture(scope="module")
def expected(small_elmo):
    """All layers of each text `(layers, time, dim)`, from the layer itself."""
    elmo = ElmoEmbeddingLayer(str(small_elmo), output="layers")
    tokens = tokenize(tf.constant(TEXTS))
    layers = elmo(tokens.to_tensor("")).numpy()
    lengths = tokens.row_lengths().numpy()
    return [of_text[:, :n] for of_text, n in zip(layers, lengths, strict=True)]


@pytest.fixture
def eagerly():
    """Runs the graph's operations one by one: to trace one takes seconds."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def _rows(small_elmo, **settings):
    return Embedder(source=str(small_elmo), **settings).load()(TEXTS)


def _assert_vectors(rows, expected):
    for row, vectors in zip(rows, expected, strict=True):
        assert row["vectors"].shape == vectors.shape
        np.testing.assert_allclose(row["vectors"], vectors, atol=1e-5)


def test_tokens_come_with_their_vectors(small_elmo, expected):
    rows = _rows(small_elmo)
    assert rows[0]["tokens"] == ["A", "good", "film", ",", "it", "is", "."]
    assert rows[3]["tokens"] == []
    # An untrained mix is the mean of the layers.
    _assert_vectors(rows, [layers.mean(axis=0) for layers in expected])
    assert not any(row["text_is_cut"] for row in rows)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("layer", ["0", "1", "2"])
def test_one_layer(small_elmo, expected, layer):
    rows = _rows(small_elmo, layer=layer)
    _assert_vectors(rows, [layers[int(layer)] for layers in expected])


@pytest.mark.usefixtures("eagerly")
def test_the_mean_of_the_layers(small_elmo, expected):
    rows = _rows(small_elmo, layer="mean")
    _assert_vectors(rows, [layers.mean(axis=0) for layers in expected])


def test_all_layers_of_a_token(small_elmo, expected):
    rows = _rows(small_elmo, layer="all")
    _assert_vectors(rows, [layers.swapaxes(0, 1) for layers in expected])


@pytest.mark.usefixtures("eagerly")
def test_as_sentences_all_layers_lie_as_the_published_files_have_them(
    small_elmo, expected
):
    rows = _rows(small_elmo, layer="all", as_sentences=True)
    _assert_vectors(rows, expected)
    assert rows[0]["sentence"] == "A good film , it is ."


@pytest.mark.usefixtures("eagerly")
def test_a_text_has_the_mean_of_its_tokens_and_zeros_if_it_has_none(
    small_elmo, expected
):
    rows = _rows(small_elmo, pooled=True)
    for row, layers in zip(rows[:3], expected, strict=False):
        np.testing.assert_allclose(row["vector"], layers.mean(axis=(0, 1)), atol=1e-5)
    assert not rows[3]["vector"].any()


@pytest.mark.usefixtures("eagerly")
def test_float16(small_elmo, expected):
    rows = _rows(small_elmo, dtype="float16", layer="1")
    assert rows[0]["vectors"].dtype == np.float16
    np.testing.assert_allclose(rows[0]["vectors"], expected[0][1], atol=1e-2)


@pytest.mark.usefixtures("eagerly")
def test_long_texts_are_cut_and_say_so(small_elmo):
    rows = _rows(small_elmo, max_tokens=5)
    assert [row["text_is_cut"] for row in rows] == [True, False, False, False]
    assert [len(row["tokens"]) for row in rows] == [5, 1, 5, 0]
    assert rows[0]["vectors"].shape[0] == 5


@pytest.mark.usefixtures("eagerly")
def test_texts_of_tokens_are_only_split(small_elmo):
    score = Embedder(source=str(small_elmo), tokenizer="whitespace").load()
    [row] = score(["It's  well-split , I.think"])
    assert row["tokens"] == ["It's", "well-split", ",", "I.think"]


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=str(tmp_path)):
        Embedder(source=str(tmp_path)).load()


def test_a_layer_that_the_source_has_not_is_refused(small_elmo):
    with pytest.raises(ModelError, match="has the layers 0 to 2. Received: layer 3"):
        Embedder(source=str(small_elmo), layer="3").load()


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_each_tokenizer_cuts_as_it_does_in_training(small_elmo, tokenizer):
    texts = ["这部电影, it's good。", "\ufeffa\u200bb"]
    rows = Embedder(source=str(small_elmo), tokenizer=tokenizer).load()(texts)
    expected = tokenize(tf.constant(texts), tokenizer).to_list()
    assert [row["tokens"] for row in rows] == [
        [token.decode() for token in tokens] for tokens in expected
    ]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("tokenizer", ["elmo", "whitespace"])
def test_a_token_without_end_counts_as_cut(small_elmo, tokenizer):
    embedder = Embedder(source=str(small_elmo), pooled=True, tokenizer=tokenizer)
    rows = embedder.load()(["x" * 2**21, "bad"])
    assert [row["text_is_cut"] for row in rows] == [True, False]
