from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_elmo import ScalarMix


def test_at_the_start_all_layers_count_alike():
    layers = np.array([[[[1.0, 2.0]], [[3.0, 4.0]], [[8.0, 0.0]]]])
    np.testing.assert_allclose(ScalarMix()(layers), [[[4.0, 2.0]]], rtol=1e-6)


def test_weights_are_a_softmax_and_gamma_scales():
    mix = ScalarMix()
    layers = np.array([[[[1.0]], [[3.0]]]])
    mix.build(layers.shape)
    # softmax of (0, ln 3) is (1/4, 3/4), and 1/4 * 1 + 3/4 * 3 = 2.5
    mix.set_weights([np.array([0.0, np.log(3.0)]), np.array([2.0])])
    np.testing.assert_allclose(mix(layers), [[[5.0]]], rtol=1e-6)


def test_an_unknown_number_of_layers_is_refused():
    with pytest.raises(ValueError, match="known number of layers"):
        ScalarMix()(keras.Input((None, 5, 4)))


def mix_by_hand(layers, weights, gamma, mask=None):
    """The published formula, float64: `layers` is `(batch, layers, time, dim)`."""
    shares = np.exp(weights) / np.exp(weights).sum()
    real = np.ones(layers[:, 0, :, :1].shape) if mask is None else mask[..., None]
    mixed = 0.0
    for k, share in enumerate(shares):
        layer = layers[:, k].astype(np.float64)
        chosen = layer[np.broadcast_to(real, layer.shape).astype(bool)]
        spread = np.sqrt(chosen.var() + 1e-12)
        mixed = mixed + share * (layer - chosen.mean()) / spread
    return gamma * mixed * real


@pytest.mark.parametrize("is_list", [False, True], ids=["stacked", "list"])
@pytest.mark.parametrize("is_masked", [False, True], ids=["all tokens", "masked"])
def test_layer_norm_has_one_mean_and_variance_per_layer_over_all_tokens(
    is_list, is_masked
):
    rng = np.random.default_rng(0)
    layers = rng.normal(3.0, 2.0, (2, 3, 4, 5)).astype("float32")
    mask = np.array([[1, 1, 1, 0], [1, 0, 0, 0]], bool) if is_masked else None
    weights, gamma = np.array([0.5, -1.0, 0.2]), np.array([1.7])
    mix = ScalarMix(layer_norm=True)
    mix.build(layers.shape)
    mix.set_weights([weights, gamma])
    inputs = list(layers.swapaxes(0, 1)) if is_list else layers
    np.testing.assert_allclose(
        mix(inputs, mask=mask), mix_by_hand(layers, weights, gamma, mask), atol=1e-5
    )
