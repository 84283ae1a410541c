"""Batches for training: rows of a packed stream, for both directions."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from keras_elmo import characters
from keras_elmo.pretraining.corpus import BOUNDARY, END_TARGET, UNKNOWN

_DISTINCT_STEP = 512  # distinct tokens are padded to a multiple: few shapes


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
    """

    ids: np.ndarray
    spellings: np.ndarray
    vocabulary_size: int
    rows: int
    unroll: int
    widest_filter: int
    negatives: int = 0
    seed: int = 0

    @property
    def circle(self) -> int:
        """Ids in the stream; its last boundary is its first one again."""
        return len(self.ids) - 1

    @property
    def tokens_per_batch(self) -> int:
        """Ids that each direction reads in a batch."""
        return self.rows * self.unroll

    def words(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Gives inputs and targets of a batch, int32 `(2, rows, unroll)` ids.

        Direction 0 is forward; direction 1 is backward, in the order it reads.
        """
        start = (np.arange(self.rows) * (self.circle // self.rows))[:, None]
        walk = np.arange(self.unroll + 1)[None, :] + step * self.unroll
        ahead = self.ids[(start + walk) % self.circle]
        back = self.ids[(start - walk) % self.circle]
        inputs = np.stack([ahead[:, :-1], back[:, :-1]])
        inputs[1][inputs[1] == BOUNDARY] = END_TARGET
        targets = np.stack([ahead[:, 1:], back[:, 1:]])
        targets[0][targets[0] == BOUNDARY] = END_TARGET
        targets[targets >= self.vocabulary_size] = UNKNOWN
        return inputs, targets

    def batch(self, step: int) -> dict[str, np.ndarray]:
        """Gives the arrays of batch `step` as `LanguageModel` takes them."""
        inputs, targets = self.words(step)
        distinct, places = np.unique(inputs, return_inverse=True)
        arrays: dict[str, Any] = {
            "chars": self._spell(distinct),
            "inputs": places.reshape(inputs.shape).astype(np.int32),
            "targets": targets,
        }
        if self.negatives:
            rng = np.random.default_rng((self.seed, step))
            ids, tries = sample_log_uniform(rng, self.vocabulary_size, self.negatives)
            arrays["negatives"] = ids
            arrays["negative_log_counts"] = log_expected_counts(
                ids, tries, self.vocabulary_size
            )
            arrays["target_log_counts"] = log_expected_counts(
                targets, tries, self.vocabulary_size
            )
        return arrays

    def _spell(self, distinct: np.ndarray) -> np.ndarray:
        chars = self.spellings[distinct]
        max_chars = chars.shape[1]
        longest = int((chars != characters.PAD_WORD).sum(axis=1).max())
        # No result changes if one window of padding is left for each filter.
        half = (max_chars + 1) // 2
        width = half if longest + self.widest_filter <= half else max_chars
        padded = -len(distinct) % _DISTINCT_STEP
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
    """Gives the log of how often each id is expected among the distinct draws."""
    chance = np.log((ids + 2.0) / (ids + 1.0)) / np.log(size + 1.0)
    return np.log(-np.expm1(tries * np.log1p(-chance))).astype(np.float32)
