"""Batches made by threads while the device works on earlier ones."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from keras import ops, tree

from keras_elmo.pretraining.batches import Batcher

_CORES_PER_WORKER = 4  # leaves the rest to the model where that is on the CPU


def ahead(batcher: Batcher, step: int, depth: int = 8) -> Iterator[dict[str, Any]]:
    """Yields the batches from `step` on without end, `depth` of them made ahead.

    They lie on the device already. An error of the batcher is raised at the batch
    that it concerns.
    """
    workers = max(1, (os.cpu_count() or 1) // _CORES_PER_WORKER)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")

    def make(number: int) -> dict[str, Any]:
        return tree.map_structure(ops.convert_to_tensor, batcher.batch(number))

    waiting = deque(pool.submit(make, step + i) for i in range(depth))
    try:
        for number in itertools.count(step + depth):
            batch = waiting.popleft().result()
            waiting.append(pool.submit(make, number))
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)
