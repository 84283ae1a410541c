"""Words as a lexicon has them: the rows of their vectors, and of their characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_elmo.lexicon import Lexicon


def lookup_words(words: Sequence[str]) -> np.ndarray:
    """Returns words as an array for TensorFlow, each as a Python object.

    Of a list NumPy would make texts of one length, without zeros at their ends: a word
    of 20,000 characters among 10,000 others took 1.5 GB.
    """
    return np.array(words, dtype=object)


def word_lookup(words: Sequence[str]) -> keras.layers.StringLookup:
    """Returns a table that counts `words` from 1; 0 is what is not among them."""
    # StringLookup drops a first word that is like its name for the unknown. Where that
    # name stands before the words, each of them is kept, this one too.
    unknown = ""
    return keras.layers.StringLookup(
        vocabulary=lookup_words([unknown, *words]),
        mask_token=None,
        oov_token=unknown,
        name="lookup",
    )


class WordRows(keras.layers.Layer):
    """Finds the row of a word in the table of a lexicon's words.

    Args:
        lexicon: Of the model; it holds words.
        room: Characters to which a word is cut first; None to leave it whole.

    Source: HIT-SCIR/ELMoForManyLangs, `frontend.py`, which cuts a word to the
        characters that are spelled before it looks it up.
    """

    def __init__(self, lexicon: Lexicon, room: int | None, **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        self._room = room
        self._unknown = lexicon.word_row(lexicon.word_marks[2])
        self.lookup = word_lookup(lexicon.words)
        self.built = True

    def of(self, words: tf.Tensor) -> tf.Tensor:
        """Returns int32 `(words,)`, the rows of `words`, string `(words,)`."""
        if self._room is not None:
            words = tf.strings.substr(words, 0, self._room, unit="UTF8_CHAR")
        rows = tf.cast(self.lookup(words), tf.int32) - 1
        return tf.where(rows < 0, self._unknown, rows)


def spell_by_lexicon(
    tokens: tf.Tensor, lexicon: Lexicon, max_chars: int, min_chars: int
) -> tf.Tensor:
    """Spells tokens as a model with a lexicon reads them.

    Args:
        tokens: string `(tokens,)`; what is no UTF-8 counts as unknown characters.
        lexicon: Of the model.
        max_chars: Character positions of the model; longer words are cut.
        min_chars: Positions to keep after the longest word and its marks.

    Returns:
        int32 `(tokens, chars)`, the rows of the characters counted from 1.
    """
    room = max_chars - 2
    begin, end, unknown, padding = (
        lexicon.char_row(mark) + 1 for mark in lexicon.char_marks
    )
    # A text grows many times when it is decoded; a character has four bytes at most.
    starts = tf.strings.substr(tokens, 0, 4 * room)
    points = tf.strings.unicode_decode(starts, "UTF-8", errors="replace")[:, :room]
    known = [(ord(c), n + 1) for n, c in enumerate(lexicon.chars) if len(c) == 1]
    known = sorted([(-1, unknown), *known])  # never empty
    codes, rows = tf.unstack(tf.constant(np.array(known, np.int32)), axis=1)
    place = tf.searchsorted(codes, points.flat_values)
    place = tf.minimum(place, len(known) - 1)
    is_known = tf.gather(codes, place) == points.flat_values
    found = tf.where(is_known, tf.gather(rows, place), unknown)
    letters = points.with_flat_values(found).to_tensor(padding, shape=[None, room])
    length = tf.cast(points.row_lengths(), tf.int32)[:, None]
    for mark in lexicon.sentence_marks:
        is_mark = (tokens == mark)[:, None]
        letters = tf.where(is_mark, lexicon.char_row(mark) + 1, letters)
        length = tf.where(is_mark, 1, length)
    ids = tf.pad(letters, [[0, 0], [1, 1]])  # (tokens, max_chars)
    position = tf.range(max_chars)[None, :]
    ids = tf.where(position == 0, begin, ids)
    ids = tf.where(position == length + 1, end, ids)
    ids = tf.where(position > length + 1, padding, ids)
    longest = tf.reduce_max(tf.concat([[[0]], length], axis=0))
    return ids[:, : tf.minimum(longest + 2 + min_chars, max_chars)]
