"""The words and characters that a model knows, where these are not UTF-8's bytes."""

from __future__ import annotations

import dataclasses
import json
import numbers
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_elmo import files
from keras_elmo.errors import SourceError

_MOST_WORDS = 1 << 22
_MOST_CHARS = 0x110000  # code points that Unicode has
_MAX_SIZE = 1 << 16
_END_OF_TERMS = "!!!MAXTERMID"  # a line of some vocabularies, which bilm-tf skips


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lexicon:
    """The entries that a model has vectors of; an entry's place is its row.

    Args:
        words: Words, with those of `word_marks` among them; none if the model reads
            characters alone.
        word_dim: Width of a word's vector; 0 without words.
        word_marks: The words that stand before and after a sentence, and the one for
            words that are unknown.
        chars: Characters, with those of `char_marks` among them; none if the model
            reads words alone.
        char_marks: What stands before and after a word, for a character that is
            unknown, and after the end of a word. Begin and end of a sentence are
            spelled by the entries of the first two of `word_marks`.

    Source: `char.dic` and `word.dic` of HIT-SCIR/ELMoForManyLangs; the vocabulary of
        allenai/bilm-tf.
    """

    words: tuple[str, ...]
    word_dim: int
    word_marks: tuple[str, ...]
    chars: tuple[str, ...] = ()
    char_marks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.words and not self.chars:
            raise SourceError("A lexicon must hold words or characters. Received: none")
        for name, entries, most in (
            ("words", self.words, _MOST_WORDS),
            ("chars", self.chars, _MOST_CHARS),
        ):
            _check_texts(f"lexicon.{name}", entries, most)
            first, again = _repeated(entries)
            if again:
                raise SourceError(
                    f"`lexicon.{name}` must hold each entry once. Received: "
                    f"{reprlib.repr(entries[again])} in the places {first} and {again}"
                )
        _check_texts("lexicon.word_marks", self.word_marks, 3, 3)
        needed = {"words": (self.words, self.word_marks)}
        if self.chars:
            _check_texts("lexicon.char_marks", self.char_marks, 4, 4)
            marks = (*self.char_marks, *self.word_marks[:2])
            needed["chars"] = (self.chars, marks)
        for name, (entries, marks) in needed.items():
            lacking = [mark for mark in marks if mark not in entries]
            if entries and lacking:
                raise SourceError(f"`lexicon.{name}` lacks the entry {lacking[0]}")
        low = 1 if self.words else 0
        is_int = isinstance(self.word_dim, numbers.Integral)
        if (
            isinstance(self.word_dim, bool)
            or not is_int
            or not low <= self.word_dim <= _MAX_SIZE * low
        ):
            raise SourceError(
                f"`lexicon.word_dim` must be an int from {low} to {_MAX_SIZE * low:,}. "
                f"Received: {self.word_dim!r}"
            )

    @property
    def sentence_marks(self) -> tuple[str, str]:
        """The words that stand before and after each sentence."""
        return self.word_marks[0], self.word_marks[1]

    @classmethod
    def from_dict(cls, lexicon: Any) -> Lexicon:
        """Reads what `to_dict` returns.

        Raises:
            SourceError: If an entry is missing, or of another type.
        """
        if not isinstance(lexicon, Mapping):
            raise SourceError("`lexicon` must be a JSON object")
        names = [field.name for field in dataclasses.fields(cls)]
        for name in names:
            if name not in lexicon:
                raise SourceError(f"The ELMo options lack the entry lexicon.{name}")
        values = {name: lexicon[name] for name in names}
        for name, value in values.items():
            if name != "word_dim":
                if not isinstance(value, (list, tuple)):
                    raise SourceError(f"`lexicon.{name}` must be a list of texts")
                values[name] = tuple(value)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Returns the form that options.json has."""
        values = dataclasses.asdict(self)
        return json.loads(json.dumps(values))  # lists in place of tuples

    def word_row(self, word: str) -> int:
        """Returns the row of a word's vector."""
        return self.words.index(word)

    def char_row(self, char: str) -> int:
        """Returns the row of a character's vector."""
        return self.chars.index(char)


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """Reads the words of a vocabulary of bilm-tf, one a line.

    Raises:
        SourceError: If it is missing, too large or not UTF-8, or a line has no word, or
            one that another line has.
    """
    with files.reading(f"the vocabulary {path}"):
        text = files.read_text(path)
        if text.count("\n") > _MOST_WORDS:
            raise ValueError(f"it has more than {_MOST_WORDS:,} lines")
        lines = text.split("\n")
        words = [line.strip() for line in lines[: -1 if lines[-1] == "" else None]]
        if "" in words:
            raise ValueError(f"line {words.index('') + 1} has no word")
        first, again = _repeated(words)
        if again:
            raise ValueError(
                f"line {again + 1} repeats line {first + 1}: "
                f"{reprlib.repr(words[again])}"
            )
    return tuple(word for word in words if word != _END_OF_TERMS)


def _repeated(entries: Sequence[str]) -> tuple[int, int]:
    """Returns the places of an entry that comes twice; 0 and 0 if none does."""
    places: dict[str, int] = {}
    for place, entry in enumerate(entries):
        first = places.setdefault(entry, place)
        if first != place:
            return first, place
    return 0, 0


def _check_texts(name: str, texts: Sequence[Any], most: int, least: int = 0) -> None:
    if not least <= len(texts) <= most:
        raise SourceError(
            f"`{name}` must hold {least:,} to {most:,} texts. Received: {len(texts):,}"
        )
    for text in texts:
        if not isinstance(text, str) or not text.isprintable() and _is_broken(text):
            raise SourceError(
                f"`{name}` must hold texts. Received: {reprlib.repr(text)}"
            )


def _is_broken(text: str) -> bool:
    """Whether a text is none in UTF-8: half of a pair of surrogates is not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
