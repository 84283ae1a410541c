"""WriteSorted: writes payloads to files whose number, names and order are settled."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam
import tensorflow as tf

# (path, writer options) -> an object with `write(bytes)`, as a context manager.
Opener = Callable[[str], contextlib.AbstractContextManager]


def open_tfrecord(path: str) -> contextlib.AbstractContextManager:
    """A gzipped TFRecord file."""
    return tf.io.TFRecordWriter(path, options=tf.io.TFRecordOptions("GZIP"))


@contextlib.contextmanager
def open_lines(path: str) -> Iterator[Any]:
    """A text file that gets a line end after each payload."""

    class _LineWriter:
        def write(self, payload: bytes) -> None:
            file.write(payload + b"\n")

    with tf.io.gfile.GFile(path, "wb") as file:
        yield _LineWriter()


class WriteSorted(beam.PTransform):
    """Writes elements `((prefix, shard), (order, payload))` to files.

    A file is named `<prefix>-<shard>-of-<shards><suffix>`, with five digits each.
    The payloads of a file are sorted by `order`, in memory: choose enough shards. Each
    file is written in `staging` and then moved, so that it appears whole under its
    name or not at all, also if a bundle is retried. Gives `(prefix, payloads written)`
    per file.

    Args:
        opener: `open_tfrecord` or `open_lines`.
        staging: Folder for unfinished files, on the same file system as the prefixes.
            What a dead worker leaves there is for the caller to remove.
        suffix: End of the file names.
        shards: Files per prefix.
    """

    def __init__(
        self, opener: Opener, *, staging: str, suffix: str, shards: int = 1
    ) -> None:
        super().__init__()
        self._write = _WriteFile(opener, staging, suffix, shards)

    def expand(self, payloads: beam.PCollection) -> beam.PCollection:
        """Adds the grouping and the writing to a pipeline."""
        return payloads | beam.GroupByKey() | "WriteFiles" >> beam.ParDo(self._write)


class _WriteFile(beam.DoFn):
    def __init__(self, opener: Opener, staging: str, suffix: str, shards: int) -> None:
        super().__init__()
        self._opener = opener
        self._staging = staging
        self._suffix = suffix
        self._shards = shards

    def process(
        self, element: tuple[tuple[str, int], Iterable[Any]]
    ) -> Iterator[tuple[str, int]]:
        (prefix, shard), payloads = element
        path = f"{prefix}-{shard:05d}-of-{self._shards:05d}{self._suffix}"
        tf.io.gfile.makedirs(path.rpartition("/")[0])
        tf.io.gfile.makedirs(self._staging)
        unfinished = f"{self._staging}/{uuid.uuid4().hex}"
        written = 0
        with self._opener(unfinished) as file:
            for _, payload in sorted(payloads):
                file.write(payload)
                written += 1
        tf.io.gfile.rename(unfinished, path, overwrite=True)
        yield prefix, written
