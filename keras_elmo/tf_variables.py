"""Variables in TensorFlow's checkpoints, by name and one at a time.

A SavedModel has such a checkpoint within it; TF1's training leaves them as they are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import trackable_object_graph_pb2

from keras_elmo import files
from keras_elmo.checkpoint_index import OBJECT_GRAPH, check_index
from keras_elmo.errors import SourceError, WeightsError
from keras_elmo.source_files import checkpoint_files

# The attributes under which an export lists its variables by google/elmo's names:
# those that lie as the published files have them, and those that lie transposed.
PUBLISHED = "published"
PUBLISHED_TRANSPOSED = "published_transposed"
_VALUE = "VARIABLE_VALUE"


class _Tensor(NamedTuple):
    key: str  # in the checkpoint
    is_transposed: bool = False


class SavedVariables:
    """Reads tensors by name, one at a time.

    Three forms are known: a TF1 checkpoint names its variables itself; a TF2 one
    holds an object graph, which keeps each variable's full name; and an export of
    this package lists its variables in that graph.

    Args:
        path: Of its files, without the endings.
        origin: What it is, for messages.

    Errors: `SourceError` if it has no variables that can be read.
    """

    def __init__(self, path: Path, origin: str) -> None:
        self._origin = origin
        self._files = checkpoint_files(path)
        what = f"the variables of {origin}"
        for file in self._files:
            # A part may hold no variable; the index says what is read of it.
            files.check_file(file, may_be_empty=".data-" in file.name)
        if not any(".data-" in file.name for file in self._files):
            raise SourceError(f"Cannot read {what}: there is no file {path}.data-*")
        check_index(path.with_name(f"{path.name}.index"), what)
        with files.reading(what, tf.errors.OpError, DecodeError):
            self._reader = tf.train.load_checkpoint(str(path))
            self._shapes = self._reader.get_variable_to_shape_map()
            self._dtypes = self._reader.get_variable_to_dtype_map()
            self._tensors = {name: _Tensor(name) for name in self._shapes}
            if OBJECT_GRAPH in self._shapes:
                if self._shapes[OBJECT_GRAPH] or (
                    self._dtypes[OBJECT_GRAPH] != tf.string
                ):
                    raise WeightsError(f"{what} have an object graph of a wrong type")
                graph = trackable_object_graph_pb2.TrackableObjectGraph.FromString(
                    self._reader.get_tensor(OBJECT_GRAPH)
                )
                tensors = dict(_listed(graph)) or dict(_full_names(graph))
                self._tensors = {
                    name: tensor
                    for name, tensor in tensors.items()
                    if tensor.key in self._shapes
                }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Returns the shape of every tensor by its name."""
        return {
            name: tuple(self._shapes[key])[:: -1 if is_transposed else 1]
            for name, (key, is_transposed) in self._tensors.items()
        }

    def check_room(self, names: Iterable[str]) -> None:
        """Refuses tensors of other types than floats, or of more bytes than there are.

        A few bytes can announce as much as they like, and reading would take it.
        """
        total = 0
        for name in names:
            key = self._tensors[name].key
            dtype = self._dtypes[key]
            if not dtype.is_floating:
                raise WeightsError(
                    f"The variable {name} of {self._origin} must be of a float type. "
                    f"Received: {dtype.name}"
                )
            total += math.prod(self._shapes[key]) * dtype.size
        size = sum(path.stat().st_size for path in self._files)
        if total > size:
            raise WeightsError(
                f"The variables of {self._origin} would take {total:,} bytes, from "
                f"files of {size:,}"
            )

    def read(self, name: str) -> np.ndarray:
        """Returns the tensor of one of the names in `shapes()`."""
        key, is_transposed = self._tensors[name]
        with files.reading(f"the variable {name} of {self._origin}", tf.errors.OpError):
            value = self._reader.get_tensor(key)
        return value.T if is_transposed else value


def _listed(graph: Any) -> Iterator[tuple[str, _Tensor]]:
    """Yields what an export of this package lists; nothing for other graphs.

    Each node is looked at once, however often the graph leads to it.
    """
    lists = {each.local_name: each.node_id for each in graph.nodes[0].children}
    keys: dict[int, str | None] = {}  # of the variables in nodes
    for name, is_transposed in ((PUBLISHED, False), (PUBLISHED_TRANSPOSED, True)):
        if name not in lists:
            continue
        for child in graph.nodes[lists[name]].children:
            number = child.node_id
            if number not in keys:
                values = _values(graph.nodes[number])
                keys[number] = values[0][1] if values else None
            if (key := keys[number]) is not None:
                yield child.local_name, _Tensor(key, is_transposed)


def _full_names(graph: Any) -> Iterator[tuple[str, _Tensor]]:
    """Yields the variables that have a full name of their own."""
    values = [value for node in graph.nodes for value in _values(node)]
    count = Counter(name for name, _ in values)
    for name, key in values:
        if count[name] == 1:  # with two of one name, it is unknown which is meant
            yield name, _Tensor(key)


def _values(node: Any) -> list[tuple[str, str]]:
    return [
        (attribute.full_name, attribute.checkpoint_key)
        for attribute in node.attributes
        if attribute.name == _VALUE
    ]
