"""The activations of a frozen ELMo on disk, so that each text is encoded once."""

from __future__ import annotations

import dataclasses
import errno
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from components.progress import tell
from pipeline.training.data import LabelledTokens

_LOGGER = logging.getLogger(__name__)

# float16 keeps 11 bits of each activation, which is more than dropout leaves, and
# halves the file. Recomputed texts are rounded alike.
_DTYPE = np.dtype("float16")
_TOKENS_PER_CALL = 4096  # tokens encoded together, padding included
_MAX_TEXTS_PER_CALL = 512
_SHARE_OF_FREE_DISK = 0.9  # the rest stays for the model, the logs, and others
_LOG_SECONDS = 15.0

Encode = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass
class CacheFacts:
    """What the cache holds and what it cost; for `history.json`.

    Attributes:
        bytes: Size of the activations.
        bound_bytes: What the configuration allows.
        examples: Texts that training and early stopping read.
        cached_examples: Texts in the file; the rest is encoded anew in each epoch.
        encode_seconds: Wall time of filling it.
        tokens_per_second: Rate of the encoder meanwhile; no padding counted.
        reused: Whether an interrupted run had filled it already.
    """

    bytes: int
    bound_bytes: int
    examples: int
    cached_examples: int
    encode_seconds: float
    tokens_per_second: float
    reused: bool


class EmbeddingCache:
    """A file with `(all tokens, layers, dim)` float16: as many texts as fit.

    The shortest texts come first, and no padding is kept.

    Args:
        folder: Where the file lies; made if absent, deleted by the caller. A complete
            file of an interrupted run there is used again, a partial one is not.
        data: The texts.
        encode: Object `(batch, time)` tokens padded with b"" -> float
            `(batch, layers, time, dim)`.
        num_layers: ELMo layers, the token layer included.
        dim: Width of one activation.
        bound_bytes: Most bytes the activations may take.
        clock: Seconds since any point; for tests.
    """

    def __init__(
        self,
        folder: Path,
        data: LabelledTokens,
        encode: Encode,
        *,
        num_layers: int,
        dim: int,
        bound_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._data = data
        self._encode = encode
        self.num_layers, self.dim = num_layers, dim
        self._clock = clock
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "activations.f16"
        by_length = np.argsort(data.lengths, kind="stable")
        ends = np.cumsum(data.lengths[by_length])  # in the file, if all texts fit
        started, reused = clock(), path.exists()
        if not reused:
            bound = _within_free_disk(bound_bytes, folder)
            fits = ends * num_layers * dim * _DTYPE.itemsize <= bound
            self._fill(path, by_length[fits])
        seconds = 0.0 if reused else clock() - started
        size = path.stat().st_size
        flat = np.memmap(path, _DTYPE, "r") if size else np.zeros(0, _DTYPE)
        self._activations = flat.reshape(-1, num_layers, dim)
        tokens = len(self._activations)
        cached = by_length[ends <= tokens]
        self._starts = np.full(len(by_length), -1)  # -1: the text is not in the file
        self._starts[cached] = ends[: len(cached)] - data.lengths[cached]
        self.facts = CacheFacts(
            bytes=size,
            bound_bytes=bound_bytes,
            examples=len(by_length),
            cached_examples=len(cached),
            encode_seconds=round(seconds, 2),
            tokens_per_second=round(tokens / seconds, 1) if seconds else 0.0,
            reused=reused,
        )
        _LOGGER.info("Embedding cache: %s", self.facts)

    def read(self, texts: np.ndarray) -> np.ndarray:
        """Returns the activations of `texts`, from the file or else from the encoder.

        Returns:
            float16 `(batch, layers, time, dim)`, zero at padding.
        """
        lengths = self._data.lengths[texts]
        starts = self._starts[texts]
        widest = max(1, int(lengths.max(initial=0)))
        layers = np.zeros((len(texts), self.num_layers, widest, self.dim), _DTYPE)
        for row in np.flatnonzero(starts >= 0):
            start, length = starts[row], lengths[row]
            tokens = self._activations[start : start + length]  # (time, layers, dim)
            layers[row, :, :length] = tokens.swapaxes(0, 1)
        missing = np.flatnonzero(starts < 0)
        if missing.size:
            encoded = self._encode_checked(texts[missing])
            layers[missing, :, : encoded.shape[2]] = encoded
        return layers

    def close(self) -> None:
        """Lets go of the file, which stays for the next run until it is deleted."""
        del self._activations

    def _fill(self, path: Path, texts: np.ndarray) -> None:
        """Encodes `texts`, which come shortest first, into a file: all or no file."""
        part = path.with_suffix(".part")
        tokens = int(self._data.lengths[texts].sum())
        with part.open("wb") as file:
            if _reserve(file, tokens * self.num_layers * self.dim * _DTYPE.itemsize):
                self._encode_into(file, texts, tokens)
        os.replace(part, path)

    def _encode_into(self, file: BinaryIO, order: np.ndarray, tokens: int) -> None:
        lengths = self._data.lengths
        texts_done = tokens_done = 0
        started = logged = self._clock()
        for texts in _encoding_batches(order, lengths):
            encoded = self._encode_checked(texts)
            for text, layers in zip(texts, encoded, strict=True):
                file.write(layers[:, : lengths[text]].swapaxes(0, 1).tobytes())
            texts_done += len(texts)
            tokens_done += int(lengths[texts].sum())
            tell("texts encoded", texts_done, len(order))
            now = self._clock()
            if now - logged > _LOG_SECONDS:
                logged = now
                _LOGGER.info(
                    "ELMo: %d of %d tokens, %.0f tokens/s",
                    tokens_done,
                    tokens,
                    tokens_done / (now - started),
                )

    def _encode_checked(self, texts: np.ndarray) -> np.ndarray:
        encoded = np.asarray(self._encode(self._data.tokens(texts))).astype(_DTYPE)
        if not np.isfinite(encoded).all():
            raise ValueError(
                "ELMo activations must be finite and below 65504. Received: "
                f"{encoded[~np.isfinite(encoded)][0]}\n"
                "hint: check the weights of elmo.source"
            )
        return encoded


def _within_free_disk(bound_bytes: int, folder: Path) -> int:
    free = int(shutil.disk_usage(folder).free * _SHARE_OF_FREE_DISK)
    if free < bound_bytes:
        _LOGGER.warning(
            "Embedding cache: bound lowered from %d to %d bytes, 0.9 of what the disk "
            "has free",
            bound_bytes,
            free,
        )
    return min(bound_bytes, free)


def _reserve(file: BinaryIO, size: int) -> bool:
    """Takes `size` bytes of disk for `file`, or says in the log that it cannot."""
    if not size:
        return True
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        _LOGGER.warning(
            "Embedding cache: no room for %d bytes (%s); every epoch encodes every "
            "text anew",
            size,
            error.strerror,
        )
        file.truncate(0)
        return False
    return True


def _encoding_batches(order: np.ndarray, lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Cuts `order`, sorted by length, so that no call computes too many tokens."""
    while len(order):
        texts = order[:_MAX_TEXTS_PER_CALL]
        padded = np.maximum(1, lengths[texts]) * np.arange(1, len(texts) + 1)
        count = max(1, int(np.searchsorted(padded, _TOKENS_PER_CALL, side="right")))
        yield texts[:count]
        order = order[count:]
