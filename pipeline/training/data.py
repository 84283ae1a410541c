"""The transformed examples in memory, and the order in which training reads them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline import features

_PARSE_BATCH = 1024  # examples
# Batches of similar length are cut out of this many random batches, so that little
# padding is computed and the order stays random.
_BATCHES_PER_BUCKET_POOL = 32


@dataclasses.dataclass(frozen=True)
class LabelledTokens:
    """Tokenised texts with their classes, 4 bytes a token beside the distinct words.

    Attributes:
        words: Object array of the distinct tokens, bytes; `words[0]` is b"".
        word_ids: int32 `(all tokens,)`, places in `words`, text after text.
        starts: int64 `(texts + 1,)`, where each text begins in `word_ids`.
        labels: int32 `(texts,)`.
        splits: Name of a split -> the int64 places of its texts.
    """

    words: np.ndarray
    word_ids: np.ndarray
    starts: np.ndarray
    labels: np.ndarray
    splits: Mapping[str, np.ndarray]

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text, int64 `(texts,)`."""
        return np.diff(self.starts)

    def tokens(self, texts: np.ndarray) -> np.ndarray:
        """Returns the tokens of `texts`, object `(batch, time)` padded with b"".

        At least one column wide, so that a batch of empty texts has a time axis.
        """
        widest = max(1, int(self.lengths[texts].max(initial=0)))
        padded = np.zeros((len(texts), widest), np.int32)
        for row, text in enumerate(texts):
            ids = self.word_ids[self.starts[text] : self.starts[text + 1]]
            padded[row, : len(ids)] = ids
        return self.words[padded]

    def fingerprint(self) -> str:
        """Returns a digest of every token, label and split."""
        digest = hashlib.sha256()
        digest.update(b"\n".join(self.words.tolist()))
        for array in (self.word_ids, self.starts, self.labels):
            digest.update(array.tobytes())
        for name, texts in self.splits.items():
            digest.update(name.encode() + texts.tobytes())
        return digest.hexdigest()


def read_labelled_tokens(
    patterns: Mapping[str, Sequence[str]], feature_spec: Mapping[str, Any]
) -> LabelledTokens:
    """Reads the splits that tf.Transform wrote.

    Args:
        patterns: Name of a split -> globs of its TFRecord files, gzip where the name
            ends in `.gz`.
        feature_spec: How to parse a record; `TOKENS` is sparse, `LABEL_ID` holds one
            value.

    Raises:
        ValueError: A split holds no example.
    """
    spec = {name: feature_spec[name] for name in (features.TOKENS, features.LABEL_ID)}
    known: dict[bytes, int] = {b"": 0}
    ids: list[np.ndarray] = []
    lengths: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    splits: dict[str, np.ndarray] = {}
    count = 0
    for split, globs in patterns.items():
        first = count
        for serialized in _records(globs).batch(_PARSE_BATCH):
            parsed = tf.io.parse_example(serialized, spec)
            tokens = parsed[features.TOKENS]
            values = tokens.values.numpy().tolist()
            ids.append(
                np.fromiter((known.setdefault(w, len(known)) for w in values), np.int32)
            )
            rows = tokens.indices.numpy()[:, 0]
            lengths.append(np.bincount(rows, minlength=len(serialized)))
            labels.append(parsed[features.LABEL_ID].numpy().reshape(-1))
            count += len(serialized)
        if count == first:
            raise ValueError(
                f"the {split!r} split must hold at least one example. Received: none\n"
                "hint: give more rows, or a larger fraction for this split"
            )
        splits[split] = np.arange(first, count)
    words = np.empty(len(known), object)
    words[:] = list(known)
    return LabelledTokens(
        words=words,
        word_ids=np.concatenate(ids),
        starts=np.cumsum(np.concatenate([[0], *lengths]), dtype=np.int64),
        labels=np.concatenate(labels).astype("int32"),
        splits=splits,
    )


def _records(globs: Sequence[str]) -> tf.data.Dataset:
    files = sorted(path for pattern in globs for path in tf.io.gfile.glob(pattern))
    compressed = all(path.endswith(".gz") for path in files)
    return tf.data.TFRecordDataset(files, "GZIP" if compressed else "")


def shuffled_batches(
    texts: np.ndarray, lengths: np.ndarray, *, batch_size: int, seed: int, epoch: int
) -> list[np.ndarray]:
    """Returns the batches of one epoch: random, yet of similar length within a batch.

    Args:
        texts: Places of the texts, int64.
        lengths: Tokens of every text, indexed by place.
        batch_size: Texts per batch; the last may be smaller.
        seed: The same seed and epoch give the same batches on every machine.
        epoch: Number of the epoch, from 0.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(texts)
    pool_size = batch_size * _BATCHES_PER_BUCKET_POOL
    batches = []
    for start in range(0, len(order), pool_size):
        pool = order[start : start + pool_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches.extend(split_batches(pool, batch_size=batch_size))
    return [batches[place] for place in random.permutation(len(batches))]


def split_batches(texts: np.ndarray, *, batch_size: int) -> list[np.ndarray]:
    """Cuts `texts` into runs of `batch_size`, in order; the last may be smaller."""
    return [texts[at : at + batch_size] for at in range(0, len(texts), batch_size)]
