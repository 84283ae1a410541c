"""Batches for training: rows of a packed stream, for both directions."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
from keras import ops, tree

from keras_elmo import characters
from keras_elmo.pretraining.corpus import BOUNDARY, END_TARGET, UNKNOWN

_CORES_PER_WORKER = 4  # leaves the rest to the model where that is on the CPU


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batcher:
    """Cuts a stream of word ids into batches; batch `n` depends on `n` alone.

    The stream is laid in a circle with `rows` equidistant readers on it. Forward
    readers walk `unroll` ids a batch ahead, backward readers as many back, each
    from where its last batch ended, so LSTM states may be carried over.

    Args:
        ids: int32 `(ids,)`, a stream as `Corpus` holds it.
        spellings: int16 `(types, max_chars)`.
        vocabulary_size: Ids from here on are predicted as `<UNK>`.
        rows: Readers, the batch size.
        unroll: Ids a reader takes in a batch.
        widest_filter: Of the token encoder; bounds how far spellings are cut.
        negatives: Sampled words per batch; 0 for none.
        seed: Of the sampling.
        lower_case: int32 `(types,)`, the id of each word in lower case.
        lowercase_share: Share of the readers that read in lower case.
        distinct_multiple: Distinct tokens are padded to a multiple of this, so that
            batches have few shapes.
        is_cut: Whether the spellings are cut where all of them are short, which
            makes a second shape.
    """

    ids: np.ndarray
    spellings: np.ndarray
    vocabulary_size: int
    rows: int
    unroll: int
    widest_filter: int
    negatives: int = 0
    seed: int = 0
    lower_case: np.ndarray | None = None
    lowercase_share: float = 0.0
    distinct_multiple: int = 512
    is_cut: bool = True

    @property
    def circle(self) -> int:
        """Ids in the stream; its last boundary is its first one again."""
        return len(self.ids) - 1

    @property
    def tokens_per_batch(self) -> int:
        """Ids that each direction reads in a batch."""
        return self.rows * self.unroll

    def words(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns inputs and targets of a batch, int32 `(2, rows, unroll)` ids.

        Direction 0 is forward; direction 1 is backward, in the order it reads.
        """
        start = (np.arange(self.rows) * (self.circle // self.rows))[:, None]
        walk = np.arange(self.unroll + 1)[None, :] + step * self.unroll
        ahead = self.ids[(start + walk) % self.circle]
        back = self.ids[(start - walk) % self.circle]
        if self.lower_case is not None and self.lowercase_share:
            turns = np.floor(np.arange(self.rows + 1) * self.lowercase_share)
            is_lower = turns[1:] > turns[:-1]  # spread evenly over the circle
            for ids in (ahead, back):
                ids[is_lower] = self.lower_case[ids[is_lower]]
        inputs = np.stack([ahead[:, :-1], back[:, :-1]])
        inputs[1][inputs[1] == BOUNDARY] = END_TARGET
        targets = np.stack([ahead[:, 1:], back[:, 1:]])
        targets[0][targets[0] == BOUNDARY] = END_TARGET
        targets[targets >= self.vocabulary_size] = UNKNOWN
        return inputs, targets

    def batch(self, step: int) -> dict[str, np.ndarray]:
        """Returns the arrays of batch `step` as `LanguageModel` takes them."""
        inputs, targets = self.words(step)
        distinct = self._distinct(inputs)
        places = np.empty(len(self.spellings), np.int32)
        places[distinct] = np.arange(len(distinct), dtype=np.int32)
        arrays: dict[str, Any] = {
            "chars": self._spell(distinct),
            "inputs": places[inputs],
            "targets": targets,
        }
        if self.negatives:
            rng = np.random.default_rng((self.seed, step))
            ids, tries = sample_log_uniform(rng, self.vocabulary_size, self.negatives)
            log_counts = log_expected_counts(
                self._vocabulary, tries, len(self._vocabulary)
            )
            arrays["negatives"] = ids
            arrays["negative_log_counts"] = log_counts[ids]
            arrays["target_log_counts"] = log_counts[targets]
        return arrays

    def most_distinct(self, looks: int = 64) -> int:
        """Returns the most distinct tokens among so many batches of the circle."""
        around = max(1, self.circle // self.rows // self.unroll)
        steps = range(0, around, max(1, around // looks))
        return max(len(self._distinct(self.words(step)[0])) for step in steps)

    @cached_property
    def _vocabulary(self) -> np.ndarray:
        return np.arange(self.vocabulary_size)

    def _distinct(self, ids: np.ndarray) -> np.ndarray:
        is_there = np.zeros(len(self.spellings), bool)  # faster than sorting
        is_there[ids] = True
        return np.flatnonzero(is_there)

    def _spell(self, distinct: np.ndarray) -> np.ndarray:
        chars = self.spellings[distinct]
        max_chars = chars.shape[1]
        longest = int((chars != characters.PAD_WORD).sum(axis=1).max())
        # No result changes if one window of padding is left for each filter.
        half = (max_chars + 1) // 2
        is_short = self.is_cut and longest + self.widest_filter <= half
        width = half if is_short else max_chars
        padded = -len(distinct) % self.distinct_multiple
        return np.pad(
            chars[:, :width], ((0, padded), (0, 0)), constant_values=characters.PAD_WORD
        ).astype(np.int32)


def sample_log_uniform(
    rng: np.random.Generator, size: int, count: int
) -> tuple[np.ndarray, int]:
    """Draws distinct ids below `size`, id k with chance log((k+2)/(k+1))/log(size+1).

    Returns:
        int32 `(count,)` ids, and the draws it took until so many were distinct.
    """
    if count >= size:
        raise ValueError(
            f"`negatives` must be below the vocabulary's {size} words. "
            f"Received: `negatives={count}`"
        )
    drawn = np.zeros(0, np.int64)
    while True:
        more = np.exp(rng.random(2 * count) * np.log(size + 1)).astype(np.int64) - 1
        drawn = np.concatenate([drawn, np.minimum(more, size - 1)])
        _, first = np.unique(drawn, return_index=True)
        if len(first) >= count:
            first = np.sort(first)[:count]
            return drawn[first].astype(np.int32), int(first[-1]) + 1


def log_expected_counts(ids: np.ndarray, tries: int, size: int) -> np.ndarray:
    """Returns the log of how often each id is expected among the distinct draws."""
    chance = np.log((ids + 2.0) / (ids + 1.0)) / np.log(size + 1.0)
    return np.log(-np.expm1(tries * np.log1p(-chance))).astype(np.float32)


def prefetch(batcher: Batcher, step: int, depth: int = 8) -> Iterator[dict[str, Any]]:
    """Yields the batches from `step` on without end; `depth` are made in advance.

    They lie on the device already. An error of the batcher is raised at the batch
    that it concerns.
    """
    workers = max(1, (os.cpu_count() or 1) // _CORES_PER_WORKER)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")

    def make(number: int) -> dict[str, Any]:
        return tree.map_structure(ops.convert_to_tensor, batcher.batch(number))

    waiting = deque(pool.submit(make, step + i) for i in range(depth))
    try:
        for number in itertools.count(step + depth):
            batch = waiting.popleft().result()
            waiting.append(pool.submit(make, number))
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)
