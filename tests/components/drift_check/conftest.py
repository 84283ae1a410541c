from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts

from components.drift_check.executor import Executor
from components.drift_check.report import DriftReport, read_report_anomalies

SPLITS = ("train", "eval", "test")
_WORDS = [f"word{number}" for number in range(60)]


def texts(
    rows: int, *, seed: int, words=_WORDS, tokens=(3, 30), spam=0.5
) -> dict[str, list[tuple[str, str]]]:
    """Random rows in three splits: 60 % train, 20 % eval, 20 % test."""
    draw = random.Random(seed)
    made = [
        (
            " ".join(draw.choices(words, k=draw.randint(*tokens))),
            "spam" if draw.random() < spam else "ham",
        )
        for _ in range(rows)
    ]
    parts = {"train": made[: rows * 3 // 5]}
    parts["eval"] = made[rows * 3 // 5 : rows * 4 // 5]
    parts["test"] = made[rows * 4 // 5 :]
    return parts


def write_examples(folder: Path, rows_of_splits, *, span: int) -> types.Artifact:
    """An Examples artifact as ExampleGens leave it, a gzipped file per split."""
    for split, rows in rows_of_splits.items():
        path = folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz"
        path.parent.mkdir(parents=True)
        options = tf.io.TFRecordOptions("GZIP")
        with tf.io.TFRecordWriter(str(path), options) as writer:
            for row in rows:
                example = tf.train.Example()
                for name, value in zip(("text", "label"), row, strict=True):
                    feature = example.features.feature[name]
                    feature.bytes_list.value.append(value.encode())
                writer.write(example.SerializeToString())
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(list(rows_of_splits))
    artifact.set_int_custom_property("span", span)
    return artifact


class Check:
    """Runs the executor over spans that are written into a folder of the test."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder = root / "drift"

    def spans(self, *spans) -> list[types.Artifact]:
        """Writes spans 1, 2, ...; returns their artifacts."""
        return [
            write_examples(self._root / f"span{number}", rows, span=number)
            for number, rows in enumerate(spans, 1)
        ]

    def run(self, newest, window, **properties):
        """Returns the report and the names of the features with anomalies."""
        report = DriftReport()
        report.uri = str(self.folder)
        properties = {
            "label": 0.1,
            "length": 0.1,
            "unknown_words": 0.1,
            "text_feature": "text",
            "label_feature": "label",
            **properties,
        }
        context = base_beam_executor.BaseBeamExecutor.Context(
            # The second keeps TFX from packing its own source, which takes seconds.
            beam_pipeline_args=["--runner=FnApiRunner", "--sdk_container_image=unused"]
        )
        Executor(context).Do(
            {"examples": [newest], "window": window}, {"drift": [report]}, properties
        )
        anomalies = read_report_anomalies(report.uri).anomaly_info
        return json.loads((self.folder / "drift.json").read_text()), sorted(anomalies)


@pytest.fixture
def check(tmp_path: Path) -> Check:
    return Check(tmp_path)
