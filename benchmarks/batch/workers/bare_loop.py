"""The least that classifying a file can cost: the model in a loop, and no more.

Example:
    python -m benchmarks.batch.workers.bare_loop out/serving rows.csv result.json
"""

from __future__ import annotations

import collections
import csv
import json
import sys
import time
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipeline.serving.versions import load_classifier, newest_model, version_of

_BATCH = 512  # what predict takes as well
_WARM_UP = (1, _BATCH)  # texts in a call


def main() -> None:
    """Writes labels and time as JSON; loading and warming up are not in the time."""
    folder, rows, output = sys.argv[1:]
    model = newest_model(folder) or sys.exit(f"error: no saved_model.pb in {folder}")
    classify = load_classifier(model)
    for size in _WARM_UP:
        classify(tf.constant(["A fine film."] * size))
    wall, cores = time.perf_counter(), time.process_time()
    labels = classify_file(classify, Path(rows))
    result = {
        "rows": len(labels),
        "version": version_of(model),
        "labels": collections.Counter(labels),
        "wall_seconds": time.perf_counter() - wall,
        "core_seconds": time.process_time() - cores,
    }
    Path(output).write_text(json.dumps(result), "utf-8")


def classify_file(classify: Any, path: Path) -> list[str]:
    """Returns the labels of all texts of a CSV file, shortest text first."""
    with path.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    texts.sort(key=len)
    labels: list[bytes] = []
    for start in range(0, len(texts), _BATCH):
        answer = classify(tf.constant(texts[start : start + _BATCH]))
        labels += answer["label"].numpy().tolist()
    return [label.decode("utf-8") for label in labels]


if __name__ == "__main__":
    main()
