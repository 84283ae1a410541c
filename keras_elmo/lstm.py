"""One direction of the biLM: LSTM layers with projection, clipping and skips."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_elmo.options import BiLMOptions

FORGET_BIAS = 1.0  # added at run time, not part of the stored bias


class _Cell(keras.layers.Layer):
    """One step of `ProjectedLSTM`; its inputs are the input's half of the gates."""

    def __init__(self, options: BiLMOptions, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.options = options
        self.state_size = [options.cell_dim, options.projection_dim]
        self.output_size = options.projection_dim

    def build(self, *_: Any) -> None:
        cell_dim, dim = self.options.cell_dim, self.options.projection_dim
        # One matrix in the files; cutting it in every step would cost as much.
        self.input_kernel, self.recurrent_kernel = (
            self.add_weight(
                shape=(dim, 4 * cell_dim), initializer="glorot_uniform", name=name
            )
            for name in ("input_kernel", "recurrent_kernel")
        )
        self.bias = self.add_weight(
            shape=(4 * cell_dim,), initializer="zeros", name="bias"
        )
        self.projection = None
        if self.options.has_projection:
            self.projection = self.add_weight(
                shape=(cell_dim, dim), initializer="glorot_uniform", name="projection"
            )
        self.built = True

    def input_gates(self, x: Any) -> Any:
        """Gives `(batch, time, 4 * cell_dim)`, for all times in one product."""
        return ops.matmul(x, self.input_kernel) + self.bias

    def call(self, gates: Any, states: Any) -> tuple[Any, list[Any]]:
        c, h = states
        z = gates + ops.matmul(h, self.recurrent_kernel)  # (batch, 4 * cell_dim)
        i, j, f, o = ops.split(z, 4, axis=-1)
        c = ops.sigmoid(f + FORGET_BIAS) * c + ops.sigmoid(i) * ops.tanh(j)
        c = _clip(c, self.options.cell_clip)  # the clipped value is the state
        h = ops.sigmoid(o) * ops.tanh(c)
        if self.projection is not None:
            h = _clip(ops.matmul(h, self.projection), self.options.proj_clip)
        return h, [c, h]


@keras.saving.register_keras_serializable("keras_elmo")
class ProjectedLSTM(keras.layers.Layer):
    """An LSTM layer whose output is projected down and fed back.

    Args:
        options: Sizes of the model.
        unroll: Whether the steps are laid out in the graph; for short, fixed times.

    Inputs:  `(batch, time, projection_dim)` float; an initial state `(c, h)` of
        shapes `(batch, cell_dim)` and `(batch, projection_dim)`; `is_token`
        `(batch, time)` bool, where False freezes the state, or None.
    Outputs: `(batch, time, projection_dim)` float, and the last state `(c, h)`.
    Source:  Sak et al. 2014, arXiv:1402.1128, without peepholes; gates are stored
        in the order input, candidate, forget, output, as in bilm-tf's files.
    """

    def __init__(
        self, options: BiLMOptions, *, unroll: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.cell = _Cell(options, name="cell", dtype=self.dtype_policy)
        self.rnn = keras.layers.RNN(
            self.cell,
            return_sequences=True,
            return_state=True,
            unroll=unroll,
            name="rnn",
            dtype=self.dtype_policy,
        )

    def build(self, *_: Any) -> None:
        self.cell.build()
        self.built = True

    def call(self, x: Any, state: Any, is_token: Any = None) -> tuple[Any, list[Any]]:
        # The input's half of the gate product needs no loop.
        gates = self.cell.input_gates(x)
        output, *last = self.rnn(gates, initial_state=list(state), mask=is_token)
        return output, last


@keras.saving.register_keras_serializable("keras_elmo")
class LSTMStack(keras.layers.Layer):
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
        super().__init__(**kwargs)
        self.supports_masking = True
        self.options = options
        self.dropout = keras.layers.Dropout(dropout) if dropout else None
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


def _clip(x: Any, bound: float | None) -> Any:
    return x if not bound else ops.clip(x, -bound, bound)
