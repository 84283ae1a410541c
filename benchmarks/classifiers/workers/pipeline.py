"""This project's default: what `elmo-tfx run` trains and pushes."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded

from benchmarks.classifiers.workers import measure
from benchmarks.classifiers.workers.measure import Classify, Lesson
from pipeline.serving.versions import find_model, load_classifier

_COLUMNS = ("text", "label", "part")


def train(lesson: Lesson, folder: Path) -> dict[str, Any]:
    """Runs the whole pipeline and keeps what it pushes.

    The rows on which the run measures its model are the eval rows again: no test text
    comes here.

    Returns:
        `seconds` of the Trainer, which encodes, trains and exports; `whole_seconds` of
        the run.
    """
    parts = {"train": lesson.train, "eval": lesson.evaluate, "test": lesson.evaluate}
    with tempfile.TemporaryDirectory() as name:
        data, output = Path(name) / "rows.csv", Path(name) / "out"
        with data.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for part, rows in parts.items():
                pairs = zip(rows.texts, rows.labels, strict=True)
                writer.writerows((text, label, part) for text, label in pairs)
        # What it is told of the rows on its screen is of no use here.
        done = subprocess.run(
            run_command(data, output, lesson.options),
            stdout=sys.stderr,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the run ended with status {done.returncode}")
        shutil.copytree(find_model(str(output / "serving")), folder / "1")
        return times(json.loads((output / "summary.json").read_text("utf-8")))


def run_command(data: Path, output: Path, options: dict[str, Any]) -> list[str]:
    """Returns the command that trains on a CSV file with the columns above.

    Args:
        data: The file.
        output: Of the run.
        options: More options of the configuration, by name.
    """
    chosen = {"data.split_column": _COLUMNS[2], **options}
    settings = [f"--set={name}={value}" for name, value in chosen.items()]
    command = [sys.executable, "-m", "pipeline.cli", "run", "--data", str(data)]
    return [*command, "--output", str(output), *settings]


def times(summary: dict[str, Any]) -> dict[str, Any]:
    """Returns the seconds of the Trainer and of the whole run, from its summary."""
    seconds = {node["node"]: node["seconds"] for node in summary["nodes"]}
    return {"seconds": seconds["Trainer"], "whole_seconds": summary["seconds"]}


def load(folder: Path, threads: int) -> Classify:
    """Returns the pushed model's signature for texts."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = load_classifier(find_model(str(folder)))

    def classify(texts: list[str]) -> list[str]:
        found = model(tf.constant(texts))["label"].numpy()
        return [label.decode("utf-8") for label in found]

    return classify


def curve(lessons: Sequence[Lesson], texts: list[str]) -> list[list[str]]:
    """Returns what a head learnt from each lesson makes of texts.

    The head is trained as the Trainer does it, but all texts are encoded once.

    Args:
        lessons: Of their options, those of the first count: `elmo.source`, and any of
            the section `train`.
        texts: To classify.
    """
    import numpy as np

    from benchmarks.quality.contenders import trained_elmo_head
    from benchmarks.quality.measuring import encode
    from benchmarks.quality.texts import Fold, Texts, tokens_of
    from pipeline.config import ModelConfig, TrainConfig
    from pipeline.training.pretrained_branch import reads_vectors_of

    parts = [part for each in lessons for part in (each.train, each.evaluate)]
    pairs = [tuple(zip(part.texts, part.labels, strict=True)) for part in parts]
    place = {pair: n for n, pair in enumerate(dict.fromkeys(sum(pairs, ())))}
    names, numbers = np.unique([label for _, label in place], return_inverse=True)
    learnt = [text for text, _ in place]
    labels = np.concatenate([numbers, np.zeros(len(texts))]).astype(np.int32)
    data = tokens_of(Texts("", learnt + texts, labels))
    places = [np.array([place[pair] for pair in part]) for part in pairs]
    test = np.arange(len(learnt), len(learnt) + len(texts))
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        options = lessons[0].options
        source = options.get("elmo.source", "default")
        model = ModelConfig(pretrained_branch=reads_vectors_of(source)).model_dump()
        store = encode(data, source, Path(folder))
        for train_rows, eval_rows in zip(places[::2], places[1::2], strict=True):
            trained = trained_elmo_head(
                data,
                Fold(train_rows, eval_rows, test),
                store,
                model,
                TrainConfig(**_section("train", options)).model_dump(),
            )
            answers.append(names[trained.chosen].tolist())
        store.close()
    return answers


def _section(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options of one section of the configuration."""
    prefix = f"{name}."
    return {
        key.removeprefix(prefix): value
        for key, value in options.items()
        if key.startswith(prefix)
    }


def versions() -> dict[str, str]:
    """Returns the versions that the figures depend on."""
    return {name: metadata.version(name) for name in ("tensorflow", "keras", "tfx")}


if __name__ == "__main__":
    measure.main(measure.Worker(train=train, load=load, versions=versions, curve=curve))
