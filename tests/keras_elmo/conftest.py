from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from tests.keras_elmo.tiny import write_model


@pytest.fixture(scope="session")
def tiny_elmo(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("tiny_elmo"))


@pytest.fixture(scope="session")
def shared_layer(tiny_elmo) -> Callable:
    """Returns `make(**arguments)`: each layer is made once, and no test changes it."""
    from keras_elmo import ElmoEmbeddingLayer  # needs TensorFlow, unlike some tests

    return functools.cache(
        lambda **arguments: ElmoEmbeddingLayer(str(tiny_elmo), **arguments)
    )
