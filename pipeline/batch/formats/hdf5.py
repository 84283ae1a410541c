"""HDF5 as `allennlp elmo` and bilm-tf write it: a dataset for each text.

The key of a dataset is the number of its text in the file, `"0"`, `"1"`, …; the
dataset `sentence_to_index` maps the texts to these, as JSON. Where there is a key
column, the dataset `keys` has its values in the same order.
"""

from __future__ import annotations

import contextlib
import io
import json
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
    with _new_file(path) as file:
        for number, row in enumerate(table.rows):
            file.create_dataset(str(number), data=row[VECTORS])
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
    with _new_file(path) as joined:
        for part in parts:
            with storage.local_reader(part) as local, h5py.File(local) as file:
                for place, sentence in enumerate(file[SENTENCE].asstr()[:]):
                    file.copy(str(place), joined, str(number))
                    index[sentence] = str(number)
                    number += 1
                if _KEYS in file:
                    keys.extend(file[_KEYS].asstr()[:])
        joined[_INDEX] = _strings([json.dumps(index, ensure_ascii=False)])
        if columns.keys() - {VECTORS, SENTENCE}:
            joined[_KEYS] = _strings(keys)


class _Output(io.FileIO):
    """A file to write, in which libhdf5 sees no write fail.

    After one that fails it cannot close the file, and crashes as the process ends.

    Attributes:
        failure: What made the first write fail, or None.
    """

    failure: OSError | None = None

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")

    def write(self, data: Any) -> int:
        """Writes all of it, unless an earlier write has failed."""
        view = memoryview(data).cast("B")
        size = len(view)
        try:
            while self.failure is None and len(view):
                view = view[super().write(view) :]
        except OSError as error:
            self.failure = OSError(error.errno, error.strerror, str(self.name))
        return size

    def truncate(self, size: int | None = None) -> int:
        """Sets the size, unless a write has failed."""
        try:
            if self.failure is None:
                return super().truncate(size)
        except OSError as error:
            self.failure = OSError(error.errno, error.strerror, str(self.name))
        return size or 0


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[h5py.File]:
    with _Output(path) as output:
        try:
            with h5py.File(output, "w") as file:
                yield file
        except (OSError, RuntimeError, KeyError, ValueError):
            if output.failure is None:
                raise
        if output.failure is not None:
            raise output.failure


def _strings(texts: Sequence[str]) -> np.ndarray:
    return np.array([without_nul(text) for text in texts], dtype=_STRING)
