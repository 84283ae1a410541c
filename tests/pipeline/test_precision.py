"""In which numbers a processor multiplies, and what is asked of it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from pipeline import precision
from pipeline.precision import AUTO, BFLOAT16, FLOAT32, chosen, compute_in


@pytest.fixture
def product():
    """Returns a product of two matrices, by a graph that is made anew each time."""
    factors = np.random.default_rng(0).normal(size=(2, 256, 256)).astype("float32")

    def product():
        run = tf.function(lambda a, b: tf.nn.relu(a @ b), autograph=False)
        return run(*map(tf.constant, factors)).numpy()

    yield product
    compute_in(FLOAT32)


def test_a_product_in_bfloat16_is_nearly_the_same(product):
    compute_in(FLOAT32)
    exact = product()
    compute_in(BFLOAT16)
    rough = product()
    compute_in(FLOAT32)
    np.testing.assert_array_equal(product(), exact)
    assert rough.dtype == np.float32
    error = np.abs(rough - exact).mean() / np.abs(exact).mean()
    assert error < 0.01
    if precision.has_bfloat16():
        assert error > 1e-5


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ("processor : 0\nmodel name\t: X 1\nflags\t\t: fpu avx512_bf16 sse\n\n", True),
        ("processor : 0\nflags : fpu avx512\n\nprocessor : 1\nflags : amx_bf16", False),
        ("", False),
    ],
)
def test_what_linux_says_of_the_processor_decides(monkeypatch, info, expected):
    monkeypatch.setattr(precision.Path, "read_text", lambda *_: info)
    assert precision.has_bfloat16() is expected
    assert chosen(AUTO) == (BFLOAT16 if expected else FLOAT32)
    assert [chosen(each) for each in (FLOAT32, BFLOAT16)] == [FLOAT32, BFLOAT16]


def test_the_machine_is_named_where_linux_says_nothing_too(monkeypatch):
    def fail(*_):
        raise FileNotFoundError

    monkeypatch.setattr(precision.Path, "read_text", fail)
    assert "cores)" in precision.machine()
