"""Sentences of different lengths, packed so that no step computes padding.

The rows of a batch are ordered by falling length. At each time only the rows that
still have a token take a step: the first ones. What they read and write lies one
time after the other, `(places, dim)`, without gaps.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

_GROUP = 16  # floats in a vector register of AVX-512, columns in a tile of AMX
_MANY = 3 * _GROUP  # fewer rows are not rounded: it would cost more than it gives


class Packing(NamedTuple):
    """Where the tokens of a batch lie when they are packed; all int32.

    A step with many rows takes a few more, up to a multiple of 16, which hold
    nothing that is ever read: the products then run at full speed, and the gates
    can be parted without a copy.
    """

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
    running = tf.reduce_sum(tf.cast(tf.sequence_mask(wrapped), tf.int32), axis=0)
    rows = tf.where(running < _MANY, running, (running + _GROUP - 1) // _GROUP * _GROUP)
    places = tf.cast(tf.where(tf.sequence_mask(rows)), tf.int32)
    time, rank = places[:, 0], places[:, 1]
    rank = tf.minimum(rank, tf.shape(lengths)[0] - 1)  # a row to spare repeats the last
    row = tf.gather(order, rank)
    from_end = tf.maximum(tf.gather(wrapped, rank) - 1 - time, 0)

    tokens = token_places(lengths)
    first = tf.cumsum(rows, exclusive=True)  # place of each step's first row
    token_rank = tf.gather(tf.math.invert_permutation(order), tokens[:, 0])
    ahead = tokens[:, 1] + 1  # the begin of the sentence comes before
    behind = tf.gather(lengths, tokens[:, 0]) - tokens[:, 1]
    return Packing(
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
