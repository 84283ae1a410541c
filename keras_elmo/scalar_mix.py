"""The learned mix of a biLM's layers."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_elmo.part import Part

_EPSILON = 1e-12  # of the layer norm; as in bilm-tf


@keras.saving.register_keras_serializable("keras_elmo")
class ScalarMix(Part):
    """Computes `gamma * sum_k softmax(weights)_k * layer_k`, one vector a token.

    Args:
        layer_norm: Whether each layer is normalised before it is mixed, by one mean
            and one variance over all tokens of the batch and all dimensions, as
            ELMo's authors do it. A token's vector then depends on its batch.
        l2: Factor of the penalty on the sum of the squared weights; 0 for none.

    Inputs:  `(batch, layers, time, dim)` float; or a list of the layers, each
        `(..., time, dim)`. `mask`, bool `(batch, time)`, says for `layer_norm` what
        is a token; without it every position is one.
    Outputs: `(batch, time, dim)` float, or `(..., time, dim)`; zero where every
        layer is zero, or the mask False.
    Weights: `mix_weights` `(layers,)`, 0 at the start, so all layers count alike;
        `gamma` `(1,)`, 1 at the start.
    Errors:  `ValueError` from `build()` if the number of layers is not known.
    Source:  Peters et al. 2018, arXiv:1802.05365, equation 1; layer norm and
        penalty as in allenai/bilm-tf, `weight_layers`.
    """

    def __init__(
        self, *, layer_norm: bool = False, l2: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if l2 < 0:
            raise ValueError(f"`l2` must not be negative. Received: `l2={l2}`")
        self.layer_norm = layer_norm
        self.l2 = l2
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        self.mix_weights = self.add_weight(
            shape=(_number_of_layers(input_shape),),
            initializer="zeros",
            regularizer=_Penalty(self.l2) if self.l2 else None,
            name="mix_weights",
        )
        self.gamma = self.add_weight(shape=(1,), initializer="ones", name="gamma")
        self.built = True

    def call(self, layers: Any, mask: Any = None) -> Any:
        if not isinstance(layers, (list, tuple)):
            layers = ops.unstack(layers, self.mix_weights.shape[0], axis=1)
        elif isinstance(mask, (list, tuple)):
            mask = mask[0]  # the same for every layer
        if self.layer_norm:
            layers = [_normalise(layer, mask) for layer in layers]
        shares = ops.softmax(ops.cast(self.mix_weights, "float32"))  # (layers,)
        factors = ops.cast(ops.cast(self.gamma, "float32") * shares, layers[0].dtype)
        return sum(layer * factors[k] for k, layer in enumerate(layers))

    def compute_mask(self, layers: Any, mask: Any = None) -> Any:
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        if _is_list(input_shape):
            return tuple(input_shape[0])
        return (input_shape[0], *input_shape[2:])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer_norm": self.layer_norm, "l2": self.l2}


class _Penalty(keras.regularizers.L2):
    """The L2 penalty in float32, as Keras adds it to losses of that type."""

    def __call__(self, x: Any) -> Any:
        return super().__call__(ops.cast(x, "float32"))


def _normalise(layer: Any, mask: Any) -> Any:
    """Normalises `layer` `(..., time, dim)` over all that `mask` says is a token."""
    x = ops.cast(layer, "float32")
    real = ops.ones_like(x[..., :1]) if mask is None else ops.cast(mask, x.dtype)
    real = real if mask is None else real[..., None]  # (..., time, 1)
    count = ops.maximum(ops.sum(real) * x.shape[-1], 1.0)
    centred = (x - ops.sum(x * real) / count) * real
    variance = ops.sum(ops.square(centred)) / count
    return ops.cast(centred / ops.sqrt(variance + _EPSILON), layer.dtype)


def _is_list(shape: Any) -> bool:
    return bool(shape) and isinstance(shape[0], (list, tuple))


def _number_of_layers(shape: Any) -> int:
    if _is_list(shape):
        return len(shape)
    if len(shape) != 4 or shape[1] is None:
        raise ValueError(
            "`ScalarMix` needs inputs (batch, layers, time, dim) with a known "
            f"number of layers. Received: shape {tuple(shape)}"
        )
    return shape[1]
