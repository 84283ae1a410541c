"""ELMo from a SavedModel's variables, read into the native model.

The module's graph is never run: only its variables are read, by the names that
google/elmo gives them. They map one to one to the published hdf5 layout.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from keras_elmo import checkpoints, errors
from keras_elmo.bilm import BiLM
from keras_elmo.errors import SourceError
from keras_elmo.files import Shape
from keras_elmo.options import BiLMOptions
from keras_elmo.scalar_mix import ScalarMix
from keras_elmo.tf_variables import SavedVariables

# The options beside an export of this package, where loaders do not look.
OPTIONS_FILE = Path("assets.extra") / "options.json"
BILM = "bilm/"
_TABLES = (f"{BILM}char_embed", f"{BILM}word_embed")
MIX_WEIGHTS = "aggregation/weights"
MIX_SCALING = "aggregation/scaling"
# The mix by its names in google/elmo, and in DeepPavlov's modules: these call their
# mix `elmo_output`, and bilm-tf's code makes this of it.
_MIXES = (
    (MIX_WEIGHTS, MIX_SCALING),
    ("aggregation/elmo_output_ELMo_W", "aggregation/elmo_output_ELMo_gamma"),
)
# What the variables cannot tell; the values of every published English model.
_CLIP = 3.0
_MAX_CHARS = 50
ASSUMED = "relu, clipping at 3, skip connections and 50 characters a token"


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
            contradict each other; WeightsError if there are more layers than options
            beside it have.
    """
    tensors = SavedVariables(
        folder / "variables" / "variables", f"the SavedModel {folder}"
    )
    shapes = tensors.shapes()
    prefix = _prefix(shapes, folder)
    has_options = is_export(folder)
    if has_options:
        options = BiLMOptions.from_file(folder / OPTIONS_FILE)
    else:
        options = _infer_options(prefix + BILM, shapes, folder)
    for path, rule in options.foreign_tensors().items():
        name = prefix + BILM + variable_name(path)
        if name in shapes:
            raise errors.no_place(f"the variable {name}", str(folder), rule)
    variables = {}  # of each path of the hdf5 layout
    expected_shapes, states = options.shapes(), options.state_shapes()
    if any(prefix + BILM + path in shapes for path in states):
        expected_shapes |= states
    for path, expected in expected_shapes.items():
        variables[path] = prefix + BILM + variable_name(path)
        _check_shape(path, shapes.get(variables[path]), expected, folder)
    mix_names = _mix_names(prefix, shapes, options.n_layers + 1)
    tensors.check_room([*variables.values(), *mix_names])

    def read(path: str) -> np.ndarray | None:
        if path not in variables:
            return None
        value = tensors.read(variables[path])
        return value.reshape(_with_axis(path, value.shape))

    def load_mix(mix: ScalarMix) -> None:
        weights, gamma = (
            checkpoints.finite(name, tensors.read(name), str(folder))
            for name in mix_names
        )
        mix.mix_weights.assign(weights)
        mix.gamma.assign(np.reshape(gamma, (1,)))

    return HubModule(
        options=options,
        load=lambda bilm: checkpoints.assign_weights(bilm, read, str(folder)),
        load_mix=load_mix if mix_names else None,
        assumed=None if has_options else ASSUMED,
    )


def is_export(folder: Path) -> bool:
    """Returns whether a SavedModel has options beside it, as those of ours have."""
    return (folder / OPTIONS_FILE).exists()


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
    # An export of a model of words alone has a table of these.
    for table in _TABLES:
        prefixes = [name.removesuffix(table) for name in shapes if name.endswith(table)]
        if prefixes:
            return min(prefixes, key=len)
    named = ", ".join(sorted(shapes)[:5]) or "none"
    raise SourceError(
        f"The SavedModel {folder} lacks the variable {_TABLES[0]} of google/elmo. "
        f"Received: {named}{', ...' if len(shapes) > 5 else ''}"
    )


def _mix_names(
    prefix: str, shapes: Mapping[str, Shape], layers: int
) -> tuple[str, ...]:
    """Returns the names of a mix's weights and gamma; none if there is no mix."""
    for names in _MIXES:
        weights, scaling = (prefix + name for name in names)
        if shapes.get(weights) == (layers,) and shapes.get(scaling) in ((), (1,)):
            return weights, scaling
    return ()


def _with_axis(name: str, shape: Shape) -> Shape:
    """Adds the axis of 1 that the native layer leaves out of its convolutions."""
    return (1, *shape) if "CNN/W_cnn_" in name and len(shape) == 3 else shape


def _infer_options(
    prefix: str, all_shapes: Mapping[str, Shape], folder: Path
) -> BiLMOptions:
    shapes = {
        name.removeprefix(prefix): _with_axis(name, shape)
        for name, shape in all_shapes.items()
        if name.startswith(prefix)
    }

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
    except SourceError as error:
        raise SourceError(
            f"The variables of the SavedModel {folder} do not have the sizes of an "
            f"ELMo: {error}"
        ) from error


def _check_shape(path: str, shape: Shape | None, expected: Shape, folder: Path) -> None:
    name = BILM + variable_name(path)
    if shape is None:
        raise SourceError(f"The SavedModel {folder} lacks the variable {name}")
    if not checkpoints.fits(path, _with_axis(path, shape), expected):
        raise SourceError(
            f"The variable {name} of the SavedModel {folder} must have the shape "
            f"{expected} for the other variables' sizes. Received: {shape}"
        )
