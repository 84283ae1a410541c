"""The LSTM states from which texts are read: fixed ones, or those carried on."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_elmo import characters
from keras_elmo.bilm import BiLM
from keras_elmo.lstm import add_states
from keras_elmo.options import BiLMOptions
from keras_elmo.runtime.bounds import bounded
from keras_elmo.runtime.words import encode_words

_READINGS = 2  # the second starts from the states the first one left
_SENTENCES = (
    "The weather was fine and the streets were full of people .",
    "He said that he would come back before the end of the week .",
    "It is one of the best films that I have seen this year .",
    "What do you think she will do next ?",
    "The company was founded in 1998 and has offices in London and Paris .",
    "I did not like the book , but my sister read it twice .",
    "There was nothing left to say , so they went home .",
    "Please send us your answer by Monday , if you can .",
)


class InitialStates(keras.layers.Layer):
    """Constant initial states, kept as weights so that they are saved.

    The biLM was trained with states carried from sentence to sentence and has
    hardly seen a zero state, so vectors from zeros differ for the first few
    tokens. Carrying states at inference would make a text's vectors depend on the
    texts before it. A fixed state, the mean over what a few sentences leave
    behind, avoids both. It is part of what is trained: fine-tuning does not change
    it, and every form in which the model is saved holds it.

    Args:
        options: Sizes of the model.
    """

    def __init__(self, options: BiLMOptions, **kwargs: Any) -> None:
        super().__init__(trainable=False, autocast=False, **kwargs)
        self.options = options
        self.states, self.parts = add_states(self, options)
        self.built = True

    def by_path(self) -> dict[str, Any]:
        """Returns the states by their paths in a file of weights."""
        return dict(zip(self.options.state_shapes(), self.parts, strict=True))

    def are_set(self) -> bool:
        """Returns whether any state is not zero."""
        return any(np.any(ops.convert_to_numpy(part)) for part in self.parts)

    def warm_up(self, bilm: BiLM) -> None:
        """Sets the states to the mean of what the built-in sentences leave."""
        vectors, lengths = _encode(bilm)
        states = bilm.zero_states(len(_SENTENCES))
        for _ in range(_READINGS):
            _, states = bilm.contextualize(vectors, lengths, states, keep_states=True)
        for part, value in zip(self.parts, tf.nest.flatten(states), strict=True):
            part.assign(bounded(ops.mean(ops.cast(value, "float32"), axis=0)))


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
        self.states, self.parts = add_states(self, options, max_batch_size)
        self.built = True

    def call(self, batch: tf.Tensor) -> Any:
        """Returns the states of the first `batch` rows, in the form `BiLM` takes them.

        Raises:
            tf.errors.InvalidArgumentError: If there are not so many rows.
        """
        room = tf.debugging.Assert(
            batch <= self.max_batch_size, [self.no_room()], summarize=1
        )
        with tf.control_dependencies([room] if room is not None else []):
            batch = tf.identity(batch)
        return tf.nest.map_structure(
            lambda part: ops.convert_to_tensor(part)[:batch], self.states
        )

    def no_room(self) -> str:
        """Returns what is wrong with a batch of more rows than there is room for."""
        return (
            "a stateful ElmoEmbeddingLayer has room for `max_batch_size="
            f"{self.max_batch_size}` rows; the batch has more"
        )

    def keep(self, last: Any) -> None:
        """Sets the states of the first rows to `last`, as `BiLM` returns it."""
        for part, value in zip(self.parts, tf.nest.flatten(last), strict=True):
            value = ops.cast(value, part.dtype)
            rest = ops.convert_to_tensor(part)[tf.shape(value)[0] :]
            part.assign(tf.concat([value, rest], axis=0))

    def reset(self, start: Any) -> None:
        """Sets every row to `start`, `(c, h)` by direction and layer, for one row."""
        for part, value in zip(self.parts, tf.nest.flatten(start), strict=True):
            part.assign(tf.broadcast_to(ops.cast(value, part.dtype), part.shape))


def _encode(bilm: BiLM) -> tuple[Any, Any]:
    """Returns the wrapped sentences' token vectors and their lengths."""
    sentences = [sentence.split() for sentence in _SENTENCES]
    longest = max(len(sentence) for sentence in sentences)
    lengths = ops.convert_to_tensor([len(s) for s in sentences], "int32")
    if bilm.options.lexicon is not None:
        begin, end = bilm.options.sentence_marks
        words = [
            [begin, *sentence, end, *[end] * (longest - len(sentence))]
            for sentence in sentences
        ]
        encode = tf.function(functools.partial(encode_words, bilm))
        vectors = encode(tf.reshape(tf.constant(words), [-1]))
        return ops.reshape(vectors, (len(sentences), longest + 2, -1)), lengths
    max_chars = bilm.options.max_chars
    spelled = np.stack(
        [
            characters.spell_tokens(
                ["<S>", *sentence, "</S>", *[""] * (longest - len(sentence))], max_chars
            )
            for sentence in sentences
        ]
    )
    encoder = bilm.token_encoder
    features = encoder.features(spelled.reshape(-1, max_chars))
    vectors = encoder.project(features, bounded)
    vectors = ops.reshape(vectors, (len(sentences), longest + 2, -1))
    return vectors, lengths
