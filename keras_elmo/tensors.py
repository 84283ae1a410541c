"""Tokens in, outputs out: the forms of both, and what leads from one to the other.

Inside, a batch is packed: its tokens lie one after the other, without padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

MIXED = ("elmo", "default")
OUTPUTS = ("elmo", "word_emb", "lstm_outputs1", "lstm_outputs2", "layers", "default")


def as_tensor(inputs: Any) -> tf.Tensor:
    """Returns a dense tensor of lists, nested lists, arrays or a RaggedTensor.

    Raises:
        ValueError: For lists of anything but strings, or of both texts and lists.
    """
    if isinstance(inputs, (list, tuple)):
        inputs = _of_lists(inputs)
    if isinstance(inputs, tf.RaggedTensor):
        return inputs.to_tensor("" if inputs.dtype == tf.string else None)
    return tf.convert_to_tensor(inputs)


def as_tokens(inputs: tf.Tensor, max_tokens: int | None) -> tf.Tensor:
    """Returns tokens `(batch, time)`, padded with `""` and cut at their end.

    Args:
        inputs: string: tokens `(batch, time)`, or texts `(batch,)` or `(batch, 1)`,
            which are split as google/elmo splits them: at spaces.
        max_tokens: Where to cut, or None. Time is then also no longer than the
            longest text, so that nothing is computed for padding alone.

    Raises:
        ValueError: For inputs of any other rank.
    """
    if inputs.shape.rank == 2 and inputs.shape[1] == 1:
        inputs = inputs[:, 0]
    if inputs.shape.rank == 1:
        inputs = tf.strings.split(inputs, " ")
        inputs = tf.ragged.boolean_mask(inputs, inputs != "").to_tensor("")
    check_rank(inputs.shape)
    if max_tokens is None:
        return inputs
    inputs = inputs[:, :max_tokens]
    longest = tf.reduce_max(tf.concat([[0], token_counts(inputs)], axis=0))
    return inputs[:, :longest]


def token_counts(tokens: tf.Tensor) -> tf.Tensor:
    """Returns `(batch,)` int32: the position after each row's last token."""
    after = tf.range(1, tf.shape(tokens)[1] + 1)[None, :]
    ends = tf.where(tokens != "", after, 0)
    return tf.reduce_max(tf.pad(ends, [[0, 0], [1, 0]]), axis=1)


def check_rank(shape: Any) -> None:
    """Refuses what are neither tokens nor texts.

    Args:
        shape: A tensor's shape, as far as it is known.

    Raises:
        ValueError: For any other rank than 1 and 2.
    """
    if len(shape) not in (1, 2):
        raise ValueError(
            "`ElmoEmbeddingLayer` takes tokens (batch, time) or texts (batch,). "
            f"Received: inputs of shape {tuple(shape)}"
        )


def _of_lists(inputs: Any) -> tf.Tensor | tf.RaggedTensor:
    # Where nothing shows the dtype, TensorFlow would take float.
    dtype = None if _has_items(inputs) else tf.string
    try:
        if any(isinstance(item, (list, tuple)) for item in inputs):
            return tf.ragged.constant(inputs, dtype)
        return tf.convert_to_tensor(inputs, dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "`ElmoEmbeddingLayer` takes a list of texts or a list of lists of tokens, "
            f"all of them strings. Received: a list of which TensorFlow says: {error}"
        ) from error


def _has_items(inputs: Any) -> bool:
    """Whether there is anything in nested lists but lists."""
    if not isinstance(inputs, (list, tuple)):
        return True
    return any(_has_items(item) for item in inputs)


def select(layers: Sequence[tf.Tensor], output: str) -> tf.Tensor:
    """Returns the output that needs no mix: of `layers`, each `(tokens, dim)`."""
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
    """Returns the mean `(batch, dim)` of `x` `(batch, time, dim)` over the tokens."""
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
    """Returns the static shape of one output tensor."""
    batch = input_shape[0]
    is_text = len(input_shape) == 1 or input_shape[1] == 1
    time = max_tokens or (None if is_text else input_shape[1])
    if output == "default":
        return (batch, dim)
    if output == "layers":
        return (batch, num_layers, time, dim)
    return (batch, time, dim // 2 if output == "word_emb" else dim)
