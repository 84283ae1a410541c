"""The activations of a frozen ELMo on disk: a text is encoded once in its life.

They outlive a run: one with another head, over a window that shares spans, or a review
of the labels encodes only texts that are new. A text is known by its tokens;
activations of another ELMo lie in another folder. They are kept in segments: files that
are written whole and never changed, so that several processes may read and write at
once, and a killed one leaves nothing half-written that is read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from pipeline.files import hidden_leftovers, remove
from pipeline.training.data import LabelledTokens
from pipeline.training.segment_encoding import (
    SUFFIX,
    TOKENS_PER_SEGMENT,
    Encode,
    EncodeHere,
    Encoding,
    encoded,
    encoding_batches,
)
from pipeline.training.segments import Segment, from_four_bits

_LOGGER = logging.getLogger(__name__)

_HEADER_BYTES = 600  # of the arrays in a segment, at most
_SHARE_OF_FREE_DISK = 0.9  # the rest stays for the model, the logs, and others
_LEFT_BEHIND_SECONDS = 3600  # no segment takes so long to write


@dataclasses.dataclass
class StoreFacts:
    """What the store holds of some texts and what it cost; for `history.json`.

    Attributes:
        bytes: Size of the segments that hold these texts.
        bound_bytes: What the configuration allows for all segments.
        examples: Texts of train and eval.
        cached_examples: Texts in the store; the rest is encoded anew in each epoch.
        encoded_examples: Texts that were encoded to be stored; the other ones in the
            store were there already. Equal texts count once.
        encode_seconds: Wall time of that.
        tokens_per_second: Rate of the encoder meanwhile; no padding counted.
        precision: In which numbers they are encoded.
    """

    bytes: int
    bound_bytes: int
    examples: int
    cached_examples: int
    encoded_examples: int
    encode_seconds: float
    tokens_per_second: float
    precision: str


class EmbeddingStore:
    """The activations of some texts: those in the store's files, and the rest anew.

    What the files lack is encoded and added at once, shortest texts first, as far as
    the bound allows. Segments that no text of these needs make room, those first that
    were used longest ago.

    Args:
        root: Folder of the store, made if absent; the bound is for all of it.
        version: Names the ELMo and the code that computes; a folder of its own below
            `root`.
        data: The texts.
        encode: Object `(batch, time)` tokens padded with b"" -> float
            `(batch, layers, time, dim)`.
        num_layers: ELMo layers, the token layer included.
        dim: Width of one activation, an even number.
        bound_bytes: Most bytes of all segments; 0: nothing is kept.
        precision: In which numbers `encode` computes; for `facts`.
        encoding: Writes the segments of new texts; None: they are encoded here.
        clock: Seconds since any point; for tests.

    Raises:
        ValueError: An activation is not finite.
    """

    def __init__(
        self,
        root: Path,
        version: str,
        data: LabelledTokens,
        encode: Encode,
        *,
        num_layers: int,
        dim: int,
        bound_bytes: int,
        precision: str = "float32",
        encoding: Encoding | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._data = data
        self._encode = encode
        self._encoding = encoding or EncodeHere(encode, clock)
        self.num_layers, self.dim = num_layers, dim
        self._root, self._folder = root, root / version
        self._make_folder()
        keys, first, self._place = np.unique(
            data.keys(), return_index=True, return_inverse=True
        )
        lengths = data.lengths[first]
        self._segments: list[Segment] = []
        # Of each distinct text: number of its segment, and its first token there.
        self._segment_of = np.full(len(keys), -1)
        self._start_of = np.zeros(len(keys), np.int64)
        started = clock()
        self._remove_leftovers()
        self._find(keys, bound_bytes)
        missing = np.flatnonzero(self._segment_of < 0)
        missing = missing[np.argsort(lengths[missing], kind="stable")]
        encoded = self._fill(keys, first, missing, bound_bytes)
        seconds = clock() - started
        tokens = int(lengths[encoded].sum())
        self.facts = StoreFacts(
            bytes=self._bytes_used(),
            bound_bytes=bound_bytes,
            examples=len(data.lengths),
            cached_examples=int((self._segment_of[self._place] >= 0).sum()),
            encoded_examples=len(encoded),
            encode_seconds=round(seconds, 2),
            tokens_per_second=round(tokens / seconds, 1) if seconds else 0.0,
            precision=precision,
        )
        _LOGGER.info("Embedding store: %s", self.facts)

    def read(self, texts: np.ndarray) -> np.ndarray:
        """Returns the activations of `texts`, from the files or else from the encoder.

        Returns:
            float32 `(batch, layers, time, dim)`, zero at padding.
        """
        lengths = self._data.lengths[texts]
        places = self._place[texts]
        numbers, starts = self._segment_of[places], self._start_of[places]
        widest = max(1, int(lengths.max(initial=0)))
        shape = (len(texts), self.num_layers, widest)
        codes = np.zeros((*shape, self.dim // 2), np.uint8)
        scales = np.zeros(shape, np.float32)  # of 0: all that is decoded there is 0
        for row in np.flatnonzero(numbers >= 0):
            segment, length = self._segments[numbers[row]], lengths[row]
            tokens = slice(starts[row], starts[row] + length)
            codes[row, :, :length] = segment.codes[tokens].swapaxes(0, 1)
            scales[row, :, :length] = segment.scales[tokens].T
        missing = np.flatnonzero(numbers < 0)
        if missing.size:
            words = self._data.tokens(texts[missing])
            new_codes, new_scales = encoded(self._encode, words)
            width = new_codes.shape[2]
            codes[missing, :, :width] = new_codes
            scales[missing, :, :width] = new_scales
        return from_four_bits(codes, scales)

    def means(self, texts: np.ndarray) -> np.ndarray:
        """Returns the mean activation of each text over its layers and tokens.

        Returns:
            float32 `(texts, dim)`; zeros for a text without tokens.
        """
        lengths = self._data.lengths[texts]
        means = np.zeros((len(texts), self.dim), np.float32)
        for places in encoding_batches(np.argsort(lengths, kind="stable"), lengths):
            counts = self.num_layers * np.maximum(lengths[places], 1)
            means[places] = self.read(texts[places]).sum(axis=(1, 2))
            means[places] /= counts[:, None]
        return means

    def close(self) -> None:
        """Lets go of the files, which stay for the next run."""
        self._segments = []
        self._segment_of[:] = -1

    def _make_folder(self) -> None:
        """Makes the folder, also in the place of what is none; it is ours alone.

        Where that is not possible, nothing is kept.
        """
        with _may_stay(self._folder):
            if os.path.lexists(self._folder) and not self._folder.is_dir():
                _LOGGER.warning("%s is not a folder: it is removed", self._folder)
                remove(self._folder)
            self._folder.mkdir(parents=True, exist_ok=True)

    def _remove_leftovers(self) -> None:
        left = [*hidden_leftovers(self._root), *hidden_leftovers(self._folder)]
        for path in left:
            with _may_stay(path):
                if time.time() - path.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                    remove(path)

    def _bytes_used(self) -> int:
        return sum(each.bytes for each in self._segments)

    def _find(self, keys: np.ndarray, bound: int) -> None:
        """Opens the segments that hold any of the texts, as many as the bound allows.

        Their time of change becomes that of their last use.
        """
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                segment = Segment.read(path)
                if segment.bytes > bound or not self._wanted(keys, segment)[1].any():
                    continue
                segment.check()
            except FileNotFoundError:  # another process has made room
                continue
            except OSError as error:
                _LOGGER.warning("%s cannot be used (%s)", path, error.strerror)
                continue
            except ValueError as error:
                _LOGGER.warning("%s cannot be used (%s): it is removed", path, error)
                with _may_stay(path):
                    remove(path)
                continue
            self._take(keys, segment)
            bound -= segment.bytes

    def _wanted(
        self, keys: np.ndarray, segment: Segment
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the place of each text of a segment, and whether it is needed."""
        place = np.minimum(np.searchsorted(keys, segment.keys), len(keys) - 1)
        return place, (keys[place] == segment.keys) & (self._segment_of[place] < 0)

    def _take(self, keys: np.ndarray, segment: Segment) -> None:
        """Uses what a segment holds of the texts."""
        place, is_ours = self._wanted(keys, segment)
        if is_ours.any():
            self._segment_of[place[is_ours]] = len(self._segments)
            self._start_of[place[is_ours]] = segment.starts[:-1][is_ours]
            self._segments.append(segment)
            with contextlib.suppress(OSError):  # removed: ours all the same
                os.utime(segment.path)

    def _fill(
        self, keys: np.ndarray, first: np.ndarray, missing: np.ndarray, bound: int
    ) -> np.ndarray:
        """Encodes and stores of the `missing` what fits; returns their places."""
        lengths = self._data.lengths[first[missing]]
        # A token's codes and scales; a text's key and length; what a file begins with.
        sizes = lengths * self.num_layers * (self.dim // 2 + 4) + 20
        files = 1 + np.cumsum(lengths) // TOKENS_PER_SEGMENT
        needed = np.cumsum(sizes) + files * _HEADER_BYTES
        used = self._bytes_used()
        wanted = int(needed[needed <= bound - used].max(initial=0))
        self._make_room(bound - wanted)
        fits = needed <= min(bound - used, _free_disk(self._root))
        if not fits.all():
            _LOGGER.warning(
                "Embedding store: no room for %d of %d new texts, which each epoch "
                "encodes anew (hint: raise train.cache_gib, or free disk space)",
                len(fits) - fits.sum(),
                len(fits),
            )
        missing = missing[fits]
        done = 0
        texts, their_keys = first[missing], keys[missing]
        try:
            for segment in self._encoding(self._folder, self._data, texts, their_keys):
                self._take(keys, segment)
                done += len(segment.keys)
        except OSError as error:  # no room, or no right to write there
            _LOGGER.warning(
                "Embedding store: %s: %s; %d texts are encoded anew in each epoch",
                self._folder,
                error.strerror,
                len(missing) - done,
            )
        return missing[:done]

    def _make_room(self, most: int) -> None:
        """Deletes what was used longest ago, but nothing in use, down to a size."""
        in_use = {each.path for each in self._segments}
        found = []
        for path in self._root.glob(f"*/*{SUFFIX}"):
            if path.parent.is_symlink():  # others may use what lies behind it
                continue
            with _may_stay(path):
                state = path.stat()
                found.append((state.st_mtime, state.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= most:
                break
            if path not in in_use:
                with _may_stay(path):
                    remove(path)
                    total -= size


class MeanLayer:
    """The activations of a store as those of one layer: the mean of its layers.

    Args:
        store: Whose texts these are.
    """

    num_layers = 1

    def __init__(self, store: EmbeddingStore) -> None:
        self._store = store
        self.dim = store.dim

    def read(self, texts: np.ndarray) -> np.ndarray:
        """Returns float32 `(batch, 1, time, dim)`, zero at padding."""
        return self._store.read(texts).mean(axis=1, keepdims=True)


@contextlib.contextmanager
def _may_stay(path: Path) -> Iterator[None]:
    """Says what stays as it is, as it may not be changed, or not even be looked at.

    What is gone, another process has removed.
    """
    try:
        yield
    except FileNotFoundError:
        pass
    except OSError as error:
        _LOGGER.warning("%s stays as it is: %s", path, error.strerror)


def _free_disk(folder: Path) -> int:
    """Returns the bytes that may be written; 0 where there is no such folder."""
    try:
        return int(shutil.disk_usage(folder).free * _SHARE_OF_FREE_DISK)
    except OSError:
        return 0
