from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from keras_elmo.checkpoints import save_hdf5
from tests.keras_elmo.tiny import PLAIN, write_model


@pytest.fixture(scope="session")
def tiny_elmo(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("tiny_elmo"))


@pytest.fixture
def folder(tiny_elmo, tmp_path):
    """A copy of the tiny ELMo, which a test may change."""
    return Path(shutil.copytree(tiny_elmo, tmp_path / "elmo"))


@pytest.fixture(scope="session")
def plain_elmo(tmp_path_factory):
    """The least that is an ELMo, and its warm states: layers of it are made in no time.

    For what has to do with Keras, and not with the network.
    """
    from keras_elmo import ElmoEmbeddingLayer  # needs TensorFlow, unlike some tests

    folder = tmp_path_factory.mktemp("plain_elmo")
    layer = ElmoEmbeddingLayer(str(write_model(folder, **PLAIN)))
    save_hdf5(layer.bilm, folder / "weights.hdf5")
    return folder


@pytest.fixture(scope="session")
def shared_layer(tiny_elmo) -> Callable:
    """Returns `make(**arguments)`: each layer is made once, and no test changes it."""
    return _maker(tiny_elmo)


@pytest.fixture(scope="session")
def shared_plain_layer(plain_elmo) -> Callable:
    """Returns `make(**arguments)`, as `shared_layer` does, for plain layers."""
    return _maker(plain_elmo)


def _maker(folder: Path) -> Callable:
    from keras_elmo import ElmoEmbeddingLayer

    return functools.cache(
        lambda **arguments: ElmoEmbeddingLayer(str(folder), **arguments)
    )
