from __future__ import annotations

import pytest

# What imports TensorFlow is only imported where a fixture needs it: many tests do not.


@pytest.fixture(scope="session")
def small_elmo(tmp_path_factory):
    """A folder with a random biLM, just wide enough to tell a few texts apart."""
    from tests.keras_elmo.tiny import write_model

    return write_model(
        tmp_path_factory.mktemp("small_elmo"),
        filters=((1, 16), (2, 16), (3, 16)),
        cell_dim=20,
        projection_dim=16,
    )


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory):
    """The folder of a toy classifier, as version 3 of a folder of versions."""
    from tests.pipeline.batch.toy_classifier import write_toy

    return write_toy(tmp_path_factory.mktemp("serving") / "3")


@pytest.fixture(scope="session")
def transformed_data(tmp_path_factory):
    """A folder with what TFX Transform makes of a few texts."""
    from tests.pipeline.tiny_training import write_transformed

    return write_transformed(tmp_path_factory.mktemp("transformed_data"))
