"""Which labels may be wrong: what is thought of a text by who has not seen its label.

A review trains heads for that (`out_of_fold`). Each training makes the quick version
here: two linear models for each fold, one of the words, one of the mean ELMo vectors.

Source: Northcutt et al. 2021, arXiv:1911.00068 (out-of-sample probabilities show wrong
    labels).
"""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pipeline.training.data import LabelledTokens

_MOST_FOUND = 50  # texts
_MOST_TEXTS = 20_000
_MOST_TOKENS = 1_000_000
_MOST_WORK = 400_000  # texts times classes
_FOLDS = 5
_LEAST_TEXTS = 2 * _FOLDS  # of a class: of fewer, nobody knows how sure one can be
_LEAST = 1e-9  # a probability, so that it has a logarithm

# Chosen on the sample data; see docs/review.md.
_C_OF_WORDS = 5.0
_C_OF_VECTORS = 5e-4
_ITERATIONS = 20


@dataclasses.dataclass(frozen=True)
class Suspicion:
    """What speaks against the label of a text.

    Attributes:
        text: Its place.
        suggested: The class that it seems to be.
        score: How much; higher is worse, and above 0 there is another class.
    """

    text: int
    suggested: int
    score: float


@dataclasses.dataclass(frozen=True)
class DoubtedLabel:
    """A text whose label seems to be wrong.

    Attributes:
        key: Of its tokens, see `LabelledTokens.keys`.
        label, suggested: The class that it has, and that it seems to be.
        label_probability, suggested_probability: Of these.
    """

    key: bytes
    label: int
    suggested: int
    label_probability: float
    suggested_probability: float


@dataclasses.dataclass(frozen=True)
class Doubts:
    """What was `found`, the most doubted first, among so many `texts`."""

    texts: int
    found: Sequence[DoubtedLabel] = ()


def cut_folds(digests: Sequence[bytes], labels: np.ndarray, folds: int) -> np.ndarray:
    """Returns the fold of each text, int64 `(texts,)`, from 0; always the same one.

    Texts of one digest share a fold, and each fold has about as many of each class.

    Args:
        digests: Of each text.
        labels: int `(texts,)`, its class.
        folds: How many, at least 2.
    """
    first: dict[bytes, int] = {}
    for digest, label in zip(digests, labels.tolist(), strict=True):
        first.setdefault(digest, label)
    # Dealt out like cards, class after class, in the random order of digests.
    order = sorted(first, key=lambda digest: (first[digest], digest))
    of_digest = dict(zip(order, itertools.cycle(range(folds)), strict=False))
    return np.array([of_digest[digest] for digest in digests], np.int64)


def rank_labels(probabilities: np.ndarray, labels: np.ndarray) -> list[Suspicion]:
    """Returns the texts for which a class not their own is likelier, worst first.

    Each probability counts beside the mean that the class has on its own texts, so that
    a class which is hard to tell, or rare, is not suspected as a whole.

    Args:
        probabilities: float `(texts, classes)`, out of fold.
        labels: int `(texts,)`.

    Source: Northcutt et al. 2021, arXiv:1911.00068, equation 2: the thresholds.
    """
    texts, classes = probabilities.shape
    own = probabilities[np.arange(texts), labels]
    sums = np.bincount(labels, weights=own, minlength=classes)
    counts = np.bincount(labels, minlength=classes)
    thresholds = np.maximum(sums / np.maximum(counts, 1), _LEAST)
    logs = np.log(np.maximum(probabilities, _LEAST)) - np.log(thresholds)
    logs[:, counts == 0] = -np.inf
    of_label = logs[np.arange(texts), labels].copy()
    logs[np.arange(texts), labels] = -np.inf
    suggested = logs.argmax(axis=1)
    scores = logs[np.arange(texts), suggested] - of_label
    order = np.argsort(-scores, kind="stable")
    return [
        Suspicion(int(text), int(suggested[text]), float(scores[text]))
        for text in order
        if scores[text] > 0
    ]


def doubted_labels(
    data: LabelledTokens,
    num_classes: int,
    vectors_of: Callable[[np.ndarray], np.ndarray] | None,
    *,
    most: int = _MOST_FOUND,
) -> Doubts:
    """Returns the texts whose labels linear models of the other texts doubt most.

    Of many texts it looks at some, the same ones each time, and at no class of which
    there are fewer than ten. Texts of equal tokens and label count once.

    Args:
        data: The texts, with one label each.
        num_classes: How many classes there are.
        vectors_of: Places of texts -> their mean vectors, float `(texts, dim)`; None:
            the words alone count.
        most: How many are found at most.
    """
    keys = data.keys()
    _, numbers = np.unique(keys, return_inverse=True)
    _, texts = np.unique(numbers * num_classes + data.labels, return_index=True)
    # In the order of their digests, which is random, and the same each time.
    texts = texts[np.argsort(keys[texts], kind="stable")]
    texts = texts[: min(_MOST_TEXTS, _MOST_WORK // num_classes)]
    texts = texts[np.cumsum(data.lengths[texts]) <= _MOST_TOKENS]
    counts = np.bincount(data.labels[texts], minlength=num_classes)
    texts = texts[counts[data.labels[texts]] >= _LEAST_TEXTS]
    labels = data.labels[texts]
    if len(np.unique(labels)) < 2:
        return Doubts(len(texts))
    folds = cut_folds(keys[texts].tolist(), labels, _FOLDS)
    models: list[tuple[Any, float]] = []
    if (words := _count_words(data, texts)) is not None:
        models.append((words, _C_OF_WORDS))
    if vectors_of is not None:
        vectors = StandardScaler().fit_transform(vectors_of(texts))
        models.append((vectors, _C_OF_VECTORS))
    if not models:
        return Doubts(len(texts))
    logs = np.zeros((len(texts), num_classes))
    for inputs, strength in models:
        logs += _out_of_fold(inputs, labels, folds, num_classes, strength)
    probabilities = np.exp(logs - logs.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = [
        DoubtedLabel(
            keys[texts[each.text]],
            int(labels[each.text]),
            each.suggested,
            float(probabilities[each.text, labels[each.text]]),
            float(probabilities[each.text, each.suggested]),
        )
        for each in rank_labels(probabilities, labels)[:most]
    ]
    return Doubts(len(texts), found)


def _count_words(data: LabelledTokens, texts: np.ndarray) -> Any:
    """Returns the sparse TF-IDF of words and pairs of words; None: none is in two."""
    joined = [
        b" ".join(data.words[data.word_ids[data.starts[text] : data.starts[text + 1]]])
        for text in texts
    ]
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2),
        min_df=2,
        sublinear_tf=True,
        token_pattern=r"\S+",
        decode_error="replace",
        dtype=np.float32,
    )
    try:
        return vectorizer.fit_transform(joined)
    except ValueError:  # what scikit-learn raises for an empty vocabulary
        return None


def _out_of_fold(
    inputs: Any,
    labels: np.ndarray,
    folds: np.ndarray,
    num_classes: int,
    strength: float,
) -> np.ndarray:
    """Returns the logarithms of probabilities, float `(texts, classes)`."""
    probabilities = np.zeros((len(labels), num_classes))
    model = LogisticRegression(C=strength, max_iter=_ITERATIONS)
    for fold in np.unique(folds):
        is_own = folds == fold
        with warnings.catch_warnings():
            # A model that is nearly fitted ranks as well.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(inputs[~is_own], labels[~is_own])
        given = model.predict_proba(inputs[is_own])
        probabilities[np.ix_(is_own, model.classes_)] = given
    return np.log(np.maximum(probabilities, _LEAST))
