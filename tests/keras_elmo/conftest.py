from __future__ import annotations

import pytest

from tests.keras_elmo.tiny import write_model


@pytest.fixture(scope="session")
def tiny_elmo(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("tiny_elmo"))
