"""What Keras must know of a layer whose inputs are strings."""

from __future__ import annotations

from typing import Any

import keras

from keras_elmo import checks
from keras_elmo.inputs import as_tensor


class StringLayer(keras.layers.Layer):
    """A layer that takes strings: a tensor, a RaggedTensor, an array or lists.

    `call()` gets a dense tensor. The layer has no weights of its own: those of its
    parts have the dtypes of `dtype_policy`, as its outputs have.

    Errors: `TypeError` for inputs that are no strings.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_jit = False  # strings never compile

    @property
    def compute_dtype(self) -> str:
        """That of the inputs: a Sequential model without `Input` makes them so."""
        return "string"

    @property
    def variable_dtype(self) -> str:
        """The same, or Keras would take the policy for a mixed one."""
        return "string"

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(inputs, keras.KerasTensor):
            inputs = as_tensor(inputs)
        checks.check_dtype(keras.backend.standardize_dtype(inputs.dtype))
        return super().__call__(inputs, *args, **kwargs)
