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
