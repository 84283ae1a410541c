"""The tensors of a SavedModel, by the names that google/elmo gives its variables.

Only the checkpoint beside the graph is read; the graph itself is never run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2

from keras_elmo.errors import SourceError

# The attributes under which an export lists its variables by google/elmo's names:
# those that lie as the published files have them, and those that lie transposed.
PUBLISHED = "published"
PUBLISHED_TRANSPOSED = "published_transposed"
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "VARIABLE_VALUE"


class _Tensor(NamedTuple):
    key: str  # in the checkpoint
    is_transposed: bool = False


class SavedTensors:
    """Reads tensors by name, one at a time.

    Three forms are known: a TF1 checkpoint names its variables itself; a TF2 one
    holds an object graph, which keeps each variable's full name; and an export of
    this package lists its variables in that graph.

    Args:
        folder: Of the SavedModel.

    Errors: `SourceError` if it has no variables that can be read.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._reader = tf.train.load_checkpoint(
                str(folder / "variables" / "variables")
            )
        except (tf.errors.OpError, ValueError, RuntimeError) as error:
            raise SourceError(f"{folder} has no readable variables: {error}") from error
        self._shapes = self._reader.get_variable_to_shape_map()
        self._tensors = {name: _Tensor(name) for name in self._shapes}
        if _OBJECT_GRAPH in self._shapes:
            graph = trackable_object_graph_pb2.TrackableObjectGraph.FromString(
                self._reader.get_tensor(_OBJECT_GRAPH)
            )
            self._tensors = dict(_listed(graph)) or dict(_full_names(graph))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Gives the shape of every tensor by its name."""
        return {
            name: tuple(self._shapes[key])[:: -1 if is_transposed else 1]
            for name, (key, is_transposed) in self._tensors.items()
        }

    def read(self, name: str) -> np.ndarray:
        """Gives the tensor of one of the names in `shapes()`."""
        key, is_transposed = self._tensors[name]
        value = self._reader.get_tensor(key)
        return value.T if is_transposed else value


def _listed(graph: Any) -> Iterator[tuple[str, _Tensor]]:
    """Yields what an export of this package lists; nothing for other graphs."""
    for attribute in graph.nodes[0].children:
        if attribute.local_name not in (PUBLISHED, PUBLISHED_TRANSPOSED):
            continue
        is_transposed = attribute.local_name == PUBLISHED_TRANSPOSED
        for child in graph.nodes[attribute.node_id].children:
            for _, key in _values(graph.nodes[child.node_id]):
                yield child.local_name, _Tensor(key, is_transposed)


def _full_names(graph: Any) -> Iterator[tuple[str, _Tensor]]:
    """Yields the variables that have a full name of their own."""
    found = [value for node in graph.nodes for value in _values(node)]
    count = Counter(name for name, _ in found)
    for name, key in found:
        if count[name] == 1:  # of two with one name, nobody knows which is meant
            yield name, _Tensor(key)


def _values(node: Any) -> list[tuple[str, str]]:
    return [
        (attribute.full_name, attribute.checkpoint_key)
        for attribute in node.attributes
        if attribute.name == _VALUE
    ]
