"""How a token is spelled as character ids: the numbers, and a plain numpy speller.

A row of `max_chars` ids is: begin of word, the token's UTF-8 bytes (cut to
`max_chars - 2`), end of word, then padding. Ids here are those of inference: one
more than in training, so that 0 is left for a position that holds no token.
Source: allenai/bilm-tf, `UnicodeCharsVocabulary`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

N_CHARACTERS = 261  # rows of the character table; id 0 has none
NO_TOKEN = 0
FIRST_BYTE = 1  # byte b has id b + FIRST_BYTE
BEGIN_SENTENCE = 257
END_SENTENCE = 258
BEGIN_WORD = 259
END_WORD = 260
PAD_WORD = 261
BEGIN_SENTENCE_TOKEN = "<S>"
END_SENTENCE_TOKEN = "</S>"
UNKNOWN_TOKEN = "<UNK>"  # in a vocabulary of words


def spell_bytes(spelling: bytes | list[int], max_chars: int) -> np.ndarray:
    """Returns the id row `(max_chars,)` int32 of a word's inner ids or bytes."""
    if isinstance(spelling, bytes):
        spelling = [byte + FIRST_BYTE for byte in spelling[: max_chars - 2]]
    row = np.full(max_chars, PAD_WORD, np.int32)
    row[0] = BEGIN_WORD
    row[1 : len(spelling) + 1] = spelling
    row[len(spelling) + 1] = END_WORD
    return row


def begin_sentence_row(max_chars: int) -> np.ndarray:
    """Returns the id row `(max_chars,)` int32 that stands before each sentence."""
    return spell_bytes([BEGIN_SENTENCE], max_chars)


def end_sentence_row(max_chars: int) -> np.ndarray:
    """Returns the id row `(max_chars,)` int32 that stands after each sentence."""
    return spell_bytes([END_SENTENCE], max_chars)


def spell_tokens(tokens: Iterable[str], max_chars: int) -> np.ndarray:
    """Spells tokens as ids `(tokens, max_chars)` int32.

    `<S>` and `</S>` become the sentence marks; every other token, `<UNK>` too,
    is spelled as it stands, in its own case.
    """
    marks = {
        BEGIN_SENTENCE_TOKEN: begin_sentence_row(max_chars),
        END_SENTENCE_TOKEN: end_sentence_row(max_chars),
    }
    rows = [
        marks[token]
        if token in marks
        else spell_bytes(token.encode("utf-8"), max_chars)
        for token in tokens
    ]
    return np.stack(rows) if rows else np.zeros((0, max_chars), np.int32)
