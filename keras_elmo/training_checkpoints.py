"""ELMo from a checkpoint that bilm-tf left when it trained one.

Only the variables are read, by the names that bilm-tf's training gives them. They map
one to one to the published hdf5 layout, to which bilm-tf itself dumps them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_elmo import characters, checkpoints, errors
from keras_elmo.bilm import BiLM
from keras_elmo.errors import WeightsError
from keras_elmo.options import BiLMOptions
from keras_elmo.tf_variables import SavedVariables

_SCOPE = "lm/"
_CELL = re.compile(r"(RNN_\d)/RNN/MultiRNNCell/Cell(\d+)/LSTMCell/(\w+)")
_OF_CELL = {"W_0": "kernel", "B": "bias", "W_P_0": "projection/kernel"}


def open_checkpoint(path: Path, options: BiLMOptions) -> Callable[[BiLM], None]:
    """Checks that a checkpoint fits, without reading its values.

    Args:
        path: Of its files, without the endings `.index` and `.data-*`.
        options: Those it was trained with.

    Returns:
        What fills a `BiLM` of these options.

    Raises:
        SourceError: If there is no checkpoint that can be read.
        WeightsError: If it lacks a variable, has one of another shape or type, or has
            more layers than the options.
    """
    origin = f"the checkpoint {path}"
    variables = SavedVariables(path, origin)
    shapes = variables.shapes()
    for path_of_more, rule in options.foreign_tensors().items():
        name = _SCOPE + variable_name(path_of_more, options.n_layers + 1)
        if name in shapes:
            raise errors.no_place(f"the variable {name}", str(path), rule)
    names = {
        name: _SCOPE + variable_name(name, options.n_layers)
        for name in options.shapes()
    }
    for name, expected in options.shapes().items():
        shape = shapes.get(names[name])
        if shape is None:
            raise WeightsError(
                f"The checkpoint {path} lacks the variable {names[name]}"
            )
        if not checkpoints.fits(name, shape, expected):
            raise WeightsError(
                f"The variable {names[name]} of {origin} must have the shape "
                f"{expected} for these options. Received: {shape}"
            )
    variables.check_room(names.values())

    def read(name: str) -> np.ndarray | None:
        if name not in names:
            return None
        value = variables.read(names[name])
        # Its rows are counted from byte 0 even where there is one too many: in
        # training there is no padding.
        return value[: characters.N_CHARACTERS] if name == "char_embed" else value

    return lambda bilm: checkpoints.assign_weights(bilm, read, str(path))


def variable_name(hdf5_name: str, n_layers: int) -> str:
    """Returns the name, after `lm/`, that bilm-tf's training has for an hdf5 path."""
    if hdf5_name == "word_embed":
        return "embedding"
    cell = _CELL.fullmatch(hdf5_name)
    if cell is None:
        return hdf5_name
    direction, layer, last = cell.groups()
    stack = f"multi_rnn_cell/cell_{layer}/" if n_layers > 1 else ""
    return f"{direction}/rnn/{stack}lstm_cell/{_OF_CELL[last]}"
