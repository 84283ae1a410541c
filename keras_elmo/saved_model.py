"""ELMo from a SavedModel's variables, read into the native model.

The module's graph is never run: only its variables are read, by the names that
google/elmo gives them. They map one to one to the published hdf5 layout.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2

from keras_elmo import characters, checkpoints
from keras_elmo.bilm import BiLM
from keras_elmo.errors import SourceError
from keras_elmo.options import BiLMOptions
from keras_elmo.scalar_mix import ScalarMix

# The options beside an export of this package, where loaders do not look.
OPTIONS_FILE = Path("assets.extra") / "options.json"
BILM = "bilm/"
MIX_WEIGHTS = "aggregation/weights"
MIX_SCALING = "aggregation/scaling"
# What the variables cannot tell; the values of every published English model.
_CLIP = 3.0
_MAX_CHARS = 50
ASSUMED = "relu, clipping at 3, skip connections and 50 characters a token"
# The attributes under which an export lists its variables by google/elmo's names:
# those that lie as the published files have them, and those that lie transposed.
PUBLISHED = "published"
PUBLISHED_TRANSPOSED = "published_transposed"
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "VARIABLE_VALUE"

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class HubModule:
    """A SavedModel whose variables fit the native model.

    Attributes:
        options: The model's options; the sizes are those of the variables.
        load: Fills a `BiLM` from the variables.
        load_mix: Fills a `ScalarMix` from them; None if there are none for it.
        assumed: What the variables do not say, and is assumed.
    """

    options: BiLMOptions
    load: Callable[[BiLM], None]
    load_mix: Callable[[ScalarMix], None] | None
    assumed: str | None


def open_module(folder: Path) -> HubModule:
    """Opens a SavedModel folder that holds the variables of google/elmo.

    An export of this package has its options beside it. For any other, the sizes
    are read off the variables, and relu, clipping at 3, skip connections and 50
    characters a token are assumed, as in every published English model.

    Raises:
        SourceError: If the folder has no variables, or not those, or if their shapes
            contradict each other.
    """
    tensors = _SavedTensors(folder)
    shapes = tensors.shapes()
    prefix = _prefix(shapes, folder)
    bilm_shapes = {
        name.removeprefix(prefix + BILM): _with_axis(name, shape)
        for name, shape in shapes.items()
        if name.startswith(prefix + BILM)
    }
    has_options = (folder / OPTIONS_FILE).is_file()
    if has_options:
        options = BiLMOptions.from_file(folder / OPTIONS_FILE)
    else:
        options = _infer_options(bilm_shapes, folder)
    for name, shape in _expected_shapes(options):
        _check_shape(BILM + name, bilm_shapes.get(name), shape, folder)

    def read(name: str) -> np.ndarray | None:
        variable = prefix + BILM + variable_name(name)
        if variable not in shapes:
            return None
        value = tensors.read(variable)
        return value.reshape(_with_axis(variable, value.shape))

    def load_mix(mix: ScalarMix) -> None:
        mix.mix_weights.assign(tensors.read(prefix + MIX_WEIGHTS))
        mix.gamma.assign(np.reshape(tensors.read(prefix + MIX_SCALING), (1,)))

    n_layers = options.n_layers + 1
    has_mix = shapes.get(prefix + MIX_WEIGHTS) == (n_layers,) and (
        shapes.get(prefix + MIX_SCALING) in ((), (1,))
    )
    return HubModule(
        options=options,
        load=lambda bilm: checkpoints.assign_weights(bilm, read, str(folder)),
        load_mix=load_mix if has_mix else None,
        assumed=None if has_options else ASSUMED,
    )


def variable_name(hdf5_name: str) -> str:
    """Returns google/elmo's name, after `bilm/`, for a path of the hdf5 layout."""
    for stored, variable in (
        ("LSTMCell/W_0", "rnn/lstm_cell/kernel"),
        ("LSTMCell/B", "rnn/lstm_cell/bias"),
        ("LSTMCell/W_P_0", "rnn/lstm_cell/projection/kernel"),
    ):
        if hdf5_name.endswith(stored):
            return hdf5_name[: -len(stored)] + variable
    return hdf5_name


def _prefix(shapes: Mapping[str, Shape], folder: Path) -> str:
    """Returns what stands before `bilm/`, such as `module/` in a larger model."""
    table = BILM + "char_embed"
    prefixes = [name.removesuffix(table) for name in shapes if name.endswith(table)]
    if not prefixes:
        named = ", ".join(sorted(shapes)[:5]) or "none"
        raise SourceError(
            f"The SavedModel {folder} lacks the variable {table} of google/elmo. "
            f"Received: {named}{', ...' if len(shapes) > 5 else ''}"
        )
    return min(prefixes, key=len)


def _with_axis(name: str, shape: Shape) -> Shape:
    """Adds the axis of 1 that the native layer leaves out of its convolutions."""
    return (1, *shape) if "CNN/W_cnn_" in name and len(shape) == 3 else shape


def _infer_options(shapes: Mapping[str, Shape], folder: Path) -> BiLMOptions:
    def count(pattern: str) -> int:
        return sum(bool(re.fullmatch(pattern, name)) for name in shapes)

    cell = "RNN_0/RNN/MultiRNNCell/Cell0/rnn/lstm_cell"
    try:
        filters = [shapes[f"CNN/W_cnn_{i}"] for i in range(count(r"CNN/W_cnn_\d+"))]
        return BiLMOptions(
            char_dim=shapes["char_embed"][1],
            # each (1, width, char_dim, count)
            filters=tuple((shape[1], shape[3]) for shape in filters),
            n_highway=count(r"CNN_high_\d+/W_carry"),
            activation="relu",
            max_chars=_MAX_CHARS,
            n_layers=count(r"RNN_0/RNN/MultiRNNCell/Cell\d+/rnn/lstm_cell/kernel"),
            cell_dim=shapes[f"{cell}/bias"][0] // 4,
            projection_dim=shapes[f"{cell}/kernel"][0] // 2,
            cell_clip=_CLIP,
            proj_clip=_CLIP,
            use_skip_connections=True,
        )
    except KeyError as error:
        message = f"The SavedModel {folder} lacks the variable {BILM}{error.args[0]}"
        raise SourceError(message) from error
    except IndexError as error:
        raise SourceError(
            f"The variables of the SavedModel {folder} do not have the ranks of "
            "google/elmo's"
        ) from error


def _expected_shapes(options: BiLMOptions) -> Iterator[tuple[str, Shape]]:
    """Yields the variables that a model of these options has, and their shapes."""
    half, cell, width = options.projection_dim, options.cell_dim, options.n_filters
    yield "char_embed", (characters.N_CHARACTERS, options.char_dim)
    for i, (size, count) in enumerate(options.filters):
        yield f"CNN/W_cnn_{i}", (1, size, options.char_dim, count)
        yield f"CNN/b_cnn_{i}", (count,)
    for i in range(options.n_highway):
        for part in ("carry", "transform"):
            yield f"CNN_high_{i}/W_{part}", (width, width)
            yield f"CNN_high_{i}/b_{part}", (width,)
    if width != half:
        yield "CNN_proj/W_proj", (width, half)
        yield "CNN_proj/b_proj", (half,)
    for direction in range(2):
        for layer in range(options.n_layers):
            lstm = f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/rnn/lstm_cell"
            yield f"{lstm}/kernel", (2 * half, 4 * cell)
            yield f"{lstm}/bias", (4 * cell,)
            if options.has_projection:
                yield f"{lstm}/projection/kernel", (cell, half)


def _check_shape(name: str, shape: Shape | None, expected: Shape, folder: Path) -> None:
    if shape is None:
        raise SourceError(f"The SavedModel {folder} lacks the variable {name}")
    if name == BILM + "char_embed" and shape[:1] == (characters.N_CHARACTERS + 1,):
        shape = (shape[0] - 1, *shape[1:])  # with the row of zeros for padding
    if shape != expected:
        raise SourceError(
            f"The variable {name} of the SavedModel {folder} must have the shape "
            f"{expected} for the other variables' sizes. Received: {shape}"
        )


class _Tensor(NamedTuple):
    key: str  # in the checkpoint
    is_transposed: bool = False


class _SavedTensors:
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
        """Returns the shape of every tensor by its name."""
        return {
            name: tuple(self._shapes[key])[:: -1 if is_transposed else 1]
            for name, (key, is_transposed) in self._tensors.items()
        }

    def read(self, name: str) -> np.ndarray:
        """Returns the tensor of one of the names in `shapes()`."""
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
