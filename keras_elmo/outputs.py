"""What the layer gives, by name: which layers, in which shape."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

MIXED = ("elmo", "default")
OUTPUTS = ("elmo", "word_emb", "lstm_outputs1", "lstm_outputs2", "layers", "default")


def select(layers: Sequence[tf.Tensor], output: str) -> tf.Tensor:
    """Gives the output that needs no mix: of `layers`, each `(tokens, dim)`."""
    if output == "layers":
        return tf.stack(layers, axis=1)  # (tokens, layers, dim)
    if output == "word_emb":
        return layers[0][:, : layers[0].shape[-1] // 2]  # its two halves are alike
    return layers[int(output.removeprefix("lstm_outputs"))]


def unpack(
    x: tf.Tensor, places: tf.Tensor, shape: tf.Tensor, max_tokens: int | None
) -> tf.Tensor:
    """Puts packed tokens where they belong in their texts, zeros elsewhere.

    Args:
        x: `(tokens, ..., dim)`.
        places: int32 `(tokens, 2)`, row and time of each token.
        shape: int32 `(2,)`, batch and time.
        max_tokens: Time of the result; None for that of `shape`.

    Returns:
        `(batch, time, dim)`, or `(batch, layers, time, dim)` for `x` of rank 3.
    """
    batch = shape[0]
    time = shape[1] if max_tokens is None else max_tokens
    padded = tf.scatter_nd(places, x, tf.stack([batch, time, *x.shape[1:]]))
    padded = tf.ensure_shape(padded, [None, max_tokens, *x.shape[1:]])
    return padded if x.shape.rank == 2 else tf.transpose(padded, [0, 2, 1, 3])


def mean(x: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Gives the mean `(batch, dim)` of `x` `(batch, time, dim)` over the tokens."""
    count = tf.cast(tf.maximum(lengths, 1), x.dtype)
    return tf.reduce_sum(x, axis=1) / count[:, None]  # padding is zero


def output_shape(
    input_shape: Sequence[int | None],
    *,
    output: str,
    max_tokens: int | None,
    num_layers: int,
    dim: int,
) -> tuple[int | None, ...]:
    """Gives the static shape of one output tensor."""
    batch = input_shape[0]
    is_text = len(input_shape) == 1 or input_shape[1] == 1
    time = max_tokens or (None if is_text else input_shape[1])
    if output == "default":
        return (batch, dim)
    if output == "layers":
        return (batch, num_layers, time, dim)
    return (batch, time, dim // 2 if output == "word_emb" else dim)
