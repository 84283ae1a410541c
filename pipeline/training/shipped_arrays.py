"""Arrays that the project brings along: npz files beside the code that reads them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np


def shipped_arrays(path: Path, sha256: str) -> dict[str, np.ndarray]:
    """Returns the arrays of a file by name, as they are stored.

    Args:
        path: The file.
        sha256: Of its bytes, hexadecimal. It stands in the code, so that the code's
            fingerprint changes with the arrays.

    Raises:
        OSError: The file is not the one that the project has.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise OSError(f"{path} is damaged\nhint: install elmo-tfx anew")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
