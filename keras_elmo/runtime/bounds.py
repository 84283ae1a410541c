"""What a model may compute: values that overflow, endless texts, others' words.

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
_OVERFLOW = (
    f"the values that this ELMo computes grow beyond {_MOST:.0e}, or are NaN: its "
    "weights are damaged, or were trained with too large steps"
)
# For so many tokens the included model takes 3 GB and 40 s on two cores.
_MOST_TOKENS = 100_000
_TOO_LONG = (
    f"a text has more than {_MOST_TOKENS:,} tokens: `max_sequence_length` must say "
    "where to cut it, or that so many are meant"
)
_OTHER_WORDS = (
    "these weights are of a layer with other words in its `vocabulary`, or with the "
    "same in another order: the vectors of known words would be mixed up"
)
_ERRORS: dict[str, type[ValueError]] = {
    **{_OVERFLOW: WeightsError, _OTHER_WORDS: WeightsError},
    _TOO_LONG: ValueError,
}


def bounded(x: tf.Tensor) -> tf.Tensor:
    """Returns `x`; refuses NaN and values that no ELMo comes near.

    Raises:
        tf.errors.InvalidArgumentError: In `x`'s place, when a graph runs.
    """
    are_right = tf.abs(tf.cast(x, tf.float32)) <= _MOST  # NaN is not
    return _where(are_right, x, _OVERFLOW)


def bounded_lengths(lengths: tf.Tensor) -> tf.Tensor:
    """Returns the tokens of each text; refuses one that would take all memory.

    Raises:
        tf.errors.InvalidArgumentError: As `bounded` does.
    """
    return _where(lengths <= _MOST_TOKENS, lengths, _TOO_LONG)


def of_words(table: tf.Tensor, words: tf.Tensor, expected: int) -> tf.Tensor:
    """Returns a table of word vectors; refuses one of other words.

    Args:
        table: The vectors.
        words: A number that stands for the words of the table.
        expected: The number of the words that it is used for.

    Raises:
        tf.errors.InvalidArgumentError: As `bounded` does.
    """
    return _where(words == expected, table, _OTHER_WORDS)


def _where(are_right: tf.Tensor, x: tf.Tensor, message: str) -> tf.Tensor:
    checked = tf.debugging.Assert(tf.reduce_all(are_right), [message], summarize=1)
    with tf.control_dependencies([checked] if checked is not None else []):
        return tf.identity(x)


@contextlib.contextmanager
def in_one_line(origin: str | None = None) -> Iterator[None]:
    """Says in one line what TensorFlow says in many where one of these is refused.

    Args:
        origin: The source of the weights, if it is known.

    Raises:
        WeightsError: For values that overflow, and vectors of other words.
        ValueError: For a text that is too long. TensorFlow's other errors pass.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        for message, kind in _ERRORS.items():
            if message in str(error):
                where = f". They were read from {origin}" if origin else ""
                raise kind(message[0].upper() + message[1:] + where) from error
        raise
