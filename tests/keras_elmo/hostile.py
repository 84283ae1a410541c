"""What is done to a source to break it, and what is said of it then."""

from __future__ import annotations

import os

import pytest

from keras_elmo import BiLM, SourceError
from keras_elmo.sources import open_source


def refusal(source) -> str:
    """Returns what is said of a source, which must be one line and perhaps a hint."""
    with pytest.raises(SourceError) as caught:
        opened = open_source(source)
        opened.load(BiLM(opened.options))
    line, *rest = str(caught.value).split("\n")
    assert all(text.startswith("hint: ") for text in rest)
    return line


def as_pipe(path):
    path.unlink()
    os.mkfifo(path)


def as_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
