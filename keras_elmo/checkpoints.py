"""Weights in the published hdf5 layout, read into a `BiLM` and written from it.

Source: allenai/bilm-tf and allenai/allennlp, whose files these are. They store all
matrices (in, out), where those of the LSTMs lie (out, in) here; the convolutions
carry a leading axis of 1, and the character table has no row for padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from keras_elmo import characters
from keras_elmo.bilm import BiLM
from keras_elmo.errors import SourceError, WeightsError


def named_variables(bilm: BiLM) -> Iterator[tuple[str, Any]]:
    """Yields each path of the hdf5 file with the variable that is stored there.

    The variable holds the tensor as `from_file` returns it.
    """
    encoder = bilm.token_encoder
    yield "char_embed", encoder.char_embed
    for i, (kernel, bias) in enumerate(encoder.filters):
        yield f"CNN/W_cnn_{i}", kernel
        yield f"CNN/b_cnn_{i}", bias
    names = ("W_transform", "b_transform", "W_carry", "b_carry")
    for i, highway in enumerate(encoder.highways):
        for name, variable in zip(names, highway, strict=True):
            yield f"CNN_high_{i}/{name}", variable
    if encoder.projection is not None:
        yield "CNN_proj/W_proj", encoder.projection[0]
        yield "CNN_proj/b_proj", encoder.projection[1]
    for direction, stack in enumerate((bilm.forward_lstm, bilm.backward_lstm)):
        for i, layer in enumerate(stack.layers):
            cell = layer.cell
            path = f"RNN_{direction}/RNN/MultiRNNCell/Cell{i}/LSTMCell"
            yield f"{path}/W_0", cell.kernel
            yield f"{path}/B", cell.bias
            if cell.projection is not None:
                yield f"{path}/W_P_0", cell.projection


def to_file(name: str, value: np.ndarray) -> np.ndarray:
    """Returns the value of the variable stored at `name` in the form of the file."""
    if name.startswith("CNN/W_cnn_"):
        return value[None]  # (1, width, char_dim, count)
    return value.T if is_transposed(name) else value


def from_file(name: str, value: np.ndarray) -> np.ndarray:
    """Returns the tensor `name` of the file in the form of its variable."""
    if name.startswith("CNN/W_cnn_"):
        return value[0]
    if name == "char_embed" and len(value) == characters.N_CHARACTERS + 1:
        return value[1:]  # saved with the row of zeros for padding
    return value.T if is_transposed(name) else value


def is_transposed(name: str) -> bool:
    """Whether the variable of an hdf5 path lies (out, in): a matrix of an LSTM."""
    return name.endswith(("/W_0", "/W_P_0"))


def tensors(bilm: BiLM) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the weights of `bilm` as the hdf5 file has them, by path."""
    for name, variable in named_variables(bilm):
        yield name, to_file(name, keras.ops.convert_to_numpy(variable))
    for name, variable in bilm.initial_states().items():
        yield name, keras.ops.convert_to_numpy(variable)


def load_hdf5(bilm: BiLM, path: str | Path) -> None:
    """Reads the weights of `bilm` from a published or exported hdf5 file.

    Raises:
        SourceError: If the file is missing, cut short or not hdf5.
        WeightsError: If a tensor is missing or has another shape.
    """
    try:
        with h5py.File(path, "r") as file:

            def read(name: str) -> np.ndarray | None:
                return np.asarray(file[name]) if name in file else None

            assign_weights(bilm, read, str(path))
    except OSError as error:
        raise SourceError(f"Cannot read ELMo weights from {path}: {error}") from error


def assign_weights(
    bilm: BiLM, read: Callable[[str], np.ndarray | None], origin: str
) -> None:
    """Fills `bilm` from `read`, which returns the tensor of an hdf5 path or None.

    Every shape is checked before the first weight is set, so that a file that
    does not fit leaves the model as it was.

    Raises:
        WeightsError: If a tensor is missing or has another shape.
    """
    values: list[tuple[Any, np.ndarray]] = []
    states = bilm.initial_states()  # only files of this package have them
    for name, variable in [*named_variables(bilm), *states.items()]:
        expected = to_file(name, np.broadcast_to(0.0, variable.shape)).shape
        value = read(name)
        if value is None and name in states:
            continue
        if value is None:
            raise WeightsError(f"{origin} lacks the tensor {name} of shape {expected}")
        fits = value.ndim == len(expected)
        converted = from_file(name, value) if fits else value
        if not fits or converted.shape != tuple(variable.shape):
            raise WeightsError(
                f"The tensor {name} of {origin} does not fit the options: expected "
                f"shape {expected}. Received: {value.shape}"
            )
        values.append((variable, converted))
    for variable, converted in values:
        variable.assign(converted.astype("float32"))


def save_hdf5(bilm: BiLM, path: str | Path, *, dtype: str = "float32") -> None:
    """Writes the weights of `bilm` in the published layout.

    The warm state of a layer goes along, as tensors that other readers do not ask
    for: the weights were trained from it.

    Args:
        bilm: The model.
        path: Of the file; an existing one is replaced.
        dtype: `float32`, or `float16` for half the size; readers convert it.
    """
    with h5py.File(path, "w") as file:
        for name, value in tensors(bilm):
            file.create_dataset(
                name, data=value.astype(dtype), compression="gzip", shuffle=True
            )
