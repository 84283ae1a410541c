"""Both directions of the biLM over packed sentences."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_elmo.bilm import BiLM
from keras_elmo.packed_gradient import run_packed_with_gradient
from keras_elmo.packed_lstm import initial_state, run_packed
from keras_elmo.packing import Packing


def packed_layers(
    bilm: BiLM,
    vectors: tf.Tensor,
    ids: tf.Tensor,
    packing: Packing,
    states: Any,
    *,
    learns: bool,
) -> list[tf.Tensor]:
    """Runs both directions over packed sentences.

    Args:
        bilm: The model.
        vectors: `(words, projection_dim)`, the vector of each distinct word.
        ids: `(batch, time + 2)` int32: which of them stands where, the marks of the
            sentence included.
        packing: Of the batch.
        states: `(forward, backward)`, each a `(c, h)` for every layer, for all rows.
        learns: Whether the gradient of the LSTMs' weights will be asked for.

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
            cell, rows = layer.cell, packing.rows
            begin = initial_state(cell, rows, state)
            if learns:
                output = run_packed_with_gradient(
                    cell, cell.read_weights(), x, rows, begin
                )
            else:
                output, _ = run_packed(cell, cell.read_weights(), x, rows, begin)
            x = output + x if number and skips else output
            layers.append(tf.gather(x, places))
        directions.append(layers)
    return [tf.concat(both, axis=-1) for both in zip(*directions, strict=True)]
