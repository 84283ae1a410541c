from __future__ import annotations

import pytest

from pipeline.batch.predicting import Predictor
from tests.pipeline.batch.toy_classifier import write_toy


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory):
    """The folder of a toy classifier, as version 3 of a folder of versions."""
    return write_toy(tmp_path_factory.mktemp("serving") / "3")


@pytest.fixture(scope="session")
def predictor(toy_model):
    """What scores with the toy classifier."""
    return Predictor.look_at(str(toy_model), None)
