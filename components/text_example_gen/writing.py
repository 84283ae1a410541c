"""Writes files that are sorted and appear whole: examples, rejects and tallies."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import apache_beam as beam
import tensorflow as tf

# Opens a path as a context manager that gives an object with `write(bytes)`.
Opener = Callable[[str], contextlib.AbstractContextManager]


def open_tfrecord(path: str) -> contextlib.AbstractContextManager:
    """Opens a gzipped TFRecord file for writing."""
    return tf.io.TFRecordWriter(path, options=tf.io.TFRecordOptions("GZIP"))


def open_text(path: str) -> contextlib.AbstractContextManager:
    """Opens a text file for writing bytes."""
    return tf.io.gfile.GFile(path, "wb")


def write_sorted(
    opener: Opener, *, staging: str, suffix: str, shards: int = 1
) -> beam.PTransform:
    """Returns a transform that writes `((prefix, shard), (order, payload))` to files.

    A file is named `<prefix>-<shard>-of-<shards><suffix>`, with five digits each.
    The payloads of a file are sorted by `order`, in memory: choose enough shards. Each
    file is written in `staging` and then moved, so that it appears whole under its
    name or not at all, also if a bundle is retried. The output is `(prefix, payloads
    written)` per file.

    Args:
        opener: `open_tfrecord` or `open_text`.
        staging: Folder for unfinished files, on the same file system as the prefixes.
            The caller removes what a dead worker leaves there.
        suffix: End of the file names.
        shards: Files per prefix.
    """
    write = beam.Map(_write_file, opener, staging, suffix, shards)
    return beam.GroupByKey() | "WriteFiles" >> write


def _write_file(
    element: tuple[tuple[str, int], Iterable[Any]],
    opener: Opener,
    staging: str,
    suffix: str,
    shards: int,
) -> tuple[str, int]:
    (prefix, shard), payloads = element
    path = f"{prefix}-{shard:05d}-of-{shards:05d}{suffix}"
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    tf.io.gfile.makedirs(staging)
    unfinished = f"{staging}/{uuid.uuid4().hex}"
    written = 0
    with opener(unfinished) as file:
        for _, payload in sorted(payloads):
            file.write(payload)
            written += 1
    tf.io.gfile.rename(unfinished, path, overwrite=True)
    return prefix, written
