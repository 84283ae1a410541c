"""How activations of a frozen ELMo lie in a file: four bits a value and a scale.

Each vector has a scale, near its root mean square; each value is the nearest of 16
levels times the scale. The levels are those with the least squared error for normally
distributed values, which activations nearly are. The error is 12 % of a vector's norm,
in random directions: far below what dropout adds in training.

Source: Max 1960, "Quantizing for minimum distortion", table I, N = 16.
"""

from __future__ import annotations

import dataclasses
import os
import stat
import zlib
from pathlib import Path

import numpy as np

from keras_elmo import files
from pipeline.files import replace_when_done

_POSITIVE = (0.1284, 0.3881, 0.6568, 0.9424, 1.2562, 1.6181, 2.0690, 2.7326)
_LEVELS = np.array([*(-each for each in reversed(_POSITIVE)), *_POSITIVE], np.float32)

# The level nearest to the middle of each step from -4 to 4 scales: found by a look into
# a table, which is ten times as fast as a search.
_STEPS = 32  # in a scale
_MOST = 4 * _STEPS
_NEAREST = np.abs(
    (np.arange(-_MOST, _MOST)[:, None] + 0.5) / _STEPS - _LEVELS
).argmin(axis=1).astype(np.uint8)  # fmt: skip
_LEAST = np.float32(1e-15)  # a norm to divide by
_SUM_BYTES = 4  # the CRC-32 of all before it, at the end of a file

# Byte -> the two values it holds, read as one number of 8 bytes.
_PAIRS = np.stack(
    [_LEVELS[np.arange(256) & 15], _LEVELS[np.arange(256) >> 4]], axis=1
).view(np.uint64)[:, 0]


def to_four_bits(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns vectors as codes and scales.

    Args:
        vectors: float32 `(..., dim)`, finite; `dim` is even.

    Returns:
        uint8 `(..., dim / 2)`, and float32 `(...)`, 0 for a vector of zeros.
    """
    norm = np.sqrt(np.mean(np.square(vectors), axis=-1, keepdims=True))
    steps = np.floor(vectors * (_STEPS / np.maximum(norm, _LEAST)))
    places = np.clip(steps, -_MOST, _MOST - 1).astype(np.int16) + _MOST
    codes = np.take(_NEAREST, places)
    levels = np.take(_LEVELS, codes)
    # The scale with the least error for these levels.
    scales = (levels * vectors).sum(axis=-1) / np.square(levels).sum(axis=-1)
    return codes[..., 0::2] | (codes[..., 1::2] << 4), scales


def from_four_bits(codes: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Returns the float32 vectors `(..., dim)` of codes and scales."""
    # No byte is outside of the table: not to look for that is several times as fast.
    values = np.take(_PAIRS, codes, mode="clip").view(np.float32)
    values *= scales[..., None]
    return values


@dataclasses.dataclass(frozen=True)
class Segment:
    """Texts and their activations, as a file holds them.

    Attributes:
        path: Of the file.
        bytes: Its size.
        keys: `(texts,)`, 16 bytes each.
        starts: int64 `(texts + 1,)`: where each text begins among the tokens.
        scales: float32 `(tokens, layers)`.
        codes: uint8 `(tokens, layers, dim / 2)`, on disk.
        content: All of the file, uint8, on disk.
    """

    path: Path
    bytes: int
    keys: np.ndarray
    starts: np.ndarray
    scales: np.ndarray
    codes: np.ndarray
    content: np.ndarray

    @classmethod
    def read(cls, path: Path) -> Segment:
        """Reads a segment, and leaves the codes on disk.

        Raises:
            OSError: It cannot be read, or is gone.
            ValueError: It is not a segment.
        """
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("it is not a file")
        try:
            with path.open("rb") as file:
                keys, lengths, scales = (
                    np.load(file, allow_pickle=False) for _ in range(3)
                )
                np.lib.format.read_magic(file)
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                offset = file.tell()
                size = os.fstat(file.fileno()).st_size
            starts = np.cumsum([0, *lengths], dtype=np.int64)
        except files.BROKEN_ARRAYS as error:
            raise ValueError(files.one_line(error)) from error
        end = offset + int(np.prod(shape, dtype=np.int64))
        if size == end:
            raise ValueError("an earlier version wrote it, without a checksum")
        is_whole = (
            dtype == np.uint8
            and len(shape) == 3
            and len(keys) == len(lengths)
            and starts[-1] == shape[0]
            and scales.shape == shape[:2]
            and size == end + _SUM_BYTES
        )
        if not is_whole:
            raise ValueError("its parts do not fit together")
        content = np.memmap(path, np.uint8, "r")
        codes = content[offset:end].reshape(shape)
        return cls(path, size, keys, starts, scales, codes, content)

    def check(self) -> None:
        """Reads all of the file, once before it is used.

        Raises:
            ValueError: Its bytes are not those that were written.
        """
        if (
            _sum(self.content[:-_SUM_BYTES].data)
            != self.content[-_SUM_BYTES:].tobytes()
        ):
            raise ValueError("its bytes are not those that were written")

    @classmethod
    def write(
        cls,
        path: Path,
        keys: np.ndarray,
        lengths: np.ndarray,
        scales: np.ndarray,
        codes: np.ndarray,
    ) -> Segment:
        """Writes a segment, all of it or no file, and returns it as `read` does.

        It is read before others can see it: one of them may remove it at once.

        Raises:
            OSError: It cannot be written.
        """
        with replace_when_done(path) as unfinished:
            with unfinished.open("w+b") as file:
                for array in (keys, lengths.astype(np.int32), scales, codes):
                    np.lib.format.write_array(file, array, (1, 0), allow_pickle=False)
                file.seek(0)
                file.write(_sum(file.read()))
                file.flush()
                os.fsync(file.fileno())
            segment = cls.read(unfinished)
        return dataclasses.replace(segment, path=path)


def _sum(content: bytes | memoryview) -> bytes:
    """Returns the CRC-32 of bytes."""
    return zlib.crc32(content).to_bytes(_SUM_BYTES, "little")
