"""The activations of a frozen ELMo on disk, so that each text is encoded once."""

from __future__ import annotations

import dataclasses
import errno
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.files import replace_when_done
from pipeline.training.data import LabelledTokens

_LOGGER = logging.getLogger(__name__)

# float16 keeps 11 bits of each activation, which is more than dropout leaves, and
# halves the file. Recomputed texts are rounded alike.
_DTYPE = np.dtype("float16")
_TOKENS_PER_CALL = 4096  # tokens encoded together, padding included
_MAX_TEXTS_PER_CALL = 512
_SHARE_OF_FREE_DISK = 0.9  # the rest stays for the model, the logs, and others
_PROGRESS_SECONDS = 15.0

Encode = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass
class CacheFacts:
    """What the cache holds and what it cost; for `history.json`.

    Attributes:
        bytes: Size of the file.
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
    """A file with `(layers, time, dim)` float16 for each text, real tokens only.

    Args:
        folder: Where the file lies; made if absent, deleted by the caller. A complete
            file of an interrupted run there is used again, a partial one is not.
        data: The texts.
        encode: Object `(batch, time)` tokens padded with b"" -> float
            `(batch, layers, time, dim)`.
        num_layers: ELMo layers, the token layer included.
        dim: Width of one activation.
        bound_bytes: Most bytes the file may take.
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
        self._bytes_per_token = num_layers * dim * _DTYPE.itemsize
        self._clock = clock
        self._offsets = np.full(len(data.labels), -1, np.int64)  # -1: not in the file
        folder.mkdir(parents=True, exist_ok=True)
        path, index = folder / "activations.f16", folder / "index.npy"
        reused = index.exists()
        seconds, tokens = 0.0, 0
        if reused:
            self._offsets = np.load(index)
        else:
            started = clock()
            tokens = self._fill(path, bound_bytes)
            seconds = clock() - started
            with replace_when_done(index) as unfinished, unfinished.open("wb") as file:
                np.save(file, self._offsets)
        self._file = os.open(path, os.O_RDONLY)
        self.facts = CacheFacts(
            bytes=path.stat().st_size,
            bound_bytes=bound_bytes,
            examples=len(self._offsets),
            cached_examples=int((self._offsets >= 0).sum()),
            encode_seconds=round(seconds, 2),
            tokens_per_second=round(tokens / seconds, 1) if seconds else 0.0,
            reused=reused,
        )
        _LOGGER.info("Embedding cache: %s", self.facts)

    def read(self, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gives the activations of `texts`, from the file or else from the encoder.

        Returns:
            float16 `(batch, layers, time, dim)`, zero at padding, and bool
            `(batch, time)`, True at real tokens.
        """
        lengths = self._data.lengths[texts]
        widest = max(1, int(lengths.max(initial=0)))
        layers = np.zeros((len(texts), self.num_layers, widest, self.dim), _DTYPE)
        for row, (text, length) in enumerate(zip(texts, lengths, strict=True)):
            if self._offsets[text] >= 0:
                layers[row, :, :length] = self._read_text(text, length)
        missing = np.flatnonzero(self._offsets[texts] < 0)
        if missing.size:
            encoded = self._encode_checked(texts[missing])
            layers[missing, :, : encoded.shape[2]] = encoded
        return layers, np.arange(widest) < lengths[:, None]

    def close(self) -> None:
        """Closes the file, which stays for the next run until its folder is deleted."""
        os.close(self._file)

    def _fill(self, path: Path, bound_bytes: int) -> int:
        """Writes texts, shortest first, until the bound; returns the tokens encoded."""
        free = int(shutil.disk_usage(path.parent).free * _SHARE_OF_FREE_DISK)
        if free < bound_bytes:
            _LOGGER.warning(
                "Embedding cache: bound lowered from %d to %d bytes, 0.9 of what the "
                "disk has free",
                bound_bytes,
                free,
            )
        lengths = self._data.lengths
        order = np.argsort(lengths, kind="stable")
        ends = np.cumsum(lengths[order]) * self._bytes_per_token
        order = order[ends <= min(bound_bytes, free)]
        started = reported = self._clock()
        with path.open("wb") as file:
            size = int(lengths[order].sum()) * self._bytes_per_token
            if not _reserve(file.fileno(), size):
                order = order[:0]
            total, done = int(lengths[order].sum()), 0
            for texts in _encoding_batches(order, lengths):
                encoded = self._encode_checked(texts)
                for text, block in zip(texts, encoded, strict=True):
                    self._offsets[text] = done * self._bytes_per_token
                    file.write(block[:, : lengths[text]].tobytes())
                    done += int(lengths[text])
                now = self._clock()
                if now - reported > _PROGRESS_SECONDS:
                    reported = now
                    rate = done / (now - started)
                    _LOGGER.info(
                        "ELMo: %d of %d tokens, %.0f tokens/s", done, total, rate
                    )
        return done

    def _encode_checked(self, texts: np.ndarray) -> np.ndarray:
        encoded = np.asarray(self._encode(self._data.tokens(texts))).astype(_DTYPE)
        if not np.isfinite(encoded).all():
            raise ValueError(
                "ELMo activations must be finite and below 65504. Received: "
                f"{encoded[~np.isfinite(encoded)][0]}\n"
                "hint: check the weights of elmo.source"
            )
        return encoded

    def _read_text(self, text: int, length: int) -> np.ndarray:
        size = int(length) * self._bytes_per_token
        block = os.pread(self._file, size, self._offsets[text])
        return np.frombuffer(block, _DTYPE).reshape(self.num_layers, length, self.dim)


def _encoding_batches(order: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """Cuts `order`, sorted by length, so that no call computes too many tokens."""
    batches, start = [], 0
    while start < len(order):
        stop = start + _MAX_TEXTS_PER_CALL
        while stop > start + 1:
            stop = min(stop, len(order))
            widest = max(1, int(lengths[order[stop - 1]]))
            if (stop - start) * widest <= _TOKENS_PER_CALL:
                break
            stop = start + max(1, _TOKENS_PER_CALL // widest)
        batches.append(order[start:stop])
        start = stop
    return batches


def _reserve(file: int, size: int) -> bool:
    """Takes `size` bytes of disk for `file`, or says in the log that it cannot."""
    if not size:
        return True
    try:
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        _LOGGER.warning(
            "Embedding cache: no room for %d bytes (%s); every epoch encodes every "
            "text anew",
            size,
            error.strerror,
        )
        return False
    return True
