"""Which vectors lie nearest, by the cosine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_TIE = 1e-6


@dataclass(frozen=True)
class Pool:
    """All tokens of all sentences.

    Attributes:
        sentences: Tokens of each.
        places: `(tokens, 2)` int: the sentence and the place in it.
        vectors: `(tokens, dim)`, centred and of length 1.
    """

    sentences: list[list[str]]
    places: np.ndarray
    vectors: np.ndarray


def make_pool(sentences: list[list[str]], vectors: Sequence[np.ndarray]) -> Pool:
    """Makes a pool of sentences and, for each, vectors `(time, dim)`."""
    places = [
        (row, at) for row, tokens in enumerate(sentences) for at in range(len(tokens))
    ]
    return Pool(sentences, np.array(places), centred(np.concatenate(vectors)))


def centred(vectors: np.ndarray) -> np.ndarray:
    """Takes the mean from `vectors` `(rows, dim)`, then makes each one's length 1.

    Rows that are all the same have no direction of their own, and become 0.
    """
    moved = vectors - vectors.mean(axis=0)
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    usual = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(lengths > 1e-5 * usual, moved / np.maximum(lengths, 1e-30), 0.0)


def nearest(
    pool: Pool, sentence: int, place: int, count: int, *, same_word: bool
) -> list[tuple[int, float]]:
    """Finds the tokens of other sentences that lie nearest to one token.

    Args:
        pool: Where to look.
        sentence: Of the token that is looked from.
        place: In that sentence.
        count: How many.
        same_word: Whether to look at the same word alone, or at all but that one,
            whatever their case.

    Returns:
        Numbers of tokens in the pool with their cosines, the nearest first.
    """
    words = np.array([token.lower() for row in pool.sentences for token in row])
    at = (pool.places == (sentence, place)).all(axis=1).argmax()
    allowed = (words == words[at]) == same_word
    allowed &= pool.places[:, 0] != sentence
    candidates = np.flatnonzero(allowed)
    cosines = pool.vectors[candidates] @ pool.vectors[at]
    best = np.argsort(-cosines, kind="stable")[:count]
    return [(int(candidates[number]), float(cosines[number])) for number in best]


def sense_accuracy(vectors: np.ndarray, senses: np.ndarray) -> float:
    """Returns the share of rows whose nearest other row has the same sense.

    Where several are equally near, each counts in part; so rows that are all the same
    get what guessing gets.

    Args:
        vectors: `(rows, dim)`.
        senses: `(rows,)`.
    """
    unit = centred(vectors)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    near = cosines >= cosines.max(axis=1, keepdims=True) - _TIE
    same = senses[:, None] == senses[None, :]
    return float(np.mean((near & same).sum(axis=1) / near.sum(axis=1)))
