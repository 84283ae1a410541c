"""Keeps TensorFlow's and Beam's imports short: half their time is for other programs.

Both load libraries that they can do without, where these are installed; and Python
searches for garbage while they load, although they leave none.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator

# Each is imported where an ImportError is caught.
UNUSED = (
    "IPython",  # Keras and Beam ask whether they are in a notebook
    "apache_beam.io.gcp.bigquery",  # Beam's way to Google's tables
    "matplotlib",  # Keras shows pictures with it
    "pymongo",  # Beam's way to MongoDB
    "sklearn",  # Keras has wrappers for it; it loads SciPy's statistics
)


@contextlib.contextmanager
def without_unused() -> Iterator[None]:
    """Makes imports in this block pass over what is `UNUSED`, unless it is loaded.

    What the libraries passed over they do without as long as the process lives.
    """
    absent = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)


@contextlib.contextmanager
def no_garbage_search() -> Iterator[None]:
    """Searches for no garbage in this block, in which large libraries are loaded.

    If it loads TensorFlow, all that is there at its end stays as long as the process,
    and no later search goes through it.
    """
    is_first = "tensorflow" not in sys.modules
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_first and "tensorflow" in sys.modules:
            gc.freeze()
        if was_on:
            gc.enable()
