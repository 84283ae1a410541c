"""The forms in which tokens reach the layer, made one."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def as_tensor(inputs: Any) -> tf.Tensor:
    """Makes a dense tensor of lists, nested lists, arrays or a RaggedTensor.

    Raises:
        ValueError: For lists that mix texts, lists of tokens, and what is no string.
    """
    if isinstance(inputs, (list, tuple)):
        inputs = _of_lists(inputs)
    if isinstance(inputs, tf.RaggedTensor):
        return inputs.to_tensor("" if inputs.dtype == tf.string else None)
    return tf.convert_to_tensor(inputs)


def as_tokens(inputs: tf.Tensor, max_tokens: int | None) -> tf.Tensor:
    """Gives tokens `(batch, time)`, padded with `""` and cut at their end.

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
    """Gives `(batch,)` int32: the position after each row's last token."""
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
