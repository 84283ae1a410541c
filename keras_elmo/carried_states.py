"""States that go on from one batch to the next, as in the published code."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_elmo.initial_states import add_states
from keras_elmo.options import BiLMOptions


class CarriedStates(keras.layers.Layer):
    """The states that each row of the last batches left behind.

    Row `r` of a batch starts where row `r` of the batch before ended. Rows that a
    batch does not have keep their state.

    Args:
        options: Sizes of the model.
        max_batch_size: Rows for which there is room; bilm-tf has 128 by default.

    Source:  allenai/bilm-tf, `bilm/model.py`.
    """

    def __init__(
        self, options: BiLMOptions, max_batch_size: int, **kwargs: Any
    ) -> None:
        super().__init__(trainable=False, autocast=False, **kwargs)
        self.max_batch_size = max_batch_size
        self.states = add_states(self, options, max_batch_size)
        self.built = True

    def call(self, batch: tf.Tensor) -> Any:
        """Gives the states of the first `batch` rows, in the form `BiLM` takes them.

        Raises:
            tf.errors.InvalidArgumentError: If there are not so many rows.
        """
        room = tf.debugging.assert_less_equal(
            batch,
            self.max_batch_size,
            "a stateful ElmoEmbeddingLayer has room for `max_batch_size="
            f"{self.max_batch_size}` rows; the batch has more",
        )
        with tf.control_dependencies([room] if room is not None else []):
            batch = tf.identity(batch)
        return tf.nest.map_structure(
            lambda part: ops.convert_to_tensor(part)[:batch], self.states
        )

    def keep(self, last: Any) -> None:
        """Sets the states of the first rows to `last`, as `BiLM` gives it."""
        for part, value in zip(self.parts, tf.nest.flatten(last), strict=True):
            value = ops.cast(value, part.dtype)
            rest = ops.convert_to_tensor(part)[tf.shape(value)[0] :]
            part.assign(tf.concat([value, rest], axis=0))

    def reset(self, start: Any) -> None:
        """Sets every row to `start`, `(c, h)` by direction and layer, for one row."""
        for part, value in zip(self.parts, tf.nest.flatten(start), strict=True):
            part.assign(tf.broadcast_to(ops.cast(value, part.dtype), part.shape))
