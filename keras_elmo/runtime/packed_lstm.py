"""Packed sentences, and an LSTM layer over them, without a step over padding."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf
from keras import ops

from keras_elmo.lstm import STATE_DTYPE, CellWeights, Gates, LSTMCell
from keras_elmo.tensors import numbers

_GROUP = 16  # floats in a vector register of AVX-512, columns in a tile of AMX
_MANY = 3 * _GROUP  # fewer rows are not rounded: it would cost more than it gives


class Packing(NamedTuple):
    """Where the tokens of a batch lie when they are packed; all int32.

    A step with many rows takes a few more, up to a multiple of 16, which hold
    nothing that is ever read: the products then run at full speed, and the gates
    can be split without a copy.
    """

    rows: tf.Tensor  # (steps,): how many rows take part in each step
    forward: tf.Tensor  # (places,): what each place reads, ahead
    backward: tf.Tensor  # (places,): the same, read back
    forward_places: tf.Tensor  # (tokens,): place of each token between the marks
    backward_places: tf.Tensor  # (tokens,)
    tokens: tf.Tensor  # (tokens, 2): (row, time) of each token, without the marks


def pack(lengths: tf.Tensor, starts: tf.Tensor) -> Packing:
    """Packs sentences; no tensor of it is padded.

    Args:
        lengths: `(batch,)` int32, tokens of each row without its two marks.
        starts: `(batch,)` int32: where the begin of each row stands, as `forward` and
            `backward` shall count.
    """
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    wrapped = tf.gather(lengths, order) + 2
    batch = tf.size(lengths)
    steps = tf.range(tf.reduce_max(tf.pad(wrapped, [[0, 1]])))
    running = batch - tf.searchsorted(wrapped[::-1], steps, side="right")
    rows = tf.where(running < _MANY, running, (running + _GROUP - 1) // _GROUP * _GROUP)
    first = tf.cumsum(rows, exclusive=True)  # place of each step's first row
    rank, time = numbers(rows)
    rank = tf.minimum(rank, batch - 1)  # a spare row repeats the last
    start = tf.gather(starts, tf.gather(order, rank))
    from_end = tf.maximum(tf.gather(wrapped, rank) - 1 - time, 0)

    tokens = token_places(lengths)
    token_rank = tf.gather(tf.math.invert_permutation(order), tokens[:, 0])
    ahead = tokens[:, 1] + 1  # the begin of the sentence comes before
    behind = tf.gather(lengths, tokens[:, 0]) - tokens[:, 1]
    return Packing(
        rows=rows,
        # A spare row has no word of its own at its time; what it reads is not used.
        forward=start + tf.minimum(time, tf.gather(wrapped, rank) - 1),
        backward=start + from_end,
        forward_places=tf.gather(first, ahead) + token_rank,
        backward_places=tf.gather(first, behind) + token_rank,
        tokens=tokens,
    )


def token_places(lengths: tf.Tensor) -> tf.Tensor:
    """Returns int32 `(tokens, 2)`: the row and time of each token, row by row."""
    times, rows = numbers(lengths)
    return tf.stack([rows, times], axis=1)


class Trace(NamedTuple):
    """What the gradient needs of each step, as TensorArrays of `(cell_dim, rows)`."""

    gates: Gates
    c: tf.TensorArray  # the state before each step, and the last

    @classmethod
    def start(cls, steps: tf.Tensor, c: tf.Tensor) -> Trace:
        shape = [c.shape[0], None]
        gates = (step_array(STATE_DTYPE, steps, shape) for _ in Gates._fields)
        states = step_array(STATE_DTYPE, steps + 1, shape)
        return cls(Gates(*gates), states.write(0, c))

    def write(self, time: tf.Tensor, gates: Gates, c: tf.Tensor) -> Trace:
        arrays = zip(self.gates, gates, strict=True)
        written = Gates(*(array.write(time, gate) for array, gate in arrays))
        return Trace(written, self.c.write(time + 1, c))


def initial_state(
    cell: LSTMCell, rows: tf.Tensor, state: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns `c` `(cell_dim, batch)` and `h` `(batch, projection_dim)` for all rows.

    Args:
        cell: The layer's cell.
        rows: `(steps,)` int32, as in `Packing`.
        state: `(c, h)` of shapes `(cell_dim,)` and `(projection_dim,)`.
    """
    batch = tf.reduce_max(tf.pad(rows, [[0, 1]]))  # of no rows, if there are none
    c = tf.tile(ops.cast(state[0], STATE_DTYPE)[:, None], [1, batch])
    return c, tf.tile(ops.cast(state[1], cell.compute_dtype)[None, :], [batch, 1])


def run_packed(
    cell: LSTMCell,
    weights: CellWeights,
    x: tf.Tensor,
    rows: tf.Tensor,
    state: tuple[tf.Tensor, tf.Tensor],
    *,
    keep: bool = False,
) -> tuple[tf.Tensor, Any]:
    """Runs an LSTM layer over packed inputs.

    Args:
        cell: The layer's cell.
        weights: What `cell.read_weights` returns.
        x: `(places, projection_dim)`, packed.
        rows: `(steps,)` int32, as in `Packing`.
        state: `(c, h)` as `initial_state` returns it.
        keep: Whether the steps' trace is kept, for the gradient.

    Returns:
        `(places, projection_dim)`, packed as `x` is; and the trace, or None.
    """
    steps = tf.shape(rows)[0]
    shape = [None, cell.options.projection_dim]
    inputs = step_array(x.dtype, steps, shape).split(x, rows)
    outputs = step_array(x.dtype, steps, shape)
    trace = Trace.start(steps, state[0]) if keep else ()

    def step(time: Any, c: Any, h: Any, outputs: Any, trace: Any) -> tuple[Any, ...]:
        running = rows[time]
        gates = cell.gates(weights, inputs.read(time), h[:running])
        c = cell.next_state(gates, c[:, :running])
        h = cell.output(weights, gates, c)
        if keep:
            trace = trace.write(time, gates, c)
        return time + 1, c, h, outputs.write(time, h), trace

    *_, outputs, trace = tf.while_loop(
        lambda time, *_: time < steps, step, (0, *state, outputs, trace)
    )
    return outputs.concat(), trace if keep else None


def step_array(dtype: Any, steps: tf.Tensor, shape: list[int | None]) -> tf.TensorArray:
    """Returns room for a tensor of each step, of different sizes along one axis."""
    return tf.TensorArray(
        dtype, steps, element_shape=shape, infer_shape=False, clear_after_read=False
    )
