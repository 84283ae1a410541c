"""The labelled texts, and the folds that every contender is measured on."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from sklearn.model_selection import StratifiedKFold, train_test_split

from benchmarks.errors import BenchmarkError
from keras_elmo.text import tokenize
from pipeline.training.data import LabelledTokens

FOLDS = 10
_EVAL_SHARE = 0.1  # of the training texts, for early stopping and choosing


@dataclasses.dataclass(frozen=True)
class Texts:
    """Labelled texts.

    Attributes:
        name: As the report has it.
        texts: The texts.
        labels: int32 `(texts,)`.
    """

    name: str
    texts: list[str]
    labels: np.ndarray


@dataclasses.dataclass(frozen=True)
class Fold:
    """Places of texts, int64: to learn from, to choose by, to measure on."""

    train: np.ndarray
    evaluate: np.ndarray
    test: np.ndarray


def read_polarity(folder: Path) -> Texts:
    """Reads rt-polarity.neg and rt-polarity.pos, a sentence a line.

    Raises:
        BenchmarkError: If a file is missing or no UTF-8.
    """
    texts, labels = [], []
    for label, name in enumerate(("rt-polarity.neg", "rt-polarity.pos")):
        try:
            lines = (folder / name).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BenchmarkError(
                "`--mr` must be a folder with rt-polarity.neg and rt-polarity.pos, in "
                f"UTF-8. Received: {folder} ({error!r})"
            ) from error
        texts += lines
        labels += [label] * len(lines)
    return Texts("MR", texts, np.array(labels, np.int32))


def read_table(path: Path, name: str) -> Texts:
    """Reads the columns `text` and `label` of a CSV file.

    Raises:
        BenchmarkError: If there is no such file or column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise BenchmarkError(
            "`--sample` must be a CSV file with the columns text and label, in UTF-8. "
            f"Received: {path} ({error!r})"
        ) from error
    _, labels = np.unique([label for _, label in rows], return_inverse=True)
    return Texts(name, [text for text, _ in rows], labels.astype(np.int32))


def folds(texts: Texts, count: int = FOLDS) -> Iterator[Fold]:
    """Yields the first `count` of ten stratified folds; the seed is 0."""
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    splits = splitter.split(texts.texts, texts.labels)
    for _, (rest, test) in zip(range(count), splits, strict=False):
        train, evaluate = train_test_split(
            rest,
            test_size=_EVAL_SHARE,
            stratify=texts.labels[rest],
            random_state=0,
        )
        yield Fold(train, evaluate, test)


def tokens_of(texts: Texts) -> LabelledTokens:
    """Tokenises texts as the pipeline does; the splits are left empty."""
    ragged = tokenize(tf.constant(texts.texts))
    words, ids = np.unique(ragged.values.numpy(), return_inverse=True)
    return LabelledTokens(
        words=np.concatenate([np.array([b""], object), words]),
        word_ids=(ids + 1).astype(np.int32),
        starts=ragged.row_splits.numpy(),
        labels=texts.labels,
        splits={},
    )
