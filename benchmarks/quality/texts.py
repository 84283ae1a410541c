"""The labelled texts, and what every contender learns from and is measured on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np
import tensorflow as tf
from sklearn.model_selection import StratifiedKFold, train_test_split

from benchmarks.session import BenchmarkError
from benchmarks.texts import (
    MOVIE_REVIEWS,
    SMS,
    UCI_SENTENCES,
    read_columns,
    read_labelled_lines,
    read_polarity,
    read_tabbed,
)
from keras_elmo.text import tokenize
from pipeline.config.sections import TransformConfig
from pipeline.training.data import LabelledTokens

FOLDS = 10
folds_option = click.option(
    "--folds",
    type=click.IntRange(2, FOLDS),
    default=FOLDS,
    show_default=True,
    help="Folds measured.",
)
_EVAL_SHARE = 0.1  # of the training texts, for choosing and calibrating


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

    @property
    def classes(self) -> int:
        """Number of different labels."""
        return int(self.labels.max()) + 1


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
    return labelled("sample data", read_columns(path, "text", "label"))


def uci_sentences(folder: Path) -> Texts:
    """Returns the sentences of `*_labelled.txt` in a folder, with their labels."""
    return labelled("UCI", read_labelled_lines(folder))


def sets_beside_the_project() -> list[Texts]:
    """Returns those of the known sets that lie there: MR, UCI and SMS."""
    found = []
    if MOVIE_REVIEWS.is_dir():
        found.append(polarity(MOVIE_REVIEWS))
    if UCI_SENTENCES.is_dir():
        found.append(uci_sentences(UCI_SENTENCES))
    if SMS.is_file():
        rows = [(text, label) for label, text in read_tabbed(SMS)]
        found.append(labelled("SMS", rows))
    return found


def named_set(name_and_path: str) -> Texts:
    """Returns the set of `NAME=FILE`, a CSV file with the columns text and label.

    Raises:
        BenchmarkError: It does not have this form, or the file cannot be used.
    """
    name, equals, path = name_and_path.partition("=")
    if not equals or not name or not path:
        raise BenchmarkError(
            f"--texts must have the form NAME=FILE.csv. Received: {name_and_path}"
        )
    return labelled(name, read_columns(Path(path), "text", "label"))


def labelled(name: str, rows: Sequence[tuple[str, ...]]) -> Texts:
    """Returns rows of text and label; the labels are numbered by their names."""
    texts, labels = zip(*rows, strict=True)
    _, numbers = np.unique(labels, return_inverse=True)
    return Texts(name, list(texts), numbers.astype(np.int32))


def folds(texts: Texts, count: int = FOLDS) -> Iterator[Fold]:
    """Yields the first `count` of ten stratified folds; the seed is 0."""
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    splits = splitter.split(texts.texts, texts.labels)
    for _, (rest, test) in zip(range(count), splits, strict=False):
        yield _divided(texts, rest, test, seed=0)


def draws(texts: Texts, size: int, count: int) -> Iterator[Fold]:
    """Yields folds that learn from `size` texts, each of others.

    All test on the test texts of the first fold and, where these are few, of the next
    ones, until there are a thousand or half of all.
    """
    test, rest = _tested_on_curves(texts)
    for seed in range(count):
        chosen, _ = train_test_split(
            rest, train_size=size, stratify=texts.labels[rest], random_state=seed
        )
        yield _divided(texts, chosen, test, seed=seed)


def sizes_that_fit(texts: Texts, sizes: Sequence[int]) -> list[int]:
    """Returns from how many texts `draws` can learn: one of each class is left over."""
    _, rest = _tested_on_curves(texts)
    return [size for size in sizes if size <= len(rest) - texts.classes]


def _tested_on_curves(texts: Texts) -> tuple[np.ndarray, np.ndarray]:
    """Returns the places of the test texts of `draws`, and those of the others."""
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    parts = [test for _, test in splitter.split(texts.texts, texts.labels)]
    wanted = min(1000, len(texts.texts) // 2)
    number = next(
        n for n in range(1, FOLDS) if len(np.concatenate(parts[:n])) >= wanted
    )
    return np.concatenate(parts[:number]), np.concatenate(parts[number:])


def _divided(texts: Texts, rest: np.ndarray, test: np.ndarray, *, seed: int) -> Fold:
    labels = texts.labels[rest]
    train, evaluate = train_test_split(
        rest,
        # Of few texts of many classes, enough for one of each class.
        test_size=max(math.ceil(_EVAL_SHARE * len(rest)), texts.classes),
        stratify=labels if np.bincount(labels).min() > 1 else None,
        random_state=seed,
    )
    return Fold(train, evaluate, test)


def tokens_of(texts: Texts) -> LabelledTokens:
    """Tokenises and cuts texts as the pipeline does; the splits are left empty."""
    ragged = tokenize(tf.constant(texts.texts))
    lengths = ragged.row_lengths().numpy()
    options = TransformConfig()
    # Transform takes the quantile of the training texts; that of all is hardly another.
    longest = np.quantile(lengths, options.max_tokens_quantile, method="higher")
    ragged = ragged[:, : int(np.clip(longest, 1, options.max_tokens_limit))]
    words, ids = np.unique(ragged.values.numpy(), return_inverse=True)
    return LabelledTokens(
        words=np.concatenate([np.array([b""], object), words]),
        word_ids=(ids + 1).astype(np.int32),
        starts=ragged.row_splits.numpy(),
        labels=texts.labels,
        splits={},
    )
