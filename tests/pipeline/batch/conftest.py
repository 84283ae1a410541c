from __future__ import annotations

import pytest

from pipeline.batch.predicting import Predictor


@pytest.fixture(scope="session")
def predictor(toy_model):
    """What scores with the toy classifier."""
    return Predictor.inspect(str(toy_model), None)
