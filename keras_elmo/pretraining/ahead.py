"""Batches made by a thread while the device works on earlier ones."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

from keras_elmo.pretraining.batches import Batcher


def ahead(batcher: Batcher, step: int, depth: int = 8) -> Iterator[dict[str, Any]]:
    """Yields the batches from `step` on without end, `depth` of them made ahead.

    An error of the batcher is raised at the batch that it concerns.
    """
    ready: queue.Queue[Any] = queue.Queue(depth)
    stop = threading.Event()

    def work() -> None:
        number = step
        while not stop.is_set():
            try:
                item: Any = batcher.batch(number)
            except (ValueError, IndexError, OSError) as error:
                item = error
            while not stop.is_set():
                try:
                    ready.put(item, timeout=0.5)
                    break
                except queue.Full:
                    continue
            number += 1

    thread = threading.Thread(target=work, daemon=True, name="batches")
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
