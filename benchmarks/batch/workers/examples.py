"""Writes the rows of a CSV file as tf.Examples.

Example:
    python -m benchmarks.batch.workers.examples rows.csv rows.gz
"""

from __future__ import annotations

import csv
import sys

import tensorflow as tf

from pipeline import features


def main() -> None:
    """Writes a GZIP TFRecord file; each example has a `text`, and its `id`."""
    rows, output = sys.argv[1:]
    with (
        open(rows, encoding="utf-8", newline="") as file,
        tf.io.TFRecordWriter(output, "GZIP") as writer,
    ):
        for row in csv.DictReader(file):
            example = tf.train.Example()
            for name, value in ((features.TEXT, row["text"]), ("id", row["id"])):
                feature = example.features.feature[name]
                feature.bytes_list.value.append(value.encode("utf-8"))
            writer.write(example.SerializeToString())


if __name__ == "__main__":
    main()
