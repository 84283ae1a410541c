"""The classifier's parts: shapes, masks, texts without tokens, poolings."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.training.model import (
    MaskedAttention,
    TokenClassifier,
    build_encoder,
    build_head,
    head_inputs,
    pool,
)

OPTIONS = {
    "pooling": "mean",
    "hidden_units": 4,
    "embedding_dropout": 0.5,
    "dropout": 0.5,
    "ngram_rows": 0,
    "word_vectors": True,
    "pretrained_branch": False,
}


def head(**options):
    return build_head({**OPTIONS, **options}, num_classes=3, num_layers=2, dim=5)


@pytest.mark.parametrize("ngram_rows", [0, 10])
@pytest.mark.parametrize("pooling", ["mean", "max", "attention", "bilstm"])
def test_probabilities_sum_to_one_even_without_a_token(pooling, ngram_rows):
    layers = np.random.default_rng(1).normal(size=(2, 2, 3, 5)).astype("float32")
    tokens = np.array([["a", "b", ""], [""] * 3])
    layers *= (tokens != "")[:, None, :, None]
    model = head(pooling=pooling, ngram_rows=ngram_rows)
    probabilities = model(list(head_inputs(tf.constant(layers), tokens, model)))
    assert probabilities.shape == (2, 3)
    np.testing.assert_allclose(np.sum(probabilities, axis=1), 1, rtol=1e-5)


def test_the_hidden_layer_reads_single_tokens():
    hidden = head(hidden_units=4).get_layer("hidden")
    assert hidden.output.shape == (None, None, 4)


def test_no_hidden_units_means_no_hidden_layer():
    names = [layer.name for layer in head(hidden_units=0).layers]
    assert "hidden" not in names and "probabilities" in names


def test_ngrams_add_to_the_logits_of_the_elmo_part():
    layers = np.random.default_rng(1).normal(size=(1, 2, 2, 5)).astype("float32")
    tokens = np.array([["good", "film"]])
    model = head(ngram_rows=100)
    inputs = list(head_inputs(tf.constant(layers), tokens, model))
    before = np.log(model(inputs))
    ngram_logits = model.get_layer("ngram_logits")
    ngram_logits.scales.assign(np.ones(100))
    ngram_logits.table.assign(np.tile([0.0, 0.0, 1.0], (100, 1)))
    after = np.log(model(inputs))
    added = (after - before) - (after - before)[:, :1]
    np.testing.assert_allclose(added, [[0, 0, 3 / 3**0.5]], atol=1e-5)


@pytest.mark.parametrize("where", ["embedding_dropout", "dropout"])
def test_values_are_dropped_in_training_alone(where):
    model = head(**{"embedding_dropout": 0.0, "dropout": 0.0, where: 0.5})
    layers = np.random.default_rng(1).normal(size=(1, 2, 3, 5)).astype("float32")
    inputs = [layers, np.ones((1, 3), bool)]

    def differ(*, training):
        first, *others = (np.array(model(inputs, training=training)) for _ in range(4))
        return any(np.abs(first - other).max() > 1e-6 for other in others)

    assert differ(training=True) and not differ(training=False)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least 2. Received: 1"):
        build_head(OPTIONS, num_classes=1, num_layers=2, dim=5)


def test_a_frozen_encoder_has_nothing_to_train(small_elmo):
    encoder = build_encoder({"source": str(small_elmo), "trainable": False})
    assert not encoder.trainable_variables
    encoder = build_encoder({"source": str(small_elmo), "trainable": True})
    # All of it: the head has a mix of its own, so the encoder's is not one of them.
    assert len(encoder.trainable_variables) == len(encoder.bilm.trainable_variables)


def test_the_same_text_gets_the_same_answer_in_any_batch(small_elmo):
    encoder = build_encoder({"source": str(small_elmo)})
    model = TokenClassifier(
        encoder,
        build_head(
            {**OPTIONS, "pooling": "attention", "ngram_rows": 100},
            num_classes=2,
            num_layers=encoder.num_layers,
            dim=encoder.dim,
        ),
    )
    ngram_logits = model.head.get_layer("ngram_logits")
    ngram_logits.scales.assign(np.ones(100))
    ngram_logits.table.assign(np.random.default_rng(1).normal(size=(100, 2)) / 10)
    together = model(np.array([["a", "b", ""], ["c", "d", "e"], ["", "", ""]]))
    alone = model(np.array([["a", "b"]]))
    np.testing.assert_allclose(together[:1], alone, atol=1e-6)
    assert np.isfinite(together).all()


# Poolings, against values worked out by hand.
VECTORS = np.array(
    [[[1, 8], [3, -4], [90, 90]], [[-5, -6], [90, 90], [90, 90]], [[9, 9]] * 3],
    np.float32,
)
IS_TOKEN = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]], bool)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("mean", [[2, 2], [-5, -6], [0, 0]]),
        ("max", [[3, 8], [-5, -6], [0, 0]]),
        ("attention", [[2, 2], [-5, -6], [0, 0]]),  # its query starts at zero
    ],
)
def test_padding_is_not_pooled_and_no_token_gives_zeros(kind, expected):
    np.testing.assert_allclose(pool(kind, VECTORS, IS_TOKEN), expected)


def test_attention_weighs_tokens_by_the_query():
    layer = MaskedAttention()
    layer.build((None, None, 2), (None, None))
    layer.query.assign([[np.log(3.0) / 2], [0.0]])
    # Scores differ by log 3, so the weights are 1/4 and 3/4.
    np.testing.assert_allclose(
        layer(VECTORS, IS_TOKEN)[0], [(1 + 3 * 3) / 4, (8 - 3 * 4) / 4], rtol=1e-5
    )


def test_the_bilstm_does_not_read_padding():
    inputs = keras.Input((None, 2)), keras.Input((None,), dtype="bool")
    model = keras.Model(inputs, pool("bilstm", *inputs))
    padded = model([VECTORS, IS_TOKEN])
    alone = model([VECTORS[:1, :2], IS_TOKEN[:1, :2]])
    np.testing.assert_allclose(padded[:1], alone, atol=1e-6)
    assert not np.any(padded[2])


def test_an_unknown_pooling_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="mean, max, attention, bilstm.*'median'"):
        pool("median", VECTORS, IS_TOKEN)
