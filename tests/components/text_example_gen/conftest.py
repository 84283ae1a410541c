"""Shared by the tests of TextExampleGen: writing data, and running the executor."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.text_example_gen.component import TextExampleGen
from components.text_example_gen.executor import Executor


@dataclasses.dataclass(frozen=True)
class Ingested:
    """What a run of the executor left."""

    artifact: standard_artifacts.Examples
    folder: Path

    @property
    def counts(self) -> dict[str, Any]:
        return json.loads((self.folder / "counts.json").read_text("utf-8"))

    @property
    def rejected(self) -> list[dict[str, Any]]:
        return read_rejected(self.folder)

    def split(self, name: str) -> list[tuple[str, str]]:
        """Text and label of each example, in their order."""
        return [
            (example["text"][0], " + ".join(example["label"]))
            for example in self._examples_of(name)
        ]

    @property
    def examples(self) -> list[dict[str, list[Any]]]:
        """All features of each example of all splits."""
        splits = ("train", "eval", "test")
        return [example for name in splits for example in self._examples_of(name)]

    def _examples_of(self, name: str) -> list[dict[str, list[Any]]]:
        files = sorted(str(path) for path in (self.folder / f"Split-{name}").iterdir())
        return [
            {
                feature: [value.decode() for value in values.bytes_list.value]
                or list(values.int64_list.value)
                for feature, values in tf.train.Example.FromString(
                    data
                ).features.feature.items()
            }
            for data in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()
        ]

    @property
    def rows(self) -> list[tuple[str, str]]:
        return [row for name in ("train", "eval", "test") for row in self.split(name)]


def read_rejected(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(folder.glob("rejected/rejected-*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]


# The second keeps TFX from packing its own source for each executor, which takes
# seconds and which only remote workers need.
BEAM_ARGS = ["--runner=FnApiRunner", "--sdk_container_image=unused"]


@pytest.fixture
def beam_args() -> list[str]:
    return BEAM_ARGS


@pytest.fixture
def ingest(tmp_path: Path) -> Callable[..., Ingested]:
    """Runs the executor as TFX does, on the in-memory runner."""

    def run(
        data: Path | str,
        *,
        output: Path | None = None,
        span: int | None = None,
        **options: Any,
    ) -> Ingested:
        component = TextExampleGen(str(data), **options)
        artifact = standard_artifacts.Examples()
        folder = (output or tmp_path / "out") / "TextExampleGen" / "examples" / "7"
        folder.mkdir(parents=True)
        artifact.uri = str(folder)
        context = BaseBeamExecutor.Context(
            beam_pipeline_args=BEAM_ARGS, tmp_dir=str(tmp_path / "tmp")
        )
        executor = Executor(context)
        properties = dict(component.exec_properties)
        if span is not None:  # what the driver does
            config = properties["input_config"].replace("{SPAN}", str(span))
            properties |= {"input_config": config, "span": span}
        executor.Do({}, {"examples": [artifact]}, properties)
        return Ingested(artifact, folder)

    return run


@pytest.fixture
def put(tmp_path):
    """Writes files, each with its name as its text."""

    def write(*names: str):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)

    return write
