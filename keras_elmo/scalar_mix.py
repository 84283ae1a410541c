"""The learned mix of a biLM's layers."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_elmo")
class ScalarMix(keras.layers.Layer):
    """Gives `gamma * sum_k softmax(weights)_k * layer_k`, one vector a token.

    Inputs:  `(batch, layers, time, dim)` float.
    Outputs: `(batch, time, dim)` float; zero where every layer is zero.
    Weights: `mix_weights` `(layers,)`, 0 at the start, so all layers count alike;
        `gamma` `(1,)`, 1 at the start.
    Errors:  `ValueError` from `build()` if the number of layers is not known.
    Source:  Peters et al. 2018, arXiv:1802.05365, equation 1.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if len(input_shape) != 4 or input_shape[1] is None:
            raise ValueError(
                "`ScalarMix` needs inputs (batch, layers, time, dim) with a known "
                f"number of layers. Received: shape {tuple(input_shape)}"
            )
        self.mix_weights = self.add_weight(
            shape=(input_shape[1],), initializer="zeros", name="mix_weights"
        )
        self.gamma = self.add_weight(shape=(1,), initializer="ones", name="gamma")
        self.built = True

    def call(self, layers: Any) -> Any:
        shares = ops.softmax(ops.cast(self.mix_weights, "float32"))  # (layers,)
        shares = ops.cast(shares, layers.dtype)
        mixed = ops.sum(layers * ops.reshape(shares, (1, -1, 1, 1)), axis=1)
        return ops.cast(self.gamma, layers.dtype) * mixed  # (batch, time, dim)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (input_shape[0], *input_shape[2:])
