"""What ML Metadata calls the pipeline: its runs share spans, models and the cache."""

from __future__ import annotations

import hashlib

from pipeline.metadata_store import is_on_server

_NAME = "elmo_tfx"


def pipeline_name(output: str) -> str:
    """Returns the name of the pipeline that writes into a folder.

    A SQLite file lies in its output and has one pipeline. On a server that serves
    several outputs each has a name of its own, so that none takes the data or the
    models of another one for its own.

    Args:
        output: The folder, absolute.
    """
    if not is_on_server():
        return _NAME
    return f"{_NAME}_{hashlib.sha256(output.encode()).hexdigest()[:12]}"
