"""TFRecord files of tf.Examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from pipeline.batch import values
from pipeline.batch.table import Table


def write_tfrecord(path: Path, table: Table) -> None:
    """Writes an example a row; what is missing is a feature without a value."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in table.rows:
            example = tf.train.Example()
            for name, kind in table.columns.items():
                _fill(example.features.feature[name], kind, row.get(name))
            writer.write(example.SerializeToString(deterministic=True))


def _fill(feature: Any, kind: str, value: Any) -> None:
    if value is None:
        return
    if kind in (values.INT, values.BOOL):
        feature.int64_list.value.append(int(value))  # protobuf 6 takes no bool
    elif kind == values.FLOAT:
        feature.float_list.value.append(value)
    else:
        feature.bytes_list.value.append(values.to_text(value).encode("utf-8"))
