"""HDF5 as `allennlp elmo` and bilm-tf write it: a dataset for each text.

The key of a dataset is the number of its text in the file, `"0"`, `"1"`, …; the
dataset `sentence_to_index` maps the texts to these, as JSON. Where there is a key
column, the dataset `keys` has its values in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

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
    """Writes the columns `vectors` and `sentence`, and the key column if any."""
    with h5py.File(path, "w") as file:
        for number, row in enumerate(table.rows):
            file.create_dataset(str(number), data=row[VECTORS])
        file[SENTENCE] = _strings([row[SENTENCE] for row in table.rows])
        if table.key is not None:
            file[_KEYS] = _strings([to_text(row[table.key]) for row in table.rows])


def join(path: Path, columns: Mapping[str, str], parts: Sequence[str]) -> None:
    """Makes one file of the datasets of all parts, with new numbers.

    A column beside `vectors` and `sentence` is the key; without rows it has no values.
    """
    index: dict[str, str] = {}
    keys: list[str] = []
    number = 0
    with h5py.File(path, "w") as joined:
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


def _strings(texts: Sequence[str]) -> np.ndarray:
    return np.array([without_nul(text) for text in texts], dtype=_STRING)
