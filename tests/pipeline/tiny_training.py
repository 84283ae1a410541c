"""What the Trainer reads, made small: transformed examples and their graph; its run."""

from __future__ import annotations

import functools
import json
import types
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from components.progress import listening
from pipeline import features
from pipeline.fingerprints import elmo_version
from pipeline.preprocessing import preprocessing_fn
from pipeline.training import trainer
from pipeline.training.data import LabelledTokens
from pipeline.training.export import export_classifier
from pipeline.training.learning import compile_model
from pipeline.training.model import TokenClassifier, build_encoder

TRANSFORM = {
    "tokenizer": "elmo",
    "max_tokens": 6,
    "max_tokens_quantile": 0.9,
    "max_tokens_limit": 100,
}
TRAIN = {
    "epochs": 3,
    "batch_size": 8,
    "learning_rate": 0.05,
    "seed": 1,
    "patience": 3,
    "max_steps": None,
    "warm_start": False,
    "class_weights": "balanced",
    "cache_gib": 1.0,
}
MODEL = {
    "pooling": "mean",
    "hidden_units": 0,
    "embedding_dropout": 0.0,
    "dropout": 0.1,
    "ngram_rows": 1000,
    "word_vectors": True,
    "pretrained_branch": False,
}

# Told apart by one word; twice as many of the first class.
_GOOD = ["A good film, it is.", "good", "so good that I saw it twice , and again"]
_BAD = ["A bad film, it is.", "bad", "so bad that I left"]
ROWS = {
    "train": [(text, "good") for text in _GOOD * 8]
    + [(text, "bad") for text in _BAD * 4],
    "eval": [(text, "good") for text in _GOOD] + [(text, "bad") for text in _BAD],
}
CLASSES = ["good", "bad"]


def labelled(texts, labels):
    """Returns texts, of words apart by blanks, as the Trainer reads them."""
    words, ids = np.unique(" ".join(texts).encode().split(), return_inverse=True)
    lengths = [len(text.split()) for text in texts]
    return LabelledTokens(
        words=np.concatenate([[b""], words]).astype(object),
        word_ids=(ids + 1).astype(np.int32),
        starts=np.cumsum([0, *lengths]),
        labels=np.array(labels, np.int32),
        splits={},
    )


def write_examples(folder: Path, rows, counts=None, positions=True) -> str:
    """Writes rows as TextExampleGen does, and returns the folder."""
    for split, some in zip(
        features.SPLITS, (rows[:30], rows[30:35], rows[35:]), strict=True
    ):
        path = folder / f"Split-{split}"
        path.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path / "data-0.gz"), "GZIP") as writer:
            for text, label in some:
                row = {features.TEXT: text, features.LABEL: label}
                if positions:
                    row[features.ROW_SOURCE] = "a.csv"
                    row[features.ROW_POSITION] = rows.index((text, label)) + 2
                writer.write(example(row).SerializeToString())
    (folder / "counts.json").write_text(json.dumps(counts or {}))
    return str(folder)


def write_transformed(folder, rows=None, *, multi_label=False):
    """Writes what TFX Transform would: the graph, the metadata, TFRecords a split.

    With `multi_label` the label of a row is a list.
    """
    one = tf.io.FixedLenFeature([1], tf.string)
    several = tf.io.VarLenFeature(tf.string)
    spec = {features.TEXT: one, features.LABEL: several if multi_label else one}
    raw = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    config = {"transform": TRANSFORM, "multi_label": multi_label}
    fn = functools.partial(preprocessing_fn, custom_config=config)
    splits = {
        split: [
            {
                features.TEXT: [text],
                features.LABEL: label if multi_label else [label],
            }
            for text, label in some
        ]
        for split, some in (rows or ROWS).items()
    }
    for split in splits:
        (folder / split).mkdir(parents=True)
    runner = beam.Pipeline(runner="FnApiRunner")
    with runner as p, tft_beam.Context(temp_dir=str(folder / "tmp")):
        made = {split: p | split >> beam.Create(some) for split, some in splits.items()}
        graph = (made["train"], raw) | tft_beam.AnalyzeDataset(fn)
        _ = graph | tft_beam.WriteTransformFn(str(folder))
        _ = raw | tft_beam.WriteMetadata(str(folder / "metadata"), pipeline=p)
        for split, some in made.items():
            rows, _ = ((some, raw), graph) | f"Apply {split}" >> (
                tft_beam.TransformDataset()
            )
            records = rows | f"Serialise {split}" >> beam.Map(_serialized)
            _ = records | f"Write {split}" >> beam.io.WriteToTFRecord(
                str(folder / split / "data"), file_name_suffix=".gz", num_shards=1
            )
    return folder


def _serialized(row):
    return example(row).SerializeToString(deterministic=True)


def write_records(folder, rows):
    """Writes transformed rows as one gzip TFRecord file."""
    folder.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / "data-0.gz"), "GZIP") as writer:
        for row in rows:
            writer.write(example(row).SerializeToString())


def example(row):
    """Returns the tf.Example of a row with strings and whole numbers."""
    made = tf.train.Example()
    for name, value in row.items():
        is_list = hasattr(value, "__len__") and not isinstance(value, (bytes, str))
        values = value if is_list else [value]
        feature = made.features.feature[name]
        for item in values:
            if isinstance(item, (bytes, str)):
                data = item.encode() if isinstance(item, str) else item
                feature.bytes_list.value.append(data)
            else:
                feature.int64_list.value.append(int(item))
    return made


def fn_args(
    data, out, *, elmo, model=MODEL, train=TRAIN, trainable=False, base_model=None
):
    """Returns the part of TFX's FnArgs that `run_fn` reads."""
    (out / "run").mkdir(parents=True, exist_ok=True)
    return types.SimpleNamespace(
        train_files=[str(data / "train" / "*")],
        eval_files=[str(data / "eval" / "*")],
        transform_output=str(data),
        serving_model_dir=str(out / "model"),
        model_run_dir=str(out / "run"),
        transform_graph_path=str(data),
        base_model=base_model,
        hyperparameters=None,
        custom_config={
            "elmo": {"source": str(elmo), "trainable": trainable},
            "elmo_version": elmo_version(str(elmo)),
            "held_out": [0.1, 0.1],
            "model": dict(model),
            "train": dict(train),
            "resume_dir": str(out / "resume"),
        },
    )


class Trained(NamedTuple):
    folder: Path  # with the SavedModel in `model`
    classifier: TokenClassifier
    history: dict[str, Any]  # of `history.json`
    progress: list[tuple[Any, ...]]  # arguments of `tell`


def train(folder, args, *, whole=False) -> Trained:
    """Runs the Trainer: whole, or faster.

    Faster means: a frozen ELMo that was loaded before is used again, Keras traces no
    graph, and no SavedModel is written.
    """
    classifiers, progress = [], []

    def export_or_keep(model_dir, transform, model, *others):
        classifiers.append(model)
        if whole:
            export_classifier(model_dir, transform, model, *others)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(trainer, "export_classifier", export_or_keep)
        if not whole:
            patched.setattr(trainer, "build_encoder", _encoder)
            patched.setattr(trainer, "compile_model", _compile_without_graph)
        with listening(lambda *told: progress.append(told)):
            trainer.run_fn(args)
    history = json.loads(Path(args.model_run_dir, "history.json").read_text("utf-8"))
    return Trained(folder, classifiers[0], history, progress)


def _encoder(elmo):
    trainable = elmo["trainable"]
    return build_encoder(elmo) if trainable else _frozen_encoder(elmo["source"])


@functools.cache
def _frozen_encoder(source):
    return build_encoder({"source": source})


def _compile_without_graph(model, options, **others):
    compile_model(model, options, **others)
    model.run_eagerly = True
