"""What a model may compute: where values overflow, an error says so.

NaN and infinity would often go unseen: a clip, a ReLU or a maximum makes a number of
them, and the vectors look like any others. Weights of some size are refused when they
are read, but over many layers no text may ever reach what could be reached.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from keras_elmo.errors import WeightsError

# What no value of an ELMo comes near. Such a value times weights that are not refused
# is a number in float32, and so is the sum of the squares of as many as memory holds.
_MOST = 1e12
_REFUSED = (
    f"the values that this ELMo computes grow beyond {_MOST:.0e}, or are NaN: its "
    "weights are damaged, or were trained with too large steps"
)


def bounded(x: tf.Tensor) -> tf.Tensor:
    """Returns `x`; refuses NaN and values that no ELMo comes near.

    Raises:
        tf.errors.InvalidArgumentError: In `x`'s place, when a graph runs.
    """
    are_right = tf.reduce_all(tf.abs(tf.cast(x, tf.float32)) <= _MOST)  # NaN is not
    checked = tf.debugging.Assert(are_right, [_REFUSED], summarize=1)
    with tf.control_dependencies([checked] if checked is not None else []):
        return tf.identity(x)


@contextlib.contextmanager
def in_one_line(origin: str | None = None) -> Iterator[None]:
    """Says in one line what TensorFlow says of a refused value in many.

    Args:
        origin: The source of the weights, if it is known.

    Raises:
        WeightsError: In place of TensorFlow's error; its other errors pass.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        if _REFUSED not in str(error):
            raise
        message = _REFUSED[0].upper() + _REFUSED[1:]
        raise WeightsError(
            f"{message}. They were read from {origin}" if origin else message
        ) from error
