"""An output into which TFX's nodes push."""

import itertools

import pytest

from pipeline.serving import pusher as our_pusher
from tests.pipeline.pushing_pipeline import PushingOutput


@pytest.fixture
def clock(monkeypatch):
    """A second passes at each look: versions are numbers of seconds."""
    seconds = itertools.count(1_800_000_000)
    monkeypatch.setattr(our_pusher, "clock", lambda: next(seconds))
    return lambda: next(seconds)


@pytest.fixture
def output(tmp_path, clock):
    return PushingOutput(tmp_path / "out")
