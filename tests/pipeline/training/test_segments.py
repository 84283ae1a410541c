"""Vectors in four bits a value."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.training.segments import from_four_bits, to_four_bits


def relative_error(vectors):
    again = from_four_bits(*to_four_bits(vectors))
    assert again.dtype == np.float32 and again.shape == vectors.shape
    return np.linalg.norm(again - vectors) / np.linalg.norm(vectors)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e15])
def test_the_error_of_normal_values_is_that_of_the_literature(scale):
    normal = np.random.default_rng(1).standard_normal((50, 3, 512)).astype("float32")
    # Max 1960, table I: a mean squared error of 0.009497.
    assert relative_error(normal * np.float32(scale)) == pytest.approx(
        0.009497**0.5, rel=0.02
    )


@pytest.mark.parametrize("kind", ["uniform", "laplace", "few"])
def test_other_values_are_kept_nearly_as_well(kind):
    random = np.random.default_rng(1)
    vectors = {
        "uniform": random.uniform(-1, 1, (50, 512)),
        "laplace": random.laplace(size=(50, 512)),
        "few": random.choice([-1.0, 1.0, 0.5], (50, 512)),
    }[kind].astype("float32")
    assert relative_error(vectors) < 0.2


def test_zeros_stay_zeros():
    codes, scales = to_four_bits(np.zeros((2, 3, 8), np.float32))
    assert (codes.shape, codes.dtype) == ((2, 3, 4), np.uint8)
    assert not scales.any()
    assert not from_four_bits(codes, scales).any()


def test_a_vector_does_not_depend_on_those_beside_it():
    vectors = np.random.default_rng(2).standard_normal((7, 16)).astype("float32")
    together = from_four_bits(*to_four_bits(vectors))
    alone = [from_four_bits(*to_four_bits(each[None]))[0] for each in vectors]
    np.testing.assert_array_equal(together, alone)


def test_no_errors_add_up_to_a_shift():
    vectors = np.random.default_rng(3).standard_normal((4000, 64)).astype("float32")
    error = from_four_bits(*to_four_bits(vectors)) - vectors
    assert abs(error.mean()) < 1e-3
