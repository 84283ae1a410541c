"""Encodes texts and writes what comes of them as segments of the embedding store."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from components.progress import tell
from keras_elmo import ElmoEmbeddingLayer
from pipeline.training.data import LabelledTokens
from pipeline.training.segments import Segment, to_four_bits

_LOGGER = logging.getLogger(__name__)

SUFFIX = ".segment"
TOKENS_PER_SEGMENT = 2**15  # a few seconds of encoding: what a kill costs
TEXTS_ENCODED = "texts encoded"  # what `tell` counts

_TOKENS_PER_CALL = 4096  # tokens encoded together, padding included
_MAX_TEXTS_PER_CALL = 512
_LOG_SECONDS = 15.0

Encode = Callable[[np.ndarray], np.ndarray]
"""Tokens, object `(batch, time)` padded with b"" -> their activations, float `(batch,
layers, time, dim)`."""


class Encoding(Protocol):
    """Where and how texts are encoded."""

    def __call__(
        self, folder: Path, data: LabelledTokens, texts: np.ndarray, keys: np.ndarray
    ) -> Iterator[Segment]:
        """Yields the segments of `texts`, in their order, once they are written.

        Args:
            folder: Of the segments.
            data: Holds the texts.
            texts: Their places, int64, sorted by length.
            keys: What `data.keys` says of each.

        Raises:
            OSError: A segment cannot be written.
            ValueError: An activation is not finite.
        """


class EncodeHere:
    """An `Encoding` in this process.

    Args:
        encode: Returns the activations of texts.
        clock: Seconds since any point; for tests.
    """

    def __init__(
        self, encode: Encode, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._encode, self._clock = encode, clock

    def __call__(
        self, folder: Path, data: LabelledTokens, texts: np.ndarray, keys: np.ndarray
    ) -> Iterator[Segment]:
        """Yields each segment as `Encoding` says, and tells how far it has come."""
        done = tokens = 0
        started = logged = self._clock()

        def count(batch: np.ndarray) -> None:
            nonlocal done, tokens, logged
            done += len(batch)
            tokens += int(data.lengths[batch].sum())
            tell(TEXTS_ENCODED, done, len(texts))
            now = self._clock()
            if now - logged > _LOG_SECONDS:
                logged = now
                rate = tokens / (now - started)
                _LOGGER.info("ELMo: %d tokens, %.0f tokens/s", tokens, rate)

        for part in segment_parts(data.lengths[texts]):
            path = folder / f"{uuid.uuid4().hex}{SUFFIX}"
            yield write_segment(
                path, data, texts[part], keys[part], self._encode, count
            )


def segment_parts(lengths: np.ndarray) -> list[slice]:
    """Returns which texts go into each segment.

    Args:
        lengths: Tokens of each text, int64 `(texts,)`.
    """
    numbers = np.cumsum(lengths) // TOKENS_PER_SEGMENT
    ends = [*np.flatnonzero(np.diff(numbers)) + 1, len(lengths)]
    return [slice(a, b) for a, b in zip([0, *ends], ends, strict=False) if a < b]


def write_segment(
    path: Path,
    data: LabelledTokens,
    texts: np.ndarray,
    keys: np.ndarray,
    encode: Encode,
    done: Callable[[np.ndarray], None] = lambda batch: None,
) -> Segment:
    """Encodes texts, writes a segment and returns it.

    Args:
        path: Of the segment.
        data: Holds the texts.
        texts: Their places, int64, sorted by length; at least one.
        keys: What `data.keys` says of each.
        encode: Returns their activations.
        done: Called with each batch of texts that is encoded.

    Raises:
        OSError: It cannot be written.
        ValueError: An activation is not finite.
    """
    codes, scales = [], []
    for batch in encoding_batches(texts, data.lengths):
        of_batch, scales_of_batch = encoded(encode, data.tokens(batch))
        is_token = np.arange(of_batch.shape[2]) < data.lengths[batch][:, None]
        codes.append(of_batch.swapaxes(1, 2)[is_token])
        scales.append(scales_of_batch.swapaxes(1, 2)[is_token])
        done(batch)
    return Segment.write(
        path,
        keys,
        data.lengths[texts],
        np.concatenate(scales),
        np.concatenate(codes),
    )


def encode_by(encoder: ElmoEmbeddingLayer) -> Encode:
    """Returns the function of a layer."""
    spec = tf.TensorSpec((None, None), tf.string)

    @tf.function(input_signature=[spec], autograph=False)
    def encode(tokens: tf.Tensor) -> tf.Tensor:
        return tf.cast(encoder(tokens, training=False), tf.float32)

    return lambda tokens: encode(tf.constant(tokens, tf.string)).numpy()


def encoded(encode: Encode, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the activations of texts in four bits, as `to_four_bits` does.

    Args:
        encode: Returns the activations.
        tokens: Object `(batch, time)`, padded with b"".

    Raises:
        ValueError: An activation is not finite.
    """
    activations = np.asarray(encode(tokens), np.float32)
    if not np.isfinite(activations).all():
        raise ValueError(
            "ELMo activations must be finite. Received: "
            f"{activations[~np.isfinite(activations)][0]}\n"
            "hint: check the weights of elmo.source"
        )
    return to_four_bits(activations)


def encoding_batches(order: np.ndarray, lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Cuts `order`, sorted by length, so that no call computes too many tokens."""
    while len(order):
        texts = order[:_MAX_TEXTS_PER_CALL]
        padded = np.maximum(1, lengths[texts]) * np.arange(1, len(texts) + 1)
        count = max(1, int(np.searchsorted(padded, _TOKENS_PER_CALL, side="right")))
        yield texts[:count]
        order = order[count:]
