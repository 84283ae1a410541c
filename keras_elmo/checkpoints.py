"""Weights in the published hdf5 layout, read into a `BiLM` and written from it.

Source: allenai/bilm-tf and allenai/allennlp, whose files these are. They store all
matrices (in, out), where those of the LSTMs lie (out, in) here; the convolutions
carry a leading axis of 1, and the character table has no row for padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from keras_elmo import characters, hdf5, hdf5_trial
from keras_elmo.bilm import BiLM
from keras_elmo.errors import WeightsError
from keras_elmo.files import Shape
from keras_elmo.options import BiLMOptions

# What no weight of an ELMo comes near, nor what a layer makes of inputs of 1. In
# float32 there is room for what it makes of any that `runtime.bounds` lets pass.
_MOST = 1e18
_MOST_OF_HALF = float(np.finfo("float16").max)


def named_variables(bilm: BiLM) -> Iterator[tuple[str, Any]]:
    """Yields each path of the hdf5 file with the variable that is stored there.

    The variable holds the tensor as `from_file` returns it.
    """
    encoder = bilm.token_encoder
    if encoder.word_embed is not None:
        yield "word_embed", encoder.word_embed
    if encoder.char_embed is not None:
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


def from_file(name: str, value: np.ndarray, rows: int) -> np.ndarray:
    """Returns the tensor `name` of the file in the form of its variable.

    Args:
        name: Its path in the file.
        value: The tensor.
        rows: Of the variable.
    """
    if name.startswith("CNN/W_cnn_"):
        return value[0]
    if name == "char_embed" and len(value) == rows + 1:
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


def check_hdf5(options: BiLMOptions, path: str | Path) -> None:
    """Checks that a published or exported hdf5 file fits; its values are not looked at.

    Raises:
        SourceError: If the file is missing, cut short, not hdf5, or does harm to the
            process that tries to read it.
        WeightsError: If a tensor is missing, of another shape or type, was never
            written, or lies in another file; or if there are more layers than the
            options have.
    """
    hdf5_trial.check(Path(path), _expected(options))


def load_hdf5(bilm: BiLM, path: str | Path) -> None:
    """Reads the weights of `bilm` from a published or exported hdf5 file.

    The warm state of a layer stays as it is where the file has none: a layer made from
    the file computes its own. The vectors of known words are computed anew.

    Raises:
        SourceError, WeightsError: If it does not pass `check_hdf5`, or holds other
            values than finite float32.
    """
    expected = _expected(bilm.options)
    hdf5_trial.check(Path(path), expected)
    with hdf5.open_tensors(Path(path), expected) as found:

        def read(name: str) -> np.ndarray | None:
            return hdf5.read(found[name]) if name in found else None

        assign_weights(bilm, read, str(path))


def _expected(options: BiLMOptions) -> hdf5.Expected:
    return hdf5.Expected(
        shapes={n: _allowed_shapes(n, s) for n, s in options.shapes().items()},
        together={name: [shape] for name, shape in options.state_shapes().items()},
        foreign=options.foreign_tensors(),
    )


def fits(name: str, shape: Shape | None, expected: Shape) -> bool:
    """Whether the tensor `name` may be stored with `shape`."""
    return shape in _allowed_shapes(name, expected)


def _allowed_shapes(name: str, expected: Shape) -> list[Shape]:
    shapes = [expected]
    if name == "char_embed" and expected[0] == characters.N_CHARACTERS:
        shapes.append((expected[0] + 1, *expected[1:]))  # a row of zeros, for padding
    return shapes


def assign_weights(
    bilm: BiLM, read: Callable[[str], np.ndarray | None], origin: str
) -> None:
    """Fills `bilm` from `read`, which returns the tensor of an hdf5 path.

    It may return None for an initial state: only files of this package hold them.

    Every value is checked before the first weight is set, so that a file that does
    not fit leaves the model as it was.

    Raises:
        WeightsError: If a value is not finite in float32, or so large that a product
            might not be.
    """
    variables = dict([*named_variables(bilm), *bilm.initial_states().items()])
    most = _MOST_OF_HALF if bilm.compute_dtype == "float16" else _MOST
    values = {
        name: finite(name, value, origin, most)
        for name in variables
        if (value := read(name)) is not None
    }
    _check_reach(values, most, origin)
    for name, value in values.items():
        variable = variables[name]
        variable.assign(from_file(name, value, variable.shape[0]))
    bilm.weights_are_set(origin)


def finite(
    name: str, value: np.ndarray, origin: str, most: float = _MOST
) -> np.ndarray:
    """Returns `value` as float32; refuses NaN, infinity and what no ELMo holds."""
    with np.errstate(over="ignore", invalid="ignore"):
        value = np.asarray(value).astype("float32")
    largest = max(-np.min(value, initial=0.0), np.max(value, initial=0.0))
    if not np.isfinite(largest):
        raise WeightsError(f"The tensor {name} of {origin} holds NaN or infinity")
    if largest > most:
        raise WeightsError(
            f"The tensor {name} of {origin} holds values as large as {largest:.0e}; "
            f"those of an ELMo stay below {most:.0e}"
        )
    return value


def _check_reach(values: Mapping[str, np.ndarray], most: float, origin: str) -> None:
    """Refuses a tensor that would overflow on inputs which do not.

    What a product can come to is the sum of its absolute weights, times the most that
    its input can be. The convolutions read the character table, all else reads what is
    taken to be 1 at most: what it really is shows only when the model runs, where
    `runtime.bounds` refuses it if it is large. A bound over many layers would not do:
    it grows tenfold with each highway layer, and what the layers compute does not.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        for name, weights in values.items():
            if weights.ndim < 2 or name in ("char_embed", "word_embed"):
                continue
            if name.startswith("CNN/W_cnn_"):
                char = np.abs(values["char_embed"]).max(axis=0)
                reach = np.einsum("wcn,c->n", np.abs(weights[0]), char)
            else:
                reach = np.abs(weights).sum(axis=0)
            bias = values.get(_bias_of(name))
            if bias is not None:
                reach = reach + np.abs(bias)
            if not (reach <= most).all():
                raise WeightsError(
                    f"The tensor {name} of {origin} may let values grow to "
                    f"{np.max(reach):.0e}; those of an ELMo stay below {most:.0e}"
                )


def _bias_of(name: str) -> str:
    """Returns the path of the bias that belongs to the weights at `name`."""
    path, _, last = name.rpartition("/")
    return f"{path}/B" if last == "W_0" else f"{path}/{last.replace('W_', 'b_')}"


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
