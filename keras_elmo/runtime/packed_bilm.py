"""Both directions of the biLM over packed sentences."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_elmo.bilm import BiLM
from keras_elmo.runtime.packed_gradient import run_packed_with_gradient
from keras_elmo.runtime.packed_lstm import (
    Packing,
    initial_state,
    pack,
    run_packed,
    step_array,
)

# Sentences that step together: the gates of so many stay in a core's cache, and the
# products are large enough to run at full speed.
_GROUP = 256


def layers_in_groups(
    bilm: BiLM, vectors: tf.Tensor, ids: tf.Tensor, lengths: tf.Tensor, states: Any
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Runs both directions over a batch of any size, a group of rows at a time.

    Args:
        bilm: The model.
        vectors: `(words, projection_dim)`, the vector of each distinct word.
        ids: int32: which of them stands where, as `distinct_words` returns it.
        lengths: `(batch,)` int32, tokens of each row without the marks.
        states: `(forward, backward)`, each a `(c, h)` for every layer, for all rows.

    Returns:
        Every layer `(tokens, dim)`, and each token's row and time, int32
        `(tokens, 2)`.
    """
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    starts = tf.gather(tf.cumsum(lengths + 2, exclusive=True), order)
    lengths = tf.gather(lengths, order)
    groups = (tf.size(lengths) + _GROUP - 1) // _GROUP
    shape = [None, bilm.options.dim]
    layers = [
        step_array(vectors.dtype, groups, shape)
        for _ in range(bilm.options.n_layers + 1)
    ]

    def run(number: Any, layers: Any, places: Any) -> tuple[Any, ...]:
        rows = slice(number * _GROUP, (number + 1) * _GROUP)
        packing = pack(lengths[rows], starts[rows])
        outputs = packed_layers(bilm, vectors, ids, packing, states)
        row, time = tf.unstack(packing.tokens, axis=1)
        place = tf.stack([tf.gather(order[rows], row), time], axis=1)
        layers = [
            array.write(number, layer)
            for array, layer in zip(layers, outputs, strict=True)
        ]
        return number + 1, layers, places.write(number, place)

    places = step_array(tf.int32, groups, [None, 2])
    _, layers, places = tf.while_loop(
        lambda number, *_: number < groups,
        run,
        (0, layers, places),
        parallel_iterations=1,  # two at once would evict each other from the cache
    )
    return [array.concat() for array in layers], places.concat()


def packed_layers(
    bilm: BiLM,
    vectors: tf.Tensor,
    ids: tf.Tensor,
    packing: Packing,
    states: Any,
    *,
    learns: bool = False,
) -> list[tf.Tensor]:
    """Runs both directions over packed sentences.

    Args:
        bilm: The model.
        vectors: `(words, projection_dim)`, the vector of each distinct word.
        ids: int32: which of them stands where, as `distinct_words` returns it.
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
        x = tf.gather(vectors, tf.gather(ids, where))  # (places, projection_dim)
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
