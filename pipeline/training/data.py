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
        labels: int32 `(texts,)`; where a text may have several, uint8
            `(texts, classes)`, 1 at its own.
        splits: Name of a split -> the int64 places of its texts.
    """

    words: np.ndarray
    word_ids: np.ndarray
    starts: np.ndarray
    labels: np.ndarray
    splits: Mapping[str, np.ndarray]

    @property
    def is_multi_label(self) -> bool:
        """Whether a text may have several labels."""
        return self.labels.ndim == 2

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

    def keys(self) -> np.ndarray:
        """Returns what the tokens of each text are known by, `(texts,)` of 16 bytes."""
        words: Sequence[Any] = self.words.tolist()
        ids, starts = self.word_ids.tolist(), self.starts.tolist()
        keys = np.empty(len(starts) - 1, "S16")
        for text, (begin, end) in enumerate(zip(starts, starts[1:], strict=False)):
            # No token holds a line break: they were split at white space.
            joined = b"\n".join([words[number] for number in ids[begin:end]])
            keys[text] = hashlib.blake2b(joined, digest_size=16).digest()
        return keys

    def only(self, texts: np.ndarray) -> LabelledTokens:
        """Returns some of the texts, in their order here, with all words.

        Args:
            texts: Their places, int64, in rising order.
        """
        tokens = np.repeat(np.isin(np.arange(len(self.lengths)), texts), self.lengths)
        return LabelledTokens(
            words=self.words,
            word_ids=self.word_ids[tokens],
            starts=np.cumsum([0, *self.lengths[texts]], dtype=np.int64),
            labels=self.labels[texts],
            splits={
                name: np.flatnonzero(np.isin(texts, of_split))
                for name, of_split in self.splits.items()
            },
        )

    def fingerprint(self) -> str:
        """Returns a digest of every token, label and split."""
        digest = hashlib.sha256()
        digest.update(b"\n".join(self.words.tolist()))
        for array in (self.word_ids, self.starts, self.labels):
            digest.update(array.tobytes())
        for name, texts in self.splits.items():
            digest.update(name.encode() + texts.tobytes())
        return digest.hexdigest()


class TokenTable:
    """Collects tokenised texts, batch by batch, into `LabelledTokens`."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {b"": 0}
        self._ids: list[np.ndarray] = []
        self._lengths: list[np.ndarray] = []

    def add(self, tokens: tf.SparseTensor) -> None:
        """Adds a batch of texts: sparse string `(batch, time)`."""
        known, words = self._known, tokens.values.numpy().tolist()
        ids = (known.setdefault(word, len(known)) for word in words)
        self._ids.append(np.fromiter(ids, np.int32))
        batch = int(tokens.dense_shape[0])
        rows = tokens.indices.numpy()[:, 0]
        self._lengths.append(np.bincount(rows, minlength=batch))

    def labelled(
        self, labels: np.ndarray, splits: Mapping[str, np.ndarray]
    ) -> LabelledTokens:
        """Returns the texts, with labels and splits as `LabelledTokens` has them."""
        words = np.empty(len(self._known), object)
        words[:] = list(self._known)
        return LabelledTokens(
            words=words,
            word_ids=np.concatenate(self._ids),
            starts=np.cumsum(np.concatenate([[0], *self._lengths]), dtype=np.int64),
            labels=labels,
            splits=splits,
        )


def read_labelled_tokens(
    patterns: Mapping[str, Sequence[str]],
    feature_spec: Mapping[str, Any],
    classes: Sequence[str] = (),
) -> LabelledTokens:
    """Reads the splits that tf.Transform wrote.

    Args:
        patterns: Name of a split -> globs of its TFRecord files, gzip where the name
            ends in `.gz`.
        feature_spec: How to parse a record; `TOKENS` is sparse, `LABEL_ID` holds one
            value, or is sparse where a text may have several labels.
        classes: Their names; only needed where a text may have several labels.

    Raises:
        ValueError: A split holds no example, or, where a text may have several labels,
            one that is not in `classes`.
    """
    is_multi_label = isinstance(feature_spec[features.LABEL_ID], tf.io.VarLenFeature)
    spec = {name: feature_spec[name] for name in (features.TOKENS, features.LABEL_ID)}
    table = TokenTable()
    labels: list[np.ndarray] = []
    splits: dict[str, np.ndarray] = {}
    count = 0
    for split, globs in patterns.items():
        first = count
        for serialized in _records(globs).batch(_PARSE_BATCH):
            parsed = tf.io.parse_example(serialized, spec)
            table.add(parsed[features.TOKENS])
            label_ids = parsed[features.LABEL_ID]
            if is_multi_label:
                labels.append(_multi_hot(label_ids, split, classes))
            else:
                labels.append(label_ids.numpy().reshape(-1).astype("int32"))
            count += len(serialized)
        if count == first:
            raise ValueError(
                f"the {split!r} split must hold at least one example. Received: none\n"
                "hint: give more rows, or a larger fraction for this split"
            )
        splits[split] = np.arange(first, count)
    return table.labelled(np.concatenate(labels), splits)


def _multi_hot(ids: tf.SparseTensor, split: str, classes: Sequence[str]) -> np.ndarray:
    """Returns uint8 `(batch, classes)`, 1 at the labels of each text."""
    rows, places = ids.indices.numpy()[:, 0], ids.values.numpy()
    is_unknown = (places < 0) | (places >= len(classes))
    refuse_unknown(split, len(np.unique(rows[is_unknown])), classes)
    labels = np.zeros((int(ids.dense_shape[0]), len(classes)), np.uint8)
    labels[rows, places] = 1
    return labels


def refuse_unknown(split: str, unknown: int, classes: Sequence[str]) -> None:
    """Refuses a split in which so many examples have a label that no class is.

    Raises:
        ValueError: There are any.
    """
    if unknown:
        raise ValueError(
            "every label must occur in the training split, whose classes are "
            f"{', '.join(classes)}. Received: {unknown} examples with other "
            f"labels in the {split!r} split\n"
            "hint: remove classes with so few rows, or add rows to them"
        )


def _records(globs: Sequence[str]) -> tf.data.Dataset:
    files = sorted(path for pattern in globs for path in tf.io.gfile.glob(pattern))
    compressed = all(path.endswith(".gz") for path in files)
    return untuned(tf.data.TFRecordDataset(files, "GZIP" if compressed else ""))


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns a dataset of which nothing is tuned while it is read.

    Where there is nothing to tune, the thread that would do it sleeps for 10 ms, then
    for 20, for 40 and so on, and an iterator does not end before it wakes up: what took
    2.7 seconds would take 5.1, and what took 5.2 would take 10.2.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


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
