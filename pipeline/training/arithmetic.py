"""Layers and optimizer of Keras in fewer passes over memory, with the same results.

On a processor with few cores the head spends most of a step on reading and writing
large tensors. What is computed here is what Keras computes; which numbers are drawn
for the dropout is another matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf
from keras import ops


class TokenDense(keras.layers.Dense):
    """A dense layer that takes all tokens of a batch as one matrix.

    Keras multiplies `(batch, time, dim)` text by text, and adds up one gradient of the
    weights for each text.

    Inputs:  `(batch, time, dim)` float.
    Outputs: `(batch, time, units)`.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        batch, time, dim = ops.shape(inputs)
        outputs = super().call(ops.reshape(inputs, (-1, dim)), training=training)
        return ops.reshape(outputs, (batch, time, self.units))


class ByteDropout(keras.layers.Dropout):
    """Dropout that draws a byte for each value, where Keras draws four.

    The rate is a whole number of 256ths, the nearest to what is asked for, and what is
    kept is scaled by that rate: the mean stays as it is.
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        dropped = min(round(256 * self.rate), 255)  # of 256
        if not training or not dropped:
            return inputs
        count = tf.size(inputs)
        words = tf.random.stateless_uniform(
            [(count + 3) // 4],
            tf.cast(self.seed_generator.next(), tf.int32),
            minval=None,  # None: every bit is drawn
            maxval=None,
            dtype=tf.uint32,
        )
        drawn = tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:count]
        is_kept = tf.reshape(drawn >= tf.constant(dropped, tf.uint8), tf.shape(inputs))
        scale = tf.cast(256 / (256 - dropped), inputs.dtype)
        return tf.where(is_kept, inputs * scale, tf.zeros([], inputs.dtype))


class FusedAdam(keras.optimizers.Adam):
    """Adam as one kernel of TensorFlow for each variable, where Keras needs ten.

    Tables of which only some rows have a gradient are left to Keras: it adds up the
    squares of a row's gradients, where the kernel would square their sum.

    Args:
        learning_rate: As of Adam.
        slow: Variables that learn at another rate.
        slow_share: That rate as a share of the learning rate.

    Source: Kingma and Ba 2015, arXiv:1412.6980, the form before section 2.1, as Keras
        has it.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        *,
        slow: Iterable[Any] = (),
        slow_share: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self._slow = {id(variable) for variable in slow}
        self._slow_share = slow_share

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        place, dtype = self._get_variable_index(variable), variable.dtype
        # What comes here is TensorFlow's variable inside of Keras's.
        if id(self._trainable_variables[place]) in self._slow:
            learning_rate = learning_rate * self._slow_share
        if isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        beta_1, beta_2 = (tf.cast(b, dtype) for b in (self.beta_1, self.beta_2))
        step = tf.cast(tf.convert_to_tensor(self.iterations) + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[place]),
            v=_handle(self._velocities[place]),
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )


def _handle(variable: Any) -> tf.Tensor:
    """Returns the handle of a variable of TensorFlow, or of the one in Keras's."""
    if isinstance(variable, keras.Variable):
        variable = variable.value
    return variable.handle
