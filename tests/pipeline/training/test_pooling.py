"""Poolings against values worked out by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from pipeline.training.model import MaskedAttention, pool

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
