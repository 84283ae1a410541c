"""A prepared corpus: word ids on disk, their counts and their spellings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_elmo import characters

BOUNDARY = 0  # stands before each sentence and after the last one
END_TARGET = 1
UNKNOWN = 2
FIRST_TYPE = 3
SPECIAL = ("<S>", "</S>", "<UNK>")


class Corpus:
    """What `prepare` wrote.

    The ids are one stream, `<S> w w w <S> w w <S>`: a boundary is read as `<S>` by
    the forward model and as `</S>` by the backward model. Words are numbered by
    falling frequency, so the first `vocabulary_size` ids are the vocabulary; those
    past it are read by their spelling and predicted as `<UNK>`.

    Args:
        folder: Of the prepared corpus.

    Attributes:
        train: int32 `(ids,)`, memory-mapped.
        held_out: int32 `(ids,)`, memory-mapped.
        words: str for every id.
        counts: int64 `(types,)`, occurrences.
        facts: Sources, tokens and sentences.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        self.facts: dict[str, Any] = json.loads((folder / "corpus.json").read_text())
        self.train = np.memmap(folder / "train.bin", np.int32, "r")
        self.held_out = np.memmap(folder / "held_out.bin", np.int32, "r")
        self.words: list[str] = []
        counts = []
        with open(folder / "types.txt", encoding="utf-8", newline="\n") as file:
            for line in file:
                count, word = line.rstrip("\n").split("\t", 1)
                self.words.append(word)
                counts.append(int(count))
        self.counts = np.array(counts, np.int64)

    def vocabulary_size(self, *, min_count: int, max_size: int) -> int:
        """Gives how many of the first ids are predicted as themselves."""
        frequent = int((self.counts[FIRST_TYPE:] >= min_count).sum())
        return min(FIRST_TYPE + frequent, max_size)

    def target_counts(self, vocabulary_size: int) -> np.ndarray:
        """Gives how often each word is predicted, float64, by both directions' mean.

        A boundary is `</S>` to the forward and `<S>` to the backward model.
        """
        counts = self.counts[:vocabulary_size].astype(np.float64)
        counts[[BOUNDARY, END_TARGET]] = counts[BOUNDARY] / 2
        counts[UNKNOWN] += self.counts[vocabulary_size:].sum()
        return counts

    def lower_case(self) -> tuple[np.ndarray, list[str]]:
        """Gives the id of each word in lower case, and the words that this adds.

        Returns:
            int32 `(types,)`; ids past the last type are those of the added words,
            which the texts hold only with capitals.
        """
        numbers = {word: number for number, word in enumerate(self.words)}
        table = [*range(FIRST_TYPE)]
        for word in self.words[FIRST_TYPE:]:
            table.append(numbers.setdefault(word.lower(), len(numbers)))
        return np.array(table, np.int32), list(numbers)[len(self.words) :]

    def spellings(self, max_chars: int, added: Sequence[str] = ()) -> np.ndarray:
        """Spells every id, then the words `added`, as the token encoder reads them.

        Returns:
            int16 `(types + added, max_chars)`.
        """
        words = [*self.words, *added]
        rows = np.empty((len(words), max_chars), np.int16)
        step = 1 << 16
        for start in range(0, len(words), step):
            part = words[start : start + step]
            rows[start : start + step] = characters.spell_tokens(part, max_chars)
        return rows
