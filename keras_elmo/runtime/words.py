"""From words to token vectors: each distinct word of a batch is encoded once.

Words of a known vocabulary are not encoded at all: their vectors are kept.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_elmo import characters
from keras_elmo.bilm import BiLM
from keras_elmo.options import BiLMOptions
from keras_elmo.runtime.bounds import bounded, of_words
from keras_elmo.runtime.lexicon_words import (
    lookup_words,
    spell_by_lexicon,
    word_lookup,
)
from keras_elmo.tensors import numbers

_CHUNK = 256  # words whose convolutions, 1 MB a filter width of 1,024, stay in cache


def spell(tokens: tf.Tensor, max_chars: int, min_chars: int | None = None) -> tf.Tensor:
    """Spells tokens as the biLM reads them.

    Args:
        tokens: string `(tokens,)`; an empty string is spelled as an empty word.
        max_chars: Character positions of the model; longer words are cut.
        min_chars: If given, the positions after the longest word are cut off, down
            to this many past its marks. The widest filter's width keeps every
            result as it is, and costs less.

    Returns:
        int32 `(tokens, chars)`, 1 to 261.
    """
    room = max_chars - 2
    letters = tf.io.decode_raw(tokens, tf.uint8, fixed_length=room)
    letters = tf.cast(letters, tf.int32) + characters.FIRST_BYTE
    length = tf.minimum(tf.strings.length(tokens), room)[:, None]
    is_mark = {
        characters.BEGIN_SENTENCE: tokens == characters.BEGIN_SENTENCE_TOKEN,
        characters.END_SENTENCE: tokens == characters.END_SENTENCE_TOKEN,
    }
    for mark, is_token in is_mark.items():
        letters = tf.where(is_token[:, None], mark, letters)
        length = tf.where(is_token[:, None], 1, length)
    ids = tf.pad(letters, [[0, 0], [1, 1]])  # (tokens, max_chars)
    position = tf.range(max_chars)[None, :]
    ids = tf.where(position == 0, characters.BEGIN_WORD, ids)
    ids = tf.where(position == length + 1, characters.END_WORD, ids)
    ids = tf.where(position > length + 1, characters.PAD_WORD, ids)
    if min_chars is None:
        return ids
    longest = tf.reduce_max(tf.concat([[[0]], length], axis=0))
    return ids[:, : tf.minimum(longest + 2 + min_chars, max_chars)]


def encode_words(
    bilm: BiLM, words: tf.Tensor, check: Callable[[tf.Tensor], tf.Tensor] = bounded
) -> tf.Tensor:
    """Encodes `words` string `(words,)`; returns float `(words, projection_dim)`.

    Words of a like length are taken together, so that the convolutions pass over no
    more characters than the longest among them needs.

    Args:
        bilm: The model.
        words: What to encode.
        check: Called on the values after each layer, as in `TokenEncoder.project`.
    """
    encoder, options = bilm.token_encoder, bilm.options
    rows = bilm.word_rows(words) if bilm.word_rows is not None else None
    if not options.filters:  # each word has a vector of its own
        nothing = tf.zeros([tf.size(words), 0], bilm.compute_dtype)
        return encoder.project(nothing, check, rows)
    widest = max(width for width, _ in options.filters)
    order = tf.argsort(tf.strings.length(words))
    ordered = tf.gather(words, order)
    chunks = (tf.size(words) + _CHUNK - 1) // _CHUNK
    features = tf.TensorArray(
        bilm.compute_dtype,
        chunks,
        element_shape=[None, options.n_filters],
        infer_shape=False,
    )

    def encode(number: Any, features: Any) -> tuple[Any, Any]:
        some = ordered[number * _CHUNK : (number + 1) * _CHUNK]
        if options.lexicon is None:
            spelled = spell(some, options.max_chars, widest)
        else:
            spelled = spell_by_lexicon(some, options.lexicon, options.max_chars, widest)
        return number + 1, features.write(number, encoder.features(spelled))

    _, features = tf.while_loop(
        lambda number, _: number < chunks, encode, (0, features)
    )
    if rows is not None:
        rows = tf.gather(rows, order)
    vectors = encoder.project(features.concat(), check, rows)
    return tf.gather(vectors, tf.math.invert_permutation(order))


def distinct_words(
    words: tf.Tensor, lengths: tf.Tensor, marks: tuple[str, str]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the distinct words, and which of them stands where.

    Args:
        words: string `(tokens,)`, row after row.
        lengths: `(batch,)` int32, tokens of each row.
        marks: The words that stand before and after each sentence.

    Returns:
        The distinct words, string `(words,)`, and int32 `(tokens + 2 * batch,)`, the
        number of the word at each position of the sentences with their marks, one
        sentence after the other.
    """
    words, ids = tf.unique(tf.concat([marks, words], axis=0))
    ids = ids[len(marks) :]
    ends = tf.cumsum(lengths + 2)
    times, rows = numbers(lengths)
    places = tf.gather(ends - lengths - 1, rows) + times  # after the begin of its row
    # A place that is not filled has word 0, the begin mark; word 1 is the end mark.
    filled = tf.concat([places, ends - 1], axis=0)[:, None]
    ids = tf.concat([ids, tf.ones_like(ends)], axis=0)
    return words, tf.scatter_nd(filled, ids, [tf.size(ids) + tf.size(ends)])


class WordCache(keras.layers.Layer):
    """The vectors of a vocabulary, encoded once; other words are still encoded.

    Args:
        vocabulary: Words; the sentence marks are added to them.
        options: Sizes of the model.

    Inputs:  string `(words,)`.
    Outputs: float `(words, dim)`, the same as `encode_words` returns.
    """

    def __init__(
        self, vocabulary: Iterable[str], options: BiLMOptions, **kwargs: Any
    ) -> None:
        super().__init__(trainable=False, **kwargs)
        known = dict.fromkeys([*options.sentence_marks, *vocabulary])
        known.pop("", None)  # padding, no word
        self.vocabulary = list(known)
        self.lookup = word_lookup(self.vocabulary)
        self.table = self.add_weight(
            shape=(len(self.vocabulary), options.projection_dim),
            initializer="zeros",
            trainable=False,
            name="table",
        )
        # Stands for the words: weights brought by `set_weights`, a file or a checkpoint
        # name none, and may be those of another layer.
        digest = zlib.crc32(json.dumps(self.vocabulary).encode())
        self._own_words = digest & 0xFF_FFFF  # whole in float32, as some keep weights
        self.words = self.add_weight(
            shape=(),
            dtype="int64",
            initializer=keras.initializers.Constant(self._own_words),
            trainable=False,
            name="words",
        )
        self.built = True

    def load_own_variables(self, store: Any) -> None:
        """Reads what was saved; an earlier version did not say of which words."""
        if len(store.keys()) == 1:
            self.table.assign(store["0"])
        else:
            super().load_own_variables(store)

    def fill(self, bilm: BiLM) -> None:
        """Encodes the vocabulary with `bilm`."""
        words = tf.constant(lookup_words(self.vocabulary))
        self.table.assign(tf.function(encode_words)(bilm, words))
        self.words.assign(self._own_words)

    def vectors(self, bilm: BiLM, words: tf.Tensor) -> tf.Tensor:
        """Returns the vectors of `words`; `bilm` encodes those that are not known."""
        number = self.lookup(words) - 1
        table = of_words(self.table.value, self.words.value, self._own_words)
        table = ops.cast(table, self.compute_dtype)
        vectors = tf.gather(table, tf.maximum(number, 0))
        unknown = tf.where(number < 0)  # (unknown, 1)
        encoded = encode_words(bilm, tf.gather_nd(words, unknown))
        return tf.tensor_scatter_nd_update(vectors, unknown, encoded)
