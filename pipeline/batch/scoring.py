"""Scores rows in batches of like length, so that one bad row fails alone."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import tensorflow as tf

# Rows and characters (rows times the longest of them) of a batch. A classifier's
# throughput hardly rises beyond these, its memory does.
_BATCH_ROWS = 512
_BATCH_CHARS = 2**17


class Scorer(Protocol):
    """Says with which model texts are scored.

    It travels to the workers: it must be picklable, and hold no model itself.
    """

    @property
    def fields(self) -> dict[str, str]:
        """Columns that it adds, name to kind (`values`)."""

    def load(self) -> Score:
        """Gives the model, which a process loads once for all its threads.

        Raises:
            ModelError: It cannot be used, or is not the one that was looked at.
        """

    def tally(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Counts what the summary says of rows with the added columns."""


class Score(Protocol):
    """A loaded model."""

    def __call__(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Gives the added columns of each text; `tf.errors.OpError` if it cannot."""


def once_per_process(load: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps what `load` gave last; threads that ask at the same time wait for it."""
    cached = functools.lru_cache(maxsize=1)(load)
    lock = threading.Lock()

    @functools.wraps(load)
    def call(*given: Any) -> Any:
        with lock:
            return cached(*given)

    return call


class Failure(str):
    """What the model said about a row that it could not score."""


def score_rows(score: Score, texts: Sequence[str]) -> list[dict[str, Any] | Failure]:
    """Scores texts of any lengths; gives the results in the order of the texts."""
    results: list[Any] = [None] * len(texts)
    for batch in batches(texts):
        scored = _score_or_halve(score, [texts[row] for row in batch])
        for row, result in zip(batch, scored, strict=True):
            results[row] = result
    return results


def batches(texts: Sequence[str]) -> Iterator[list[int]]:
    """Gives the places of texts of like length, longest first, batch by batch."""
    batch: list[int] = []
    longest = 0
    for row in sorted(range(len(texts)), key=lambda row: -len(texts[row])):
        if batch and (
            len(batch) == _BATCH_ROWS or (len(batch) + 1) * longest > _BATCH_CHARS
        ):
            yield batch
            batch = []
        if not batch:
            longest = len(texts[row])
        batch.append(row)
    if batch:
        yield batch


def _score_or_halve(
    score: Score, texts: Sequence[str]
) -> list[dict[str, Any] | Failure]:
    """Halves a batch that fails, down to the rows that are to blame."""
    try:
        return list(score(texts))
    except tf.errors.OpError as error:
        if len(texts) == 1:
            return [Failure(str(error.message).partition("\n")[0])]
    middle = len(texts) // 2
    return [
        *_score_or_halve(score, texts[:middle]),
        *_score_or_halve(score, texts[middle:]),
    ]
