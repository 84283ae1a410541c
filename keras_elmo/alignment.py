"""Matrices that bring one language's vectors into the space of another's."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_elmo import checkpoints, tensors
from keras_elmo.errors import SourceError, WeightsError
from keras_elmo.torch_files import TorchFile

_LOG = logging.getLogger("keras_elmo")
_FIRST_LSTM = 1  # the layer that a matrix is of, where nothing else is said


class Alignment(keras.layers.Layer):
    """Multiplies the vectors of each layer by a matrix, where it has one.

    Args:
        paths: Of the matrices, one for each layer of the biLM; None where there is
            none. They are files of torch.save with one tensor, or one array.
        dim: Width of an ELMo vector, and of each matrix.
        read: Whether the matrices are read; else they come with a saved model.
        again: Whether a layer is rebuilt from its configuration. Then a matrix that
            cannot be read is a warning, and the identity until another is set.

    Inputs:  the layers of the biLM, each `(tokens, dim)`.
    Outputs: as many, of the same shapes: `x @ matrix.T`.
    Errors:  `SourceError` or `WeightsError` for a file that holds no such matrix.
    Source:  Schuster et al. 2019, arXiv:1902.09492; TalSchuster/
        CrossLingualContextualEmb, whose `*_best_mapping.pth` these are.
    """

    def __init__(
        self,
        paths: Sequence[str | None],
        dim: int,
        *,
        read: bool,
        again: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=False, **kwargs)
        self.matrices: list[Any] = []
        for number, path in enumerate(paths):
            matrix = None
            if path is not None:
                matrix = self.add_weight(
                    shape=(dim, dim),
                    initializer="identity",
                    trainable=False,
                    name=f"matrix_{number}",
                )
                if read:
                    matrix.assign((_read_again if again else _read)(Path(path), dim))
            self.matrices.append(matrix)
        self.built = True

    def call(self, layers: Sequence[Any]) -> list[Any]:
        return [
            x
            if matrix is None
            else ops.matmul(x, ops.transpose(ops.cast(matrix, x.dtype)))
            for x, matrix in zip(layers, self.matrices, strict=True)
        ]


def paths_by_layer(
    alignment: Any, num_layers: int, output: str
) -> list[str | None] | None:
    """Returns the path of each layer's matrix, as the argument `alignment` names them.

    Args:
        alignment: None; the path of the first LSTM layer's matrix; or a path or None
            for each layer of the biLM.
        num_layers: Layers of the biLM, the token encoder counted as the first.
        output: What the layer returns.

    Raises:
        ValueError: If it is something else, or leaves out a layer that is read: a mix
            of vectors of two spaces would mean nothing.
    """
    if alignment is None:
        return None
    paths: list[Any] = [None] * num_layers
    if isinstance(alignment, (str, os.PathLike)):
        paths[_FIRST_LSTM] = alignment
    elif isinstance(alignment, (list, tuple)) and len(alignment) == num_layers:
        paths = list(alignment)
    if not any(paths) or not all(
        path is None or isinstance(path, (str, os.PathLike)) for path in paths
    ):
        raise ValueError(
            "`alignment` must be None, the path of the first LSTM layer's matrix, or a "
            f"list of {num_layers} with a path or None for each layer. "
            f"Received: `alignment={alignment!r}`"
        )
    if output == "word_emb":
        raise ValueError(
            "`alignment` has no matrix for `output=word_emb`, which is half as wide\n"
            'hint: `output="layers"` has the token vectors as its first layer'
        )
    needed = range(num_layers)
    if output.startswith("lstm_outputs"):
        last = tensors.lstm_layers_read(output, num_layers)
        needed = range(last, last + 1)
    lacking = [number for number in needed if paths[number] is None]
    if lacking:
        raise ValueError(
            f"`alignment` must have a matrix for each layer that `output={output}` "
            f"reads. It has none for layer {lacking[0]}\n"
            'hint: `output="lstm_outputs1"` reads the first LSTM layer alone'
        )
    return [None if path is None else str(path) for path in paths]


def _read_again(path: Path, dim: int) -> np.ndarray:
    try:
        return _read(path, dim)
    except SourceError as error:
        _LOG.warning(
            "A layer is rebuilt from its configuration, and a matrix of its alignment "
            "cannot be read again: it is the identity until another is set. %s",
            error,
        )
        return np.eye(dim, dtype="float32")


def _read(path: Path, dim: int) -> np.ndarray:
    file = TorchFile(path)
    shapes = file.shapes()
    if shapes != {"": (dim, dim)}:
        found = ", ".join(f"{name} {shape}".strip() for name, shape in shapes.items())
        raise WeightsError(
            f"{path} must hold one matrix of shape {(dim, dim)}. Received: {found}"
        )
    return checkpoints.finite("matrix", file.read(""), str(path))
