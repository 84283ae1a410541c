"""One direction of the biLM: LSTM layers with projection, clipping and skips."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_elmo.options import BiLMOptions
from keras_elmo.part import Part
from keras_elmo.whole_checkpoints import WholeInCheckpoints

FORGET_BIAS = 1.0  # added at run time, not part of the stored bias
STATE_DTYPE = "float32"  # of the cell state: in half precision its sum would drift


class CellWeights(NamedTuple):
    """The weights of a cell as its steps use them, read and cast once."""

    kernel: Any  # (4 * cell_dim, 2 * projection_dim)
    bias: Any  # (4 * cell_dim, 1) float32, the forget bias included
    projection: Any = None  # (projection_dim, cell_dim)


class Gates(NamedTuple):
    """The values of a step's gates, each `(cell_dim, rows)` float32."""

    i: Any  # input
    j: Any  # candidate
    f: Any  # forget
    o: Any  # output


class LSTMCell(keras.layers.Layer):
    """One step of an LSTM with projection, in the order of axes that runs fastest.

    Weights and cell states have the cell's units as their first axis. The product
    then takes the large matrix as its left operand, as it lies in memory, where as
    the right one it would be packed anew in every step; and the gates are split
    without a copy.

    Args:
        options: Sizes of the model.
    """

    def __init__(self, options: BiLMOptions, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.options = options

    def build(self, *_: Any) -> None:
        cell_dim, dim = self.options.cell_dim, self.options.projection_dim
        self.kernel = self.add_weight(
            shape=(4 * cell_dim, 2 * dim), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(
            shape=(4 * cell_dim,), initializer="zeros", name="bias"
        )
        self.projection = None
        if self.options.has_projection:
            self.projection = self.add_weight(
                shape=(dim, cell_dim), initializer="glorot_uniform", name="projection"
            )
        self.built = True

    def read_weights(self) -> CellWeights:
        """Reads the weights in the dtype of the products."""
        input_gate, candidate, forget, output = ops.split(
            ops.cast(self.bias, STATE_DTYPE)[:, None], 4
        )
        bias = ops.concatenate([input_gate, candidate, forget + FORGET_BIAS, output])
        projection = self.projection
        if projection is not None:
            projection = ops.cast(projection, self.compute_dtype)
        return CellWeights(ops.cast(self.kernel, self.compute_dtype), bias, projection)

    def gates(self, weights: CellWeights, x: Any, h: Any) -> Gates:
        """Returns the gates' values for `x` and `h`, each `(rows, projection_dim)`."""
        both = ops.transpose(ops.concatenate([x, h], axis=-1))
        z = ops.cast(ops.matmul(weights.kernel, both), STATE_DTYPE) + weights.bias
        i, j, f, o = ops.split(z, 4)
        return Gates(ops.sigmoid(i), ops.tanh(j), ops.sigmoid(f), ops.sigmoid(o))

    def next_state(self, gates: Gates, c: Any) -> Any:
        """Returns the cell state `(cell_dim, rows)` after the one before, `c`."""
        c = gates.f * c + gates.i * gates.j
        return clip(c, self.options.cell_clip)  # the clipped value is the state

    def output(self, weights: CellWeights, gates: Gates, c: Any) -> Any:
        """Returns `h`, `(rows, projection_dim)`, for the new cell state."""
        h = ops.cast(gates.o * ops.tanh(c), self.compute_dtype)
        if weights.projection is not None:
            h = clip(ops.matmul(weights.projection, h), self.options.proj_clip)
        return ops.transpose(h)


class _Step(keras.layers.Layer):
    """A cell as `keras.layers.RNN` takes it: batch first, every state float32.

    Args:
        cell: The cell.

    Inputs:  `(batch, projection_dim)` float; the state `c`, `(batch, cell_dim)`, and
        `h`, `(batch, projection_dim)`.
    Outputs: the new `h`, and the new state.
    """

    def __init__(self, cell: LSTMCell, **kwargs: Any) -> None:
        super().__init__(dtype=STATE_DTYPE, **kwargs)  # RNN makes the states so
        self.cell = cell
        self.state_size = [cell.options.cell_dim, cell.options.projection_dim]
        self.output_size = cell.options.projection_dim
        self.built = True

    def call(self, x: Any, states: Any) -> tuple[Any, list[Any]]:
        cell, (c, h) = self.cell, states
        weights = cell.read_weights()
        x, h = (ops.cast(value, cell.compute_dtype) for value in (x, h))
        gates = cell.gates(weights, x, h)
        c = cell.next_state(gates, ops.transpose(c))
        h = ops.cast(cell.output(weights, gates, c), STATE_DTYPE)
        return h, [ops.transpose(c), h]


@keras.saving.register_keras_serializable("keras_elmo")
class ProjectedLSTM(Part):
    """An LSTM layer whose output is projected down and fed back.

    Args:
        options: Sizes of the model.
        unroll: Whether the steps are laid out in the graph; for short, fixed times.

    Inputs:  `(batch, time, projection_dim)` float; an initial state `(c, h)` of
        shapes `(batch, cell_dim)` float32 and `(batch, projection_dim)`; `is_token`
        `(batch, time)` bool, where False freezes the state, or None.
    Outputs: `(batch, time, projection_dim)` float, and the last state `(c, h)`.
    Source:  Sak et al. 2014, arXiv:1402.1128, without peepholes; gates are stored
        in the order input, candidate, forget, output, as in bilm-tf's files.
    """

    def __init__(
        self, options: BiLMOptions, *, unroll: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        self.cell = LSTMCell(options, name="cell", dtype=self.dtype_policy)
        self.rnn = keras.layers.RNN(
            _Step(self.cell, name="step"),
            return_sequences=True,
            return_state=True,
            unroll=unroll,
            name="rnn",
            dtype=STATE_DTYPE,
        )

    def build(self, *_: Any) -> None:
        self.cell.build()
        self.built = True

    def call(self, x: Any, state: Any, is_token: Any = None) -> tuple[Any, list[Any]]:
        output, *last = self.rnn(x, initial_state=list(state), mask=is_token)
        return ops.cast(output, self.compute_dtype), last


@keras.saving.register_keras_serializable("keras_elmo")
class LSTMStack(WholeInCheckpoints):
    """The LSTM layers of one direction, read from the first position to the last.

    Args:
        options: Sizes of the model.
        dropout: Share of each layer's input set to zero in training.
        unroll: Whether the steps are laid out in the graph.

    Inputs:  `(batch, time, projection_dim)` float; `states`, a `(c, h)` for each
        layer; a mask `(batch, time)` bool or None.
    Outputs: a list with the output of every layer, `(batch, time,
        projection_dim)`, and a list with the last state of every layer.
    """

    def __init__(
        self,
        options: BiLMOptions,
        *,
        dropout: float = 0.0,
        unroll: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        self.options = options
        policy = self.dtype_policy
        self.dropout = keras.layers.Dropout(dropout, dtype=policy) if dropout else None
        self.layers = [
            ProjectedLSTM(
                options, unroll=unroll, name=f"lstm_{i}", dtype=self.dtype_policy
            )
            for i in range(options.n_layers)
        ]

    def build(self, *_: Any) -> None:
        for layer in self.layers:
            layer.build()
        self.built = True

    def call(
        self, x: Any, states: Any, is_token: Any = None, training: bool | None = None
    ) -> tuple[list[Any], list[Any]]:
        outputs, last_states = [], []
        for i, (layer, state) in enumerate(zip(self.layers, states, strict=True)):
            if self.dropout is not None:
                x = self.dropout(x, training=training)
            output, last = layer(x, state, is_token)
            x = output + x if i > 0 and self.options.use_skip_connections else output
            outputs.append(x)
            last_states.append(last)
        return outputs, last_states


def add_states(
    layer: keras.layers.Layer, options: BiLMOptions, *rows: int
) -> tuple[list[list[tuple[Any, Any]]], list[Any]]:
    """Adds weights for LSTM states to `layer`, all zero and not trainable.

    Args:
        layer: What holds them.
        options: Sizes of the model.
        rows: Axes before the last one, if any.

    Returns:
        A `(c, h)` by direction and LSTM layer; and the same as one flat list, since
        tf.saved_model finds no weights in lists of lists.
    """
    dims = {"c": options.cell_dim, "h": options.projection_dim}
    parts: list[Any] = []

    def add(name: str) -> Any:
        parts.append(
            layer.add_weight(
                shape=(*rows, dims[name[-1]]),
                initializer="zeros",
                dtype=STATE_DTYPE,  # under any policy, of the layer or of all
                trainable=False,
                autocast=False,
                name=name,
            )
        )
        return parts[-1]

    states = [
        [
            (add(f"{direction}_{i}_c"), add(f"{direction}_{i}_h"))
            for i in range(options.n_layers)
        ]
        for direction in ("forward", "backward")
    ]
    return states, parts


def clip(x: Any, bound: float | None) -> Any:
    """Clips `x` to `bound` on both sides; not at all if there is no bound."""
    if not bound:
        return x
    if keras.backend.backend() == "tensorflow":
        return _clip_at_once(x, bound)
    return ops.clip(x, -bound, bound)


def _clip_at_once(x: Any, bound: float) -> Any:
    """Passes over `x` once, where `ops.clip` does so twice."""
    import tensorflow as tf

    low, high = (tf.constant(value, x.dtype) for value in (-bound, bound))
    return tf.raw_ops.ClipByValue(t=x, clip_value_min=low, clip_value_max=high)
