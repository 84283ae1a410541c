"""Poolings: from one vector a token to one vector a text."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

# Width of each direction of the BiLSTM; no unit. 128 is what the sentence
# classifiers of Conneau et al. 2017 (arXiv:1705.02364) start from.
LSTM_UNITS = 128


class _MaskedPooling(keras.layers.Layer):
    """Gives `(batch, dim)` from `(batch, time, dim)` and a mask `(batch, time)`.

    Keras's own poolings divide by zero, or ignore the mask, where a text has no
    token. Here such a text gives zeros.
    """

    def compute_output_shape(
        self, vectors_shape: tuple[int | None, ...], is_token_shape: Any
    ) -> tuple[int | None, ...]:
        return (vectors_shape[0], vectors_shape[2])


class MaskedMean(_MaskedPooling):
    """The mean over the real tokens; zeros for a text without any."""

    def call(self, vectors: Any, is_token: Any) -> Any:
        weights = ops.expand_dims(ops.cast(is_token, vectors.dtype), -1)
        count = ops.sum(weights, axis=1)  # (batch, 1)
        return ops.sum(vectors * weights, axis=1) / ops.maximum(count, 1.0)


class MaskedMax(_MaskedPooling):
    """The largest value of each dimension over the real tokens; zeros without any."""

    def call(self, vectors: Any, is_token: Any) -> Any:
        is_token = ops.expand_dims(is_token, -1)  # (batch, time, 1)
        lowest = ops.cast(-1e9, vectors.dtype)
        largest = ops.max(ops.where(is_token, vectors, lowest), axis=1)
        return ops.where(ops.any(is_token, axis=1), largest, 0.0)


class MaskedAttention(_MaskedPooling):
    """A mean weighted by a softmax over the real tokens; zeros without any.

    A token's score is the inner product of its vector with one learned query, which
    starts at zero: the first training step sees the plain mean.

    Source: Lin et al. 2017, arXiv:1703.03130, equation 5, with one hop and no
        hidden layer.
    """

    def build(self, vectors_shape: tuple[int | None, ...], is_token_shape: Any) -> None:
        self.query = self.add_weight(
            shape=(vectors_shape[-1], 1), initializer="zeros", name="query"
        )
        self.built = True

    def call(self, vectors: Any, is_token: Any) -> Any:
        is_token = ops.expand_dims(is_token, -1)  # (batch, time, 1)
        scores = ops.matmul(vectors, ops.cast(self.query, vectors.dtype))
        scores = ops.where(is_token, scores, ops.cast(-1e9, scores.dtype))
        weights = ops.softmax(scores, axis=1) * ops.cast(is_token, scores.dtype)
        return ops.sum(vectors * weights, axis=1)


def pool(kind: str, vectors: Any, is_token: Any) -> Any:
    """Gives `(batch, dim)` from `(batch, time, dim)`, reading real tokens only.

    Args:
        kind: `mean`, `max`, `attention` or `bilstm`; the last gives the final states
            of both directions, `2 * LSTM_UNITS` wide.
        vectors: `(batch, time, dim)` float.
        is_token: `(batch, time)` bool; real tokens stand before all padding.

    Raises:
        ValueError: `kind` is none of the four.
    """
    if kind == "bilstm":
        lstm = keras.layers.LSTM(LSTM_UNITS)
        return keras.layers.Bidirectional(lstm, name="bilstm")(vectors, mask=is_token)
    poolings = {"mean": MaskedMean, "max": MaskedMax, "attention": MaskedAttention}
    if kind not in poolings:
        allowed = ", ".join([*poolings, "bilstm"])
        raise ValueError(f"`pooling` must be one of {allowed}. Received: {kind!r}")
    return poolings[kind](name=f"{kind}_pooling")(vectors, is_token)
