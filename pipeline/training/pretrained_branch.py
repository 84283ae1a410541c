"""The branch of the head that starts from what was learnt on reviews.

It is of use with the included ELMo alone, on whose vectors it was trained: it knows
which of them praise and which complain. docs/quality.md has what it was trained on and
what it brings; `tools/pretrain_branch.py` trains it.

Source: Conneau et al. 2017, arXiv:1705.02364 (what is learnt on one labelled set helps
    on others).
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from pipeline.training.shipped_arrays import shipped_arrays

PRETRAINED_UNITS = 128
"""Width of its hidden layer."""

WEIGHTS_FILE = Path(__file__).with_name("pretrained_branch.npz")
_SHA256 = "d140323c2e4f99c689bedba9ef90ad3e99d27831ac450913ff5d5db80db75e1a"


@functools.cache
def pretrained_weights() -> dict[str, list[np.ndarray]]:
    """Returns the end of a layer's name -> its weights, float32.

    `hidden` has a kernel `(dim, units)` and a bias `(units,)`, `attention_pooling` a
    query `(units, 1)`. The logits start fresh: the classes are the user's.

    Raises:
        OSError: The file is not the one that the project has.
    """
    arrays = shipped_arrays(WEIGHTS_FILE, _SHA256)
    of = {name: values.astype(np.float32) for name, values in arrays.items()}
    return {
        "hidden": [of["kernel"], of["bias"]],
        "attention_pooling": [of["query"]],
    }


def reads_vectors_of(source: str) -> bool:
    """Returns whether the branch can read the vectors of an ELMo source."""
    return source == "default"
