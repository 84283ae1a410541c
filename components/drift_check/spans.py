"""Which artifacts of a window are compared, and where their examples lie."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence

from tfx import types
from tfx.components.example_gen import utils
from tfx.dsl.io import fileio
from tfx.types import artifact_utils


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExampleFiles:
    """The files of some Examples artifacts, taken together.

    Attributes:
        train: Those of the training splits.
        held_out: Those of all other splits.
    """

    train: tuple[str, ...]
    held_out: tuple[str, ...]


def span_of(examples: types.Artifact) -> int:
    """Returns the number of the span that examples were read from."""
    return examples.get_int_custom_property(utils.SPAN_PROPERTY_NAME)


def earlier_spans(
    newest: types.Artifact, window: Iterable[types.Artifact]
) -> list[types.Artifact]:
    """Returns the artifacts of other spans than the newest, by number of span."""
    others = [each for each in window if span_of(each) != span_of(newest)]
    return sorted(others, key=span_of)


def example_files(artifacts: Sequence[types.Artifact]) -> ExampleFiles:
    """Finds the files of all splits of some artifacts."""
    train: list[str] = []
    held_out: list[str] = []
    for artifact in artifacts:
        for split in artifact_utils.decode_split_names(artifact.split_names):
            folder = artifact_utils.get_split_uri([artifact], split)
            files = sorted(fileio.glob(os.path.join(folder, "*")))
            (train if split == "train" else held_out).extend(files)
    return ExampleFiles(train=tuple(train), held_out=tuple(held_out))
