"""The forms in which tokens reach the layer, made one."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def as_tensor(inputs: Any) -> tf.Tensor:
    """Makes a dense tensor of lists, nested lists, arrays or a RaggedTensor."""
    if isinstance(inputs, (list, tuple)):
        # Where nothing shows the dtype, TensorFlow would take float.
        dtype = None if _has_items(inputs) else tf.string
        if any(isinstance(item, (list, tuple)) for item in inputs):
            inputs = tf.ragged.constant(inputs, dtype)
        else:
            inputs = tf.convert_to_tensor(inputs, dtype)
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
    if inputs.shape.rank != 2:
        raise ValueError(
            "`ElmoEmbeddingLayer` takes tokens (batch, time) or texts (batch,). "
            f"Received: inputs of shape {inputs.shape}"
        )
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


def _has_items(inputs: Any) -> bool:
    """Whether there is anything in nested lists but lists."""
    if not isinstance(inputs, (list, tuple)):
        return True
    return any(_has_items(item) for item in inputs)
