"""The sentences: those with a word in a known sense, and a pool around them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from benchmarks.session import BenchmarkError
from keras_elmo.text import tokenize

OWN = Path(__file__).parent / "sentences.txt"
_OTHERS = "others"


@dataclass(frozen=True)
class Sense:
    """A word in one of its senses.

    Attributes:
        word: In lower case.
        name: Of the sense.
        texts: Sentences that hold the word once each, in this sense.
    """

    word: str
    name: str
    texts: list[str]


def read_own(text: str) -> tuple[dict[str, list[Sense]], list[str]]:
    """Reads sentences.txt.

    Args:
        text: Lines `## word: sense` or `## others`, each followed by sentences; other
            lines that begin with `#` are remarks.

    Returns:
        The senses of each word, and the other sentences.

    Raises:
        BenchmarkError: If a word does not have two senses.
    """
    parts: dict[str, list[str]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("## "):
            texts = parts.setdefault(line[3:], [])
        elif not line.startswith("#"):
            texts.append(line)
    others = parts.pop(_OTHERS, [])
    words: dict[str, list[Sense]] = {}
    for head, texts in parts.items():
        word, _, name = head.partition(": ")
        words.setdefault(word, []).append(Sense(word, name, texts))
    for word, senses in words.items():
        if len(senses) != 2:
            raise BenchmarkError(f"{word} must have 2 senses. Received: {len(senses)}")
    return words, others


def split(texts: list[str]) -> list[list[str]]:
    """Splits texts into tokens, as the pipeline does."""
    rows = tokenize(tf.constant(texts)).to_list()
    return [[token.decode("utf-8") for token in row] for row in rows]


def place_of(word: str, tokens: list[str]) -> int:
    """Returns where `word` stands; it must stand there once."""
    places = [place for place, token in enumerate(tokens) if token.lower() == word]
    if len(places) != 1:
        raise BenchmarkError(
            f"A sentence must hold {word} once. Received: {' '.join(tokens)}"
        )
    return places[0]
