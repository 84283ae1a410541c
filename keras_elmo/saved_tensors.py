"""The tensors of a SavedModel, by the names that google/elmo gives its variables.

Only the checkpoint beside the graph is read; the graph itself is never run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2

from keras_elmo.errors import SourceError

# The attribute under which an export lists its variables by google/elmo's names.
PUBLISHED = "published"
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "VARIABLE_VALUE"


class SavedTensors:
    """Reads tensors by name, one at a time.

    Three forms are known: a TF1 checkpoint names its variables itself; a TF2 one
    holds an object graph, which keeps each variable's full name; and an export of
    this package lists its variables there under `published`, where a tensor may lie
    in several variables, one above the other.

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
        self._keys = {name: [name] for name in self._shapes}
        if _OBJECT_GRAPH in self._shapes:
            graph = trackable_object_graph_pb2.TrackableObjectGraph.FromString(
                self._reader.get_tensor(_OBJECT_GRAPH)
            )
            self._keys = dict(_published(graph)) or dict(_full_names(graph))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Gives the shape of every tensor by its name."""
        return {name: self._shape(keys) for name, keys in self._keys.items()}

    def read(self, name: str) -> np.ndarray:
        """Gives the tensor of one of the names in `shapes()`."""
        parts = [self._reader.get_tensor(key) for key in self._keys[name]]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _shape(self, keys: list[str]) -> tuple[int, ...]:
        shapes = [tuple(self._shapes[key]) for key in keys]
        if len(shapes) == 1:
            return shapes[0]
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])


def _published(graph: Any) -> Iterator[tuple[str, list[str]]]:
    """Yields what an export of this package lists; nothing for other graphs."""
    root = {child.local_name: child.node_id for child in graph.nodes[0].children}
    if PUBLISHED not in root:
        return
    for tensor in graph.nodes[root[PUBLISHED]].children:
        parts = graph.nodes[tensor.node_id].children
        in_order = sorted(parts, key=lambda part: int(part.local_name))
        yield (
            tensor.local_name,
            [key for part in in_order for _, key in _values(graph.nodes[part.node_id])],
        )


def _full_names(graph: Any) -> Iterator[tuple[str, list[str]]]:
    """Yields the variables that have a full name of their own."""
    found = [value for node in graph.nodes for value in _values(node)]
    count = Counter(name for name, _ in found)
    for name, key in found:
        if count[name] == 1:  # of two with one name, nobody knows which is meant
            yield name, [key]


def _values(node: Any) -> list[tuple[str, str]]:
    return [
        (attribute.full_name, attribute.checkpoint_key)
        for attribute in node.attributes
        if attribute.name == _VALUE
    ]
