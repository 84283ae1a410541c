"""A baseline for the classifier: TF-IDF and logistic regression, same splits."""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from pipeline.evaluation.measures import ClassificationMeasures, ClassificationTally
from pipeline.evaluation.multi_label import MultiLabelTally
from pipeline.features import EVAL, LABEL, TEST, TEXT, TRAIN
from pipeline.training.data import untuned
from pipeline.training.label_thresholds import best_thresholds

_LOG = logging.getLogger(__name__)

# Bounds of what it reads of each split, so that the baseline never costs more than the
# model: ten thousand sentences have about one million characters.
MAX_ROWS = 50_000
MAX_CHARACTERS = 10_000_000
_MAX_CHARACTERS_OF_A_TEXT = 10_000

# Each weight, one for each class and term, is held some thirty times while it is
# fitted: these take a gigabyte.
MAX_WEIGHTS = 4_000_000

# A model is fitted for each label where a row may have several.
_MAX_LABELS = 200

LENGTH_QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)

_Row = tuple[str, tuple[str, ...]]  # text, its label or labels


@dataclass(frozen=True)
class BaselineResult:
    """What the baseline reaches on the test split.

    Attributes:
        measures: As for the model itself; None if nothing could be learned.
        notes: One line each: why there are no measures, which rows were left out, or
            how many terms count.
        lengths: Split -> words of its texts that were read, at `LENGTH_QUANTILES`.
    """

    measures: ClassificationMeasures | None
    notes: tuple[str, ...] = ()
    lengths: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


# What scikit-learn takes for its terms, where that is not its words.
_UNITS: dict[str, dict[str, Any]] = {
    "characters": {"analyzer": "char"},
    "whitespace": {"token_pattern": r"\S+"},
}


def tfidf_baseline(
    *examples_uris: str,
    seed: int,
    multi_label: bool = False,
    tokenizer: str = "elmo",
    max_rows: int = MAX_ROWS,
    max_characters: int = MAX_CHARACTERS,
) -> BaselineResult:
    """Returns how well words and pairs of words alone tell the classes apart.

    Terms that at least 2 training texts hold, sublinear term frequencies, logistic
    regression with C = 5. Words are those of scikit-learn, in lower case, from the
    first 10,000 characters of a text. Of a split above the bounds it reads some rows
    at random, the same ones for the same seed. The more classes there are the fewer
    terms count, those that come most often. Where a row may have several labels,
    each has a regression of its own, and a threshold that is found on the eval split.

    Args:
        examples_uris: Folders of Examples artifacts with `Split-train`, `Split-test`.
        seed: Decides the choice of rows and the fit; no unit.
        multi_label: Whether a row may have several labels.
        tokenizer: That of the model. With `characters`, characters and pairs of them
            stand in for words; with `whitespace`, words are what is between blanks.
        max_rows: Most rows of a split.
        max_characters: Most characters of a split.

    Raises:
        FileNotFoundError: One of the two splits does not exist.
    """
    notes: list[str] = []
    splits = {}
    for split in (TRAIN, EVAL, TEST) if multi_label else (TRAIN, TEST):
        rows, available = _some_rows(
            examples_uris, split, seed, max_rows, max_characters
        )
        if len(rows) < available:
            notes.append(f"{len(rows):,} of the {available:,} {split} rows, at random")
        splits[split] = rows
    result = _result(splits, notes, seed, multi_label, tokenizer)
    return replace(result, lengths={name: _lengths(splits[name]) for name in splits})


def _lengths(rows: list[_Row]) -> tuple[int, ...]:
    words = [len(text.split()) for text in _texts(rows)] or [0]
    quantiles = np.quantile(words, LENGTH_QUANTILES, method="nearest")
    return tuple(int(each) for each in quantiles)


def _result(
    splits: Mapping[str, list[_Row]],
    notes: Sequence[str],
    seed: int,
    multi_label: bool,
    tokenizer: str = "elmo",
) -> BaselineResult:
    """Returns what `tfidf_baseline` returns, for rows that were read.

    Args:
        splits: Rows of the splits train and test, and of eval for several labels.
        notes: Which rows were left out.
        seed: Of the fit.
        multi_label: Whether a row may have several labels.
        tokenizer: That of the model.
    """
    classes = sorted({label for _, labels in splits[TRAIN] for label in labels})
    if len(classes) < 2:
        return BaselineResult(
            None, (f"the training rows have {len(classes)} class(es); 2 are needed",)
        )
    if not splits[TEST]:
        return BaselineResult(None, ("the test split is empty",))
    if multi_label and len(classes) > _MAX_LABELS:
        return BaselineResult(None, (f"there are more than {_MAX_LABELS} labels",))
    # Of two classes, and of each label of several, one has weights.
    regressions = 1 if multi_label or len(classes) == 2 else len(classes)
    most_terms = max(1, MAX_WEIGHTS // regressions)
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2),
        min_df=2,
        max_features=most_terms,
        sublinear_tf=True,
        **_UNITS.get(tokenizer, {}),
    )
    try:
        vectors = vectorizer.fit_transform(_texts(splits[TRAIN]))
    except ValueError as error:  # what scikit-learn raises for an empty vocabulary
        _LOG.info("no TF-IDF baseline: %s", error)
        return BaselineResult(None, ("no word occurs in two of the training texts",))
    if vectors.shape[1] == most_terms:
        notes = [*notes, f"the {most_terms:,} terms that come most often"]
    numbers = {label: number for number, label in enumerate(classes)}
    if multi_label:
        several = _tally_of_several(splits, numbers, vectorizer, vectors, seed)
        return BaselineResult(several.measures(), tuple(notes))
    # Fewer steps than this on real texts; the solver warns if they do not suffice.
    model = _regression(seed)
    model.fit(vectors, [numbers[labels[0]] for _, labels in splits[TRAIN]])
    tally = ClassificationTally(len(classes))
    tally.add(
        # A label that only the test split has counts as wrong, as with the model.
        [numbers.get(labels[0], -1) for _, labels in splits[TEST]],
        model.predict_proba(vectorizer.transform(_texts(splits[TEST]))),
    )
    return BaselineResult(tally.measures(), tuple(notes))


def _regression(seed: int) -> LogisticRegression:
    return LogisticRegression(C=5, max_iter=1000, random_state=seed)


def _tally_of_several(
    splits: Mapping[str, list[_Row]],
    numbers: Mapping[str, int],
    vectorizer: TfidfVectorizer,
    vectors: Any,
    seed: int,
) -> MultiLabelTally:
    """Fits a model for each label, and counts the test rows.

    Args:
        splits: Rows of the splits train, eval and test.
        numbers: Label of the training split -> its number.
        vectorizer: Fitted.
        vectors: Of the training rows.
        seed: Of each fit.
    """
    labels = {
        split: np.array([_hot(own, numbers) for _, own in rows]).reshape(
            -1, len(numbers) + 1
        )
        for split, rows in splits.items()
    }
    models = {}
    for number in range(len(numbers)):
        own = labels[TRAIN][:, number]
        if own.min() < own.max():
            models[number] = _regression(seed).fit(vectors, own)

    def predict(rows: list[_Row]) -> np.ndarray:
        # A label that all training rows have is that of all others, too.
        probabilities = np.ones((len(rows), len(numbers)), np.float32)
        if rows:
            of_rows = vectorizer.transform(_texts(rows))
            for number, model in models.items():
                probabilities[:, number] = model.predict_proba(of_rows)[:, 1]
        return probabilities

    thresholds = best_thresholds(predict(splits[EVAL]), labels[EVAL][:, :-1])
    probabilities = predict(splits[TEST])
    tally = MultiLabelTally(len(numbers))
    tally.add(labels[TEST], probabilities, probabilities >= thresholds)
    return tally


def _hot(labels: Sequence[str], numbers: Mapping[str, int]) -> np.ndarray:
    """Returns int64 `(classes + 1,)`: 1 at each label, at the end if one is unknown."""
    hot = np.zeros(len(numbers) + 1, np.int64)
    hot[[numbers.get(label, -1) for label in labels]] = 1
    return hot


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
    records = untuned(tf.data.TFRecordDataset(files, "GZIP"))
    for record in records.as_numpy_iterator():
        feature = tf.train.Example.FromString(record).features.feature
        text = feature[TEXT].bytes_list.value[0].decode("utf-8", "replace")
        labels = (
            each.decode("utf-8", "replace") for each in feature[LABEL].bytes_list.value
        )
        yield text[:_MAX_CHARACTERS_OF_A_TEXT], tuple(labels)
