"""Texts whose script puts no blanks between words, told from all others."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

# Where in Unicode the scripts lie that are written without blanks between words:
# Thai, Lao, Myanmar, Khmer, Hiragana and Katakana, Han, and the halves of Katakana.
_RANGES = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x20000, 0x3FFFF),
)
_STARTS = [start for start, _ in _RANGES]
_LEAST_SHARE = 0.5  # of all letters
# Words of these scripts are shorter, sentences longer.
_MOST_WORD_LENGTH = 6.0
_MOST_CHARACTERS = 1_000_000  # that are looked at


def suggested_tokenizer(texts: Iterable[str]) -> str | None:
    """Returns the tokenizer that suits texts better than the rules for English.

    That is `characters` where at least half of the letters are of a script without
    blanks between words, or `whitespace` where such texts have been split already.
    None for other texts.
    """
    letters = without_blanks = pieces = seen = 0
    for text in texts:
        for piece in text.split():
            own = sum(map(_needs_no_blanks, piece))
            without_blanks += own
            pieces += own > 0
            letters += sum(map(str.isalpha, piece))
        seen += len(text)
        if seen > _MOST_CHARACTERS:
            break
    if not without_blanks or without_blanks < _LEAST_SHARE * letters:
        return None
    is_split = without_blanks <= _MOST_WORD_LENGTH * pieces
    return "whitespace" if is_split else "characters"


def _needs_no_blanks(char: str) -> bool:
    place = bisect.bisect(_STARTS, ord(char)) - 1
    return place >= 0 and ord(char) <= _RANGES[place][1] and char.isalpha()
