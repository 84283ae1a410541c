"""The model that all contenders take."""

from __future__ import annotations

import sys

from pipeline.serving.versions import newest_model


def model_in(folder: str) -> str:
    """Gives the SavedModel that predict takes; without one the process ends."""
    found = newest_model(folder)
    if found is None:
        sys.exit(f"error: there is no saved_model.pb in {folder}")
    return found
