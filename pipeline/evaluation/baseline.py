"""A baseline for the classifier: TF-IDF and logistic regression, same splits."""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from pipeline.evaluation.measures import ClassificationMeasures, ClassificationTally
from pipeline.features import LABEL, TEST, TEXT, TRAIN

_LOG = logging.getLogger(__name__)

# Bounds of what it reads of each split, so that the baseline never costs more than the
# model: ten thousand sentences have about one million characters.
MAX_ROWS = 50_000
MAX_CHARACTERS = 10_000_000
_MAX_CHARACTERS_OF_A_TEXT = 10_000

_Row = tuple[str, str]  # text, label


@dataclass(frozen=True)
class BaselineResult:
    """What the baseline reaches on the test split.

    Attributes:
        measures: As for the model itself; None if nothing could be learned.
        notes: One line each: why there are no measures, or which rows were left out.
    """

    measures: ClassificationMeasures | None
    notes: tuple[str, ...] = ()


def tfidf_baseline(
    *examples_uris: str,
    seed: int,
    max_rows: int = MAX_ROWS,
    max_characters: int = MAX_CHARACTERS,
) -> BaselineResult:
    """Returns how well words and pairs of words alone tell the classes apart.

    Terms that at least 2 training texts hold, sublinear term frequencies, logistic
    regression with C = 5. Words are those of scikit-learn, in lower case, from the
    first 10,000 characters of a text. Of a split above the bounds it reads some rows
    at random, the same ones for the same seed.

    Args:
        examples_uris: Folders of Examples artifacts with `Split-train`, `Split-test`.
        seed: Decides the choice of rows and the fit; no unit.
        max_rows: Most rows of a split.
        max_characters: Most characters of a split.

    Raises:
        FileNotFoundError: One of the two splits does not exist.
    """
    notes: list[str] = []
    splits = {}
    for split in (TRAIN, TEST):
        rows, available = _some_rows(
            examples_uris, split, seed, max_rows, max_characters
        )
        if len(rows) < available:
            notes.append(f"{len(rows):,} of the {available:,} {split} rows, at random")
        splits[split] = rows
    classes = sorted({label for _, label in splits[TRAIN]})
    if len(classes) < 2:
        return BaselineResult(
            None, (f"the training rows have {len(classes)} class(es); 2 are needed",)
        )
    if not splits[TEST]:
        return BaselineResult(None, ("the test split is empty",))
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    try:
        vectors = vectorizer.fit_transform(_texts(splits[TRAIN]))
    except ValueError as error:  # what scikit-learn raises for an empty vocabulary
        _LOG.info("no TF-IDF baseline: %s", error)
        return BaselineResult(None, ("no word occurs in two of the training texts",))
    numbers = {label: number for number, label in enumerate(classes)}
    # Fewer steps than this on real texts; the solver warns if they do not suffice.
    model = LogisticRegression(C=5, max_iter=1000, random_state=seed)
    model.fit(vectors, [numbers[label] for _, label in splits[TRAIN]])
    tally = ClassificationTally(len(classes))
    tally.add(
        # A label that only the test split has counts as wrong, as with the model.
        [numbers.get(label, -1) for _, label in splits[TEST]],
        model.predict_proba(vectorizer.transform(_texts(splits[TEST]))),
    )
    return BaselineResult(tally.measures(), tuple(notes))


def _texts(rows: list[_Row]) -> list[str]:
    return [text for text, _ in rows]


def _some_rows(
    examples_uris: Sequence[str],
    split: str,
    seed: int,
    max_rows: int,
    max_characters: int,
) -> tuple[list[_Row], int]:
    """Returns at most so many rows, all equally likely, and how many there are.

    In one pass that keeps `max_rows` rows: those with the smallest random numbers.
    """
    chance = random.Random(f"{seed} {split}")
    available = 0

    def draw() -> Iterator[tuple[float, _Row]]:
        nonlocal available
        for row in itertools.chain(*(_read(uri, split) for uri in examples_uris)):
            available += 1
            yield chance.random(), row

    rows = [row for _, row in heapq.nsmallest(max_rows, draw())]
    ends = np.cumsum([len(text) for text, _ in rows])
    return rows[: int(np.searchsorted(ends, max_characters, side="right"))], available


def _read(examples_uri: str, split: str) -> Iterator[_Row]:
    pattern = os.path.join(examples_uri, f"Split-{split}", "*")
    files = sorted(tf.io.gfile.glob(pattern))
    if not files:
        raise FileNotFoundError(f"no examples of the split {split!r}: {pattern}")
    for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator():
        feature = tf.train.Example.FromString(record).features.feature
        text, label = (feature[name].bytes_list.value[0] for name in (TEXT, LABEL))
        yield (
            text.decode("utf-8", "replace")[:_MAX_CHARACTERS_OF_A_TEXT],
            label.decode("utf-8", "replace"),
        )
