"""Sentences of different lengths, packed so that no step computes padding.

The rows of a batch are ordered by falling length. At each time only the rows that
still have a token take a step: the first ones. What they read and write lies one
time after the other, `(places, dim)`, without gaps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf
from keras import ops

from keras_elmo.bilm import BiLM
from keras_elmo.lstm import STATE_DTYPE, LSTMCell


class Packing(NamedTuple):
    """Where the tokens of a batch lie when they are packed; all int32."""

    order: tf.Tensor  # (batch,): the rows by falling length
    rows: tf.Tensor  # (steps,): how many rows take part in each step
    forward: tf.Tensor  # (places, 2): (row, time) of each place, read ahead
    backward: tf.Tensor  # (places, 2): the same, read back
    forward_places: tf.Tensor  # (tokens,): place of each token between the marks
    backward_places: tf.Tensor  # (tokens,)
    tokens: tf.Tensor  # (tokens, 2): (row, time) of each token, without the marks


def pack(lengths: tf.Tensor) -> Packing:
    """Packs sentences of `lengths` `(batch,)` int32 tokens and two marks each."""
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    wrapped = tf.gather(lengths, order) + 2
    running = tf.sequence_mask(wrapped)  # (batch, steps)
    rows = tf.reduce_sum(tf.cast(running, tf.int32), axis=0)
    places = tf.cast(tf.where(tf.transpose(running)), tf.int32)
    time, rank = places[:, 0], places[:, 1]
    row = tf.gather(order, rank)
    from_end = tf.gather(wrapped, rank) - 1 - time

    tokens = token_places(lengths)
    first = tf.cumsum(rows, exclusive=True)  # place of each step's first row
    token_rank = tf.gather(tf.math.invert_permutation(order), tokens[:, 0])
    ahead = tokens[:, 1] + 1  # the begin of the sentence comes before
    behind = tf.gather(lengths, tokens[:, 0]) - tokens[:, 1]
    return Packing(
        order=order,
        rows=rows,
        forward=tf.stack([row, time], axis=1),
        backward=tf.stack([row, from_end], axis=1),
        forward_places=tf.gather(first, ahead) + token_rank,
        backward_places=tf.gather(first, behind) + token_rank,
        tokens=tokens,
    )


def token_places(lengths: tf.Tensor) -> tf.Tensor:
    """Gives int32 `(tokens, 2)`: the row and time of each token, row by row."""
    return tf.cast(tf.where(tf.sequence_mask(lengths)), tf.int32)


def run_packed(cell: LSTMCell, x: tf.Tensor, rows: tf.Tensor, state: Any) -> tf.Tensor:
    """Runs an LSTM layer over packed inputs.

    Args:
        cell: The layer's cell.
        x: `(places, projection_dim)`, packed.
        rows: `(steps,)` int32, as in `Packing`.
        state: `(c, h)` of shapes `(cell_dim,)` and `(projection_dim,)`: where every
            sentence starts.

    Returns:
        `(places, projection_dim)`, packed as `x` is.
    """
    weights = cell.read_weights()
    dim = cell.output_size
    steps = tf.shape(rows)[0]
    inputs = tf.TensorArray(
        x.dtype, steps, element_shape=[None, dim], infer_shape=False
    ).split(x, rows)
    outputs = tf.TensorArray(
        x.dtype, steps, element_shape=[None, dim], infer_shape=False
    )
    batch = tf.reduce_max(tf.pad(rows, [[0, 1]]))
    c = tf.tile(ops.cast(state[0], STATE_DTYPE)[:, None], [1, batch])
    h = tf.tile(ops.cast(state[1], x.dtype)[None, :], [batch, 1])

    def step(time: Any, c: Any, h: Any, outputs: Any) -> tuple[Any, Any, Any, Any]:
        running = rows[time]
        c, h = cell.step(weights, inputs.read(time), c[:, :running], h[:running])
        return time + 1, c, h, outputs.write(time, h)

    *_, outputs = tf.while_loop(lambda time, *_: time < steps, step, (0, c, h, outputs))
    return outputs.concat()


def contextual_layers(
    bilm: BiLM, vectors: tf.Tensor, ids: tf.Tensor, packing: Packing, states: Any
) -> list[tf.Tensor]:
    """Runs both directions over packed sentences.

    Args:
        bilm: The model.
        vectors: `(words, projection_dim)`, the vector of each distinct word.
        ids: `(batch, time + 2)` int32: which of them stands where, the marks of the
            sentence included.
        packing: Of the batch.
        states: `(forward, backward)`, each a `(c, h)` for every layer, for all rows.

    Returns:
        Every layer `(tokens, dim)`, the token vector twice as the first, in the
        order of `packing.tokens`.
    """
    skips = bilm.options.use_skip_connections
    directions = []
    for stack, where, places, start in (
        (bilm.forward_lstm, packing.forward, packing.forward_places, states[0]),
        (bilm.backward_lstm, packing.backward, packing.backward_places, states[1]),
    ):
        x = tf.gather(vectors, tf.gather_nd(ids, where))  # (places, projection_dim)
        layers = [tf.gather(x, places)]
        for number, (layer, state) in enumerate(zip(stack.layers, start, strict=True)):
            output = run_packed(layer.cell, x, packing.rows, state)
            x = output + x if number and skips else output
            layers.append(tf.gather(x, places))
        directions.append(layers)
    return [tf.concat(both, axis=-1) for both in zip(*directions, strict=True)]
