"""The gradient of a packed LSTM layer, with one product for each matrix of weights.

TensorFlow's own would add to matrices of the weights' size in every step, which for
the original ELMo costs more than the step's products.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_elmo.lstm import STATE_DTYPE, CellWeights, Gates, LSTMCell
from keras_elmo.runtime.packed_lstm import Trace, run_packed, step_array


def run_packed_with_gradient(
    cell: LSTMCell,
    weights: CellWeights,
    x: tf.Tensor,
    rows: tf.Tensor,
    state: tuple[tf.Tensor, tf.Tensor],
) -> tf.Tensor:
    """Returns what `run_packed` returns, ready to learn; `state` gets no gradient."""
    # TensorFlow keeps the function below for ever, and so all that it refers to: a cell
    # that was never built brings no weights along.
    cell = LSTMCell(cell.options, name="step", dtype=cell.dtype_policy)

    @tf.custom_gradient
    def run(x: tf.Tensor, *parts: tf.Tensor) -> tuple[tf.Tensor, Any]:
        weights = CellWeights(*parts)
        outputs, trace = run_packed(cell, weights, x, rows, state, keep=True)

        def gradient(d_outputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
            by_step = _Steps(cell, weights, rows, outputs, trace, d_outputs)
            d_both, d_gates, d_output, active = by_step.backward()
            dim = cell.options.projection_dim
            both = tf.concat([x, _previous_outputs(outputs, rows, state[1])], axis=-1)
            d_kernel = tf.matmul(d_gates, both, transpose_a=True)
            d_bias = tf.reduce_sum(tf.cast(d_gates, STATE_DTYPE), axis=0)[:, None]
            gradients = (d_both[:, :dim], d_kernel, d_bias)
            if weights.projection is None:
                return gradients
            return *gradients, tf.matmul(d_output, active, transpose_a=True)

        return outputs, gradient

    return run(x, *(part for part in weights if part is not None))


class _Steps:
    """The steps of a layer, taken back from the last to the first."""

    def __init__(
        self,
        cell: LSTMCell,
        weights: CellWeights,
        rows: tf.Tensor,
        outputs: tf.Tensor,
        trace: Trace,
        d_outputs: tf.Tensor,
    ) -> None:
        self.options = cell.options
        self.weights = weights
        self.rows = rows
        self.trace = trace
        self.dtype = outputs.dtype
        self.steps = tf.shape(rows)[0]
        self.h = self._array(cell.options.projection_dim).split(outputs, rows)
        self.d_h = self._array(cell.options.projection_dim).split(d_outputs, rows)

    def _array(self, dim: int) -> tf.TensorArray:
        return step_array(self.dtype, self.steps, [None, dim])

    def backward(self) -> list[tf.Tensor]:
        """Returns what adds up to the gradients, packed as the outputs are.

        Returns:
            The gradients of the inputs and the last outputs `(places,
            2 * projection_dim)`, of the gates before they are squashed `(places,
            4 * cell_dim)` and of the unclipped output `(places, projection_dim)`;
            and what was projected to it, `(places, cell_dim)`.
        """
        cell_dim, dim = self.options.cell_dim, self.options.projection_dim
        widths = (2 * dim, 4 * cell_dim, dim, cell_dim)
        arrays = tuple(self._array(width) for width in widths)
        d_c = tf.zeros([cell_dim, 0], STATE_DTYPE)  # no row runs after the last step
        d_h = tf.zeros([0, dim], self.dtype)
        *_, arrays = tf.while_loop(
            lambda time, *_: time >= 0,
            self._step,
            (self.steps - 1, d_c, d_h, arrays),
            shape_invariants=(
                tf.TensorShape([]),
                tf.TensorShape([cell_dim, None]),
                tf.TensorShape([None, dim]),
                tuple(tf.TensorShape(None) for _ in arrays),
            ),
        )
        return [array.concat() for array in arrays]

    def _step(self, time: Any, d_c: Any, d_h: Any, arrays: Any) -> tuple[Any, ...]:
        options, dim = self.options, self.options.projection_dim
        rows = self.rows[time]
        # Rows that end here have no gradient from a later step.
        ended = rows - tf.shape(d_h)[0]
        d_h = self.d_h.read(time) + tf.pad(d_h, [[0, ended], [0, 0]])
        d_c = tf.pad(d_c, [[0, 0], [0, ended]])
        gates = Gates(*(array.read(time) for array in self.trace.gates))
        c = self.trace.c.read(time + 1)
        squashed = tf.tanh(c)
        d_output = tf.transpose(d_h)  # of what leaves the cell, (cell_dim, rows)
        if self.weights.projection is not None:
            d_h = _where_unclipped(self.h.read(time), options.proj_clip, d_h)
            d_output = tf.matmul(
                self.weights.projection, d_h, transpose_a=True, transpose_b=True
            )
        d_output = tf.cast(d_output, STATE_DTYPE)
        d_c = d_c + d_output * gates.o * (1.0 - tf.square(squashed))
        d_c = _where_unclipped(c, options.cell_clip, d_c)
        d_gates = _before_squashing(
            gates,
            Gates(
                i=d_c * gates.j,
                j=d_c * gates.i,
                f=d_c * self.trace.c.read(time)[:, :rows],
                o=d_output * squashed,
            ),
        )
        d_gates = tf.cast(tf.concat(d_gates, axis=0), self.dtype)
        d_both = tf.matmul(d_gates, self.weights.kernel, transpose_a=True)
        active = tf.cast(gates.o * squashed, self.dtype)
        parts = (d_both, tf.transpose(d_gates), d_h, tf.transpose(active))
        arrays = tuple(
            array.write(time, part) for array, part in zip(arrays, parts, strict=True)
        )
        return time - 1, d_c * gates.f, d_both[:, dim:], arrays


def _before_squashing(gates: Gates, d: Gates) -> Gates:
    """Takes the gradient of the gates' values back over sigmoid and tanh."""
    return Gates(
        i=d.i * gates.i * (1.0 - gates.i),
        j=d.j * (1.0 - tf.square(gates.j)),
        f=d.f * gates.f * (1.0 - gates.f),
        o=d.o * gates.o * (1.0 - gates.o),
    )


def _where_unclipped(x: tf.Tensor, bound: float | None, gradient: tf.Tensor) -> Any:
    """Stops the gradient where the clipped `x` lies on its bound."""
    if not bound:
        return gradient
    return tf.where(tf.abs(x) < bound, gradient, tf.zeros([], gradient.dtype))


def _previous_outputs(outputs: tf.Tensor, rows: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
    """Returns the `h` that each step began with, `(places, projection_dim)`."""
    later = tf.range(tf.shape(h)[0], tf.shape(outputs)[0])  # places after step 0
    return tf.concat(
        [h, tf.gather(outputs, later - tf.repeat(rows[:-1], rows[1:]))], axis=0
    )
