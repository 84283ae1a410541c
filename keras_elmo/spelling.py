"""Tokens to character ids in core TensorFlow ops."""

from __future__ import annotations

import tensorflow as tf

from keras_elmo import characters


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
