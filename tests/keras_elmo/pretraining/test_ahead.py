from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pytest
from keras import ops

from keras_elmo.pretraining import batches as ahead_module
from keras_elmo.pretraining.batches import ahead


class Numbered:
    """Stands in for a batcher; early batches of it take longest."""

    def __init__(self, broken=None):
        self.broken = broken

    def batch(self, step):
        if step == self.broken:
            raise IndexError(f"batch {step}")
        time.sleep(0.02 / (1 + step % 4))
        return {"step": np.array([step]), "half": np.array([step / 2], np.float32)}


def numbers(batches):
    return [int(ops.convert_to_numpy(batch["step"])[0]) for batch in batches]


def batch_threads():
    return [t for t in threading.enumerate() if t.name.startswith("batches")]


@pytest.fixture(params=[1, 3], autouse=True)
def workers(request, monkeypatch):
    cores = request.param * ahead_module._CORES_PER_WORKER
    monkeypatch.setattr(ahead_module.os, "cpu_count", lambda: cores)
    return request.param


@pytest.mark.parametrize("step", [0, 7])
@pytest.mark.parametrize("depth", [1, 5])
def test_batches_come_in_order_from_any_step(step, depth):
    batches = ahead(Numbered(), step, depth)
    found = list(itertools.islice(batches, 12))
    batches.close()
    assert numbers(found) == list(range(step, step + 12))
    for number, batch in enumerate(found, step):
        expected = Numbered().batch(number)
        assert set(batch) == set(expected)
        for name, value in expected.items():
            assert ops.is_tensor(batch[name])
            np.testing.assert_array_equal(ops.convert_to_numpy(batch[name]), value)


def test_an_error_is_raised_at_its_batch(workers):
    batches = ahead(Numbered(broken=6), 2)
    assert numbers(itertools.islice(batches, 4)) == [2, 3, 4, 5]
    with pytest.raises(IndexError, match="batch 6"):
        next(batches)
    assert not batch_threads()


def test_no_thread_outlives_the_generator(workers):
    batches = ahead(Numbered(), 0)
    next(batches)
    assert len(batch_threads()) == workers
    batches.close()
    assert not batch_threads()
