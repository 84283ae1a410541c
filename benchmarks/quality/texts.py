"""The labelled texts, and the folds that every contender is measured on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np
import tensorflow as tf
from sklearn.model_selection import StratifiedKFold, train_test_split

from benchmarks.texts import read_columns, read_labelled_lines, read_polarity
from keras_elmo.text import tokenize
from pipeline.training.data import LabelledTokens

FOLDS = 10
folds_option = click.option(
    "--folds",
    type=click.IntRange(2, FOLDS),
    default=FOLDS,
    show_default=True,
    help="Folds measured.",
)
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


def polarity(folder: Path) -> Texts:
    """Returns the texts of rt-polarity.neg, label 0, then of rt-polarity.pos."""
    bad, good = read_polarity(folder)
    labels = np.repeat(np.arange(2, dtype=np.int32), [len(bad), len(good)])
    return Texts("MR", bad + good, labels)


def sample_data(path: Path) -> Texts:
    """Returns the columns `text` and `label` of a CSV file."""
    return _labelled("sample data", read_columns(path, "text", "label"))


def uci_sentences(folder: Path) -> Texts:
    """Returns the sentences of `*_labelled.txt` in a folder, with their labels."""
    return _labelled("UCI sentences", read_labelled_lines(folder))


def _labelled(name: str, rows: Sequence[tuple[str, ...]]) -> Texts:
    texts, labels = zip(*rows, strict=True)
    _, numbers = np.unique(labels, return_inverse=True)
    return Texts(name, list(texts), numbers.astype(np.int32))


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
