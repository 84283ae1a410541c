"""Trainings that several files look at, each run once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.keras_elmo.tiny import write_model
from tests.pipeline.tiny_training import MODEL, Trained, fn_args, train


@pytest.fixture(scope="session")
def trained(tmp_path_factory, transformed_data, small_elmo) -> Trained:
    """A classifier on a frozen ELMo, exported."""
    folder = tmp_path_factory.mktemp("trained")
    model = {**MODEL, "pooling": "attention"}
    args = fn_args(transformed_data, folder, elmo=small_elmo, model=model)
    return train(folder, args, whole=True)


@pytest.fixture(scope="session")
def one_layer_elmo(tmp_path_factory) -> Path:
    """A folder with a random biLM that is trained in little time."""
    return write_model(tmp_path_factory.mktemp("one_layer_elmo"), n_layers=1)


@pytest.fixture(scope="session")
def trained_with_elmo(tmp_path_factory, transformed_data, one_layer_elmo) -> Trained:
    """A classifier whose ELMo was trained with it, exported; it says what is unsure."""
    folder = tmp_path_factory.mktemp("trained_with_elmo")
    args = fn_args(transformed_data, folder, elmo=one_layer_elmo, trainable=True)
    args.custom_config["precision"] = 0.5
    return train(folder, args, whole=True)
