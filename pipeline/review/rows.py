"""The rows that are reviewed: read from the examples of a run, and tokenised."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from components.progress import tell
from components.text_example_gen.values import digest
from pipeline import features
from pipeline.errors import RunError
from pipeline.training.data import LabelledTokens, TokenTable, untuned
from pipeline.training.transform_graph import TransformGraph

_BATCH = 1024  # texts


@dataclasses.dataclass
class LabelledRow:
    """A text with a label, and where the first row that has both stands.

    Attributes:
        text: As the data has it.
        label: As the run has it, after its corrections.
        digest: Of the text.
        split: Of the run.
        source: File of the row; empty: the examples were made by an earlier version.
        position: Its place there; None: as above.
        rows: How many rows have this label and a text of this digest.
    """

    text: str
    label: str
    digest: bytes
    split: str
    source: str = ""
    position: int | None = None
    rows: int = 1


def read_rows(examples_uris: Sequence[str]) -> list[LabelledRow]:
    """Returns each pair of text and label once, in the order of the examples.

    Args:
        examples_uris: Folders of Examples artifacts of TextExampleGen.

    Raises:
        RunError: There are no examples.
    """
    found: dict[tuple[bytes, str], LabelledRow] = {}
    count = 0
    for uri, split in itertools.product(examples_uris, features.SPLITS):
        for row in _read(uri, split):
            count += 1
            first = found.setdefault((row.digest, row.label), row)
            if first is not row:
                first.rows += 1
    if not found:
        raise RunError(
            f"the examples of the run are gone. Received: {', '.join(examples_uris)}\n"
            "hint: run `elmo-tfx run` again"
        )
    tell("rows", count, count)
    return list(found.values())


def _read(uri: str, split: str) -> Iterator[LabelledRow]:
    """Yields the rows of a split.

    Raises:
        RunError: Its files are damaged.
    """
    try:
        yield from _rows(uri, split)
    except (tf.errors.DataLossError, DecodeError, _NoValue) as error:
        raise RunError(
            f"the examples of the run are damaged: {uri}/Split-{split} cannot be read\n"
            "hint: bring back a copy of that folder"
        ) from error


class _NoValue(Exception):
    """An example lacks its text or its label."""


def _rows(uri: str, split: str) -> Iterator[LabelledRow]:
    files = sorted(tf.io.gfile.glob(os.path.join(uri, f"Split-{split}", "*")))
    records = untuned(tf.data.TFRecordDataset(files, "GZIP"))
    for record in records.as_numpy_iterator():
        feature = tf.train.Example.FromString(record).features.feature
        text, label = (
            _only(feature[name]).decode("utf-8", "replace")
            for name in (features.TEXT, features.LABEL)
        )
        source = feature[features.ROW_SOURCE].bytes_list.value
        position = feature[features.ROW_POSITION].int64_list.value
        yield LabelledRow(
            text=text,
            label=label,
            digest=digest(text),
            split=split,
            source=source[0].decode("utf-8", "replace") if source else "",
            position=position[0] if position else None,
        )


def _only(feature: tf.train.Feature) -> bytes:
    values = feature.bytes_list.value
    if len(values) != 1:
        raise _NoValue
    return values[0]


def tokenise(
    rows: Sequence[LabelledRow], transform_uri: str, classes: Sequence[str]
) -> LabelledTokens:
    """Returns the texts as the run's transform graph cuts them into tokens.

    Args:
        rows: Whose texts and labels.
        transform_uri: Of the TransformGraph artifact.
        classes: Their number is the place here.
    """
    graph = TransformGraph(transform_uri)
    table = TokenTable()
    for start in range(0, len(rows), _BATCH):
        table.add(graph.tokens([row.text for row in rows[start : start + _BATCH]]))
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([numbers[row.label] for row in rows], np.int32)
    return table.labelled(labels, {})


def find_rows(
    examples_uris: Sequence[str],
    graph: TransformGraph,
    wanted: Collection[tuple[bytes, str]],
) -> dict[tuple[bytes, str], LabelledRow]:
    """Returns the first row of each wanted text, of the splits that train a model.

    Args:
        examples_uris: Folders of Examples artifacts of TextExampleGen.
        graph: Of the run.
        wanted: What the tokens are known by (`LabelledTokens.keys`), and the label.
    """
    labels = {label for _, label in wanted}
    found: dict[tuple[bytes, str], LabelledRow] = {}
    splits = itertools.product(examples_uris, (features.TRAIN, features.EVAL))
    rows = (row for place in splits for row in _read(*place) if row.label in labels)
    count = 0
    while batch := list(itertools.islice(rows, _BATCH)):
        count += len(batch)
        tell("rows searched for labels to look at", count)
        table = TokenTable()
        table.add(graph.tokens([row.text for row in batch]))
        keys = table.labelled(np.zeros(len(batch), np.int32), {}).keys()
        for key, row in zip(keys.tolist(), batch, strict=True):
            if (key, row.label) in wanted:
                first = found.setdefault((key, row.label), row)
                if first is not row:
                    first.rows += 1
    return found
