"""HDF5 as `allennlp elmo` and bilm-tf write it: a dataset for each text.

The key of a dataset is the number of its text in the file, `"0"`, `"1"`, …; the
dataset `sentence_to_index` maps the texts to these, as JSON. Where there is a key
column, the dataset `keys` has its values in the same order.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pipeline.batch import storage
from pipeline.batch.formats.table import Table, to_text, without_nul

VECTORS = "vectors"
SENTENCE = "sentence"
_INDEX = "sentence_to_index"
_KEYS = "keys"
_STRING = h5py.string_dtype("utf-8")


def write(path: Path, table: Table) -> None:
    """Writes the columns `vectors` and `sentence`, and the key column if any.

    Raises:
        OSError: There is no room for them.
    """
    with _new_file(path) as (file, output):
        for number, row in enumerate(table.rows):
            file.create_dataset(str(number), data=row[VECTORS])
            output.check()
        file[SENTENCE] = _strings([row[SENTENCE] for row in table.rows])
        if table.key is not None:
            file[_KEYS] = _strings([to_text(row[table.key]) for row in table.rows])


def join(path: Path, columns: Mapping[str, str], parts: Sequence[str]) -> None:
    """Makes one file of the datasets of all parts, with new numbers.

    A column beside `vectors` and `sentence` is the key; without rows it has no values.

    Raises:
        OSError: There is no room for it.
    """
    index: dict[str, str] = {}
    keys: list[str] = []
    number = 0
    with _new_file(path) as (joined, output):
        for part in parts:
            with storage.local_reader(part) as local, h5py.File(local) as file:
                for place, sentence in enumerate(file[SENTENCE].asstr()[:]):
                    file.copy(str(place), joined, str(number))
                    output.check()
                    index[sentence] = str(number)
                    number += 1
                if _KEYS in file:
                    keys.extend(file[_KEYS].asstr()[:])
        joined[_INDEX] = _strings([json.dumps(index, ensure_ascii=False)])
        if columns.keys() - {VECTORS, SENTENCE}:
            joined[_KEYS] = _strings(keys)


class _Output(io.FileIO):
    """A file to write, in which libhdf5 sees no write fail.

    After one that fails it cannot close the file, and crashes as the process ends; and
    so it does if it reads something else than it wrote. So what has no room is kept in
    memory. Call `check` after each dataset, or it becomes much.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self._failure: OSError | None = None
        self._kept: list[tuple[int, bytes]] = []  # where, and what

    def check(self) -> None:
        """Raises what made the first write fail, if one did."""
        if self._failure is not None:
            raise self._failure from None

    def write(self, data: Any) -> int:
        """Writes all of it, or what there is room for."""
        view = memoryview(data).cast("B")
        place, size, written = self.tell(), len(view), 0
        try:
            while self._failure is None and written < size:
                written += super().write(view[written:])
        except OSError as error:
            self._failure = OSError(error.errno, error.strerror, str(self.name))
        if written < size:
            self._kept.append((place + written, bytes(view[written:])))
        return size

    def readinto(self, buffer: Any) -> int:
        """Reads what was written there; zeros where nothing was."""
        view = memoryview(buffer).cast("B")
        begin, size, done = self.tell(), len(view), 0
        while done < size and (count := super().readinto(view[done:])):
            done += count
        view[done:] = bytes(size - done)
        for place, data in self._kept:
            low, high = max(begin, place), min(begin + size, place + len(data))
            if low < high:
                view[low - begin : high - begin] = data[low - place : high - place]
        return size

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        """Goes to a place; the end is that of all that was written."""
        found = super().seek(place, whence)
        if whence == os.SEEK_END and self._kept:
            end = max(place + len(data) for place, data in self._kept)
            return super().seek(max(found, end))
        return found

    def truncate(self, size: int | None = None) -> int:
        """Sets the size, unless a write has failed."""
        try:
            if self._failure is None:
                return super().truncate(size)
        except OSError as error:
            self._failure = OSError(error.errno, error.strerror, str(self.name))
        return size or 0


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[tuple[h5py.File, _Output]]:
    with _Output(path) as output:
        with h5py.File(output, "w") as file:
            yield file, output
        output.check()


def _strings(texts: Sequence[str]) -> np.ndarray:
    return np.array([without_nul(text) for text in texts], dtype=_STRING)
