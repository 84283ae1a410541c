"""TFX's Evaluator on small models, whose answers are written in the texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tfx.components.evaluator.executor import Executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import proto_utils

from pipeline.config import EvaluationConfig
from pipeline.evaluation.report import read_evaluation
from pipeline.evaluation.thresholds import eval_config
from pipeline.features import LABEL, LABEL_ID, LENGTH_BUCKET, SLICES, TEXT

_EXAMPLES = [tf.TensorSpec([None], tf.string, name="examples")]


_STRING = tf.io.FixedLenFeature([], tf.string)


class Oracle(tf.Module):
    """Reads its probabilities out of the text: one word for each class.

    Its length bucket is `long` where the first probability is above `limit`. It gives
    the first `known` probabilities, or all, or all of them in reverse order. Below
    `unsure` it says that it is unsure.
    """

    def __init__(
        self, num_classes: int, *, known=None, reverse=False, limit=0.5, unsure=None
    ) -> None:
        super().__init__(name="oracle")
        self._num_classes = num_classes
        self._known = known
        self._reverse = reverse
        self._limit = limit
        self._unsure = unsure

    @tf.function(input_signature=_EXAMPLES)
    def serving_default(self, examples):
        probabilities = self._probabilities(examples)
        if self._reverse:
            probabilities = tf.reverse(probabilities, axis=[1])
        outputs = {"probabilities": probabilities[:, : self._known]}
        if self._unsure is not None:
            outputs["unsure"] = tf.reduce_max(probabilities, axis=1) < self._unsure
        return outputs

    @tf.function(input_signature=_EXAMPLES)
    def transform_features(self, examples):
        label = tf.io.parse_example(examples, {LABEL: _STRING})[LABEL]
        is_long = self._probabilities(examples)[:, 0] > self._limit
        return {
            LABEL_ID: tf.strings.to_number(label, tf.int64),
            LENGTH_BUCKET: tf.where(is_long, "long", "short"),
        }

    def _probabilities(self, examples):
        text = tf.io.parse_example(examples, {TEXT: _STRING})[TEXT]
        words = tf.strings.split(text).to_tensor("0")
        return tf.reshape(tf.strings.to_number(words), [-1, self._num_classes])

    def save(self, folder: Path) -> None:
        signatures = {
            "serving_default": self.serving_default,
            "transform_features": self.transform_features,
        }
        tf.saved_model.save(self, str(folder), signatures=signatures)


class Outcome(NamedTuple):
    report: dict[str, Any]
    blessed: int | None  # the blessing's property that the Pusher reads
    files: list[str]  # in the blessing's folder
    folder: str  # of the evaluation


def _bytes(value: str) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))


def _artifact(kind: type, folder: Path):
    artifact = kind()
    artifact.uri = str(folder)
    artifact.id = 7
    folder.mkdir(parents=True)
    return artifact


def _model_artifact(model: Oracle, folder: Path):
    artifact = _artifact(standard_artifacts.Model, folder)
    model.save(folder / "Format-Serving")
    return artifact


def evaluator(tmp_path: Path) -> Callable[..., Outcome]:
    """Returns what runs TFX's Evaluator on answers, once."""

    def run(
        labels,
        probabilities,
        model,
        *,
        baseline=None,
        slices_of=None,
        data=None,
        **options,
    ) -> Outcome:
        examples = _artifact(standard_artifacts.Examples, tmp_path / "examples")
        examples.split_names = artifact_utils.encode_split_names(["train", "test"])
        split = tmp_path / "examples" / "Split-test"
        split.mkdir()
        with tf.io.TFRecordWriter(str(split / "data-00000-of-00001.gz"), "GZIP") as out:
            for place, row in enumerate(probabilities):
                label = labels[place]
                text = " ".join(f"{value:.9g}" for value in row)
                feature = {TEXT: _bytes(text), LABEL: _bytes(str(label))}
                if slices_of is not None and slices_of[place]:
                    values = [value.encode() for value in slices_of[place]]
                    feature[SLICES] = tf.train.Feature(
                        bytes_list=tf.train.BytesList(value=values)
                    )
                if data is not None and place >= 10:  # of ten, it is not known
                    data.write(f"{text},{label}\n")
                    feature["row_source"] = _bytes(data.name)
                    line = tf.train.Int64List(value=[place - 9])
                    feature["row_position"] = tf.train.Feature(int64_list=line)
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                out.write(example.SerializeToString())
        inputs = {
            "examples": [examples],
            "model": [_model_artifact(model, tmp_path / "model")],
        }
        if baseline is not None:
            before = _model_artifact(baseline, tmp_path / "baseline_model")
            inputs["baseline_model"] = [before]
        evaluation = _artifact(
            standard_artifacts.ModelEvaluation, tmp_path / "evaluation"
        )
        blessing = _artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing")
        context = Executor.Context(
            # With an image that is not used, TFX does not pack itself for the workers.
            beam_pipeline_args=["--runner=FnApiRunner", "--sdk_container_image=unused"],
            tmp_dir=str(tmp_path / "tmp"),
            unique_id="1",
        )
        section = EvaluationConfig(**{"thresholds": {}, "max_drop": {}, **options})
        Executor(context).Do(
            inputs,
            {"evaluation": [evaluation], "blessing": [blessing]},
            {
                "eval_config": proto_utils.proto_to_json(
                    eval_config(section, sliced=slices_of is not None)
                ),
                "example_splits": json.dumps(["test"]),
                "fairness_indicator_thresholds": "null",
            },
        )
        return Outcome(
            read_evaluation(evaluation.uri),
            blessing.get_int_custom_property("blessed"),
            [path.name for path in Path(blessing.uri).iterdir()],
            evaluation.uri,
        )

    return run


def rows_of(num_rows: int, num_classes: int):
    """Labels (rows,) and float32 probabilities (rows, classes) that often fit them."""
    random = np.random.default_rng(0)
    labels = random.integers(0, num_classes, num_rows)
    probabilities = random.dirichlet(np.ones(num_classes), num_rows)
    probabilities[np.arange(num_rows), labels] += 0.3
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return labels, probabilities.astype(np.float32)
