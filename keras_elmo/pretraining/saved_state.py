"""A training's variables in one file, written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np


def save(path: Path, model: keras.Model, facts: dict[str, Any]) -> None:
    """Writes all variables of a compiled model, and `facts` as JSON, to an npz."""
    arrays = {
        f"v{i}": keras.ops.convert_to_numpy(variable)
        for i, variable in enumerate(_variables(model))
    }
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def load(path: Path, model: keras.Model) -> dict[str, Any]:
    """Fills the variables of a compiled and built model; gives the facts.

    Raises:
        ValueError: If the file is of a model of another shape.
    """
    with np.load(path) as arrays:
        variables = _variables(model)
        shapes = [tuple(variable.shape) for variable in variables]
        found = [arrays[f"v{i}"].shape for i in range(len(arrays.files) - 1)]
        if shapes != found:
            raise ValueError(
                f"The checkpoint {path} is of a model of another shape\n"
                "hint: give the options it was begun with, or another output folder"
            )
        for i, variable in enumerate(variables):
            variable.assign(arrays[f"v{i}"])
        return json.loads(arrays["facts"].tobytes())


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
