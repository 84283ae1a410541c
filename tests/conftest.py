"""What every test shares: quiet TensorFlow, and the data beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Read by TensorFlow once, when it is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

_REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree under test."""
    return _REPOSITORY


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of data sets and fixtures; the test is skipped where it is absent.

    `ELMO_TFX_SHARED` names it; otherwise it is `shared` beside the repository.
    """
    given = os.environ.get("ELMO_TFX_SHARED")
    folder = Path(given) if given else _REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"the shared data is absent: {folder} (set ELMO_TFX_SHARED)")
    return folder
