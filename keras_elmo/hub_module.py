"""ELMo from a TF Hub module: its variables, read into the native model.

The module's graph is never run: only its variables are read, by the names that
google/elmo gives them. They map one to one to the published hdf5 layout.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_elmo import checkpoints
from keras_elmo.bilm import BiLM
from keras_elmo.errors import SourceError
from keras_elmo.options import BiLMOptions

# What the variables cannot tell; the values of every published English model.
_CLIP = 3.0
_MAX_CHARS = 50


def open_module(folder: Path) -> tuple[BiLMOptions, Callable[[BiLM], None]]:
    """Opens a SavedModel folder that holds the variables of google/elmo.

    Returns:
        The model's options, and what fills a `BiLM` from the variables.

    Raises:
        SourceError: If the folder has no variables, or not those.
    """
    try:
        reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    except (tf.errors.OpError, ValueError) as error:
        raise SourceError(f"{folder} has no readable variables: {error}") from error
    shapes = reader.get_variable_to_shape_map()
    prefix = next(
        (n[: -len("char_embed")] for n in shapes if n.endswith("bilm/char_embed")), None
    )
    if prefix is None:
        raise SourceError(
            f"The SavedModel {folder} lacks the variable bilm/char_embed of "
            f"google/elmo. Received: {', '.join(sorted(shapes)[:5])}, ..."
        )

    def read(name: str) -> np.ndarray | None:
        variable = prefix + _variable_name(name)
        return reader.get_tensor(variable) if variable in shapes else None

    options = _infer_options({n[len(prefix) :]: s for n, s in shapes.items()}, folder)
    return options, lambda bilm: checkpoints.assign_weights(bilm, read, str(folder))


def _variable_name(hdf5_name: str) -> str:
    for stored, variable in (
        ("LSTMCell/W_0", "rnn/lstm_cell/kernel"),
        ("LSTMCell/B", "rnn/lstm_cell/bias"),
        ("LSTMCell/W_P_0", "rnn/lstm_cell/projection/kernel"),
    ):
        if hdf5_name.endswith(stored):
            return hdf5_name[: -len(stored)] + variable
    return hdf5_name


def _infer_options(shapes: dict[str, list[int]], folder: Path) -> BiLMOptions:
    def count(pattern: str) -> int:
        return sum(bool(re.fullmatch(pattern, name)) for name in shapes)

    cell = "RNN_0/RNN/MultiRNNCell/Cell0/rnn/lstm_cell"
    try:
        kernel, bias = shapes[f"{cell}/kernel"], shapes[f"{cell}/bias"]
        filters = [
            shapes[f"CNN/W_cnn_{i}"] for i in range(count(r"CNN/W_cnn_\d+"))
        ]  # each (1, width, char_dim, count)
        return BiLMOptions(
            char_dim=shapes["char_embed"][1],
            filters=tuple((shape[1], shape[3]) for shape in filters),
            n_highway=count(r"CNN_high_\d+/W_carry"),
            activation="relu",
            max_chars=_MAX_CHARS,
            n_layers=count(r"RNN_0/RNN/MultiRNNCell/Cell\d+/rnn/lstm_cell/kernel"),
            cell_dim=bias[0] // 4,
            projection_dim=kernel[0] // 2,
            cell_clip=_CLIP,
            proj_clip=_CLIP,
            use_skip_connections=True,
        )
    except KeyError as error:
        raise SourceError(f"The SavedModel {folder} lacks the variable {error}") from (
            error
        )
