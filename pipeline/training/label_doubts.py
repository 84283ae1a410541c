"""Which labels may be wrong: what is thought of a text by who has not seen its label.

A review trains heads for that (`out_of_fold`). Each training makes the quick version
here: two linear models for each fold, one of the words, one of the mean ELMo vectors.
With many classes it is naive Bayes of the words, as the others would take minutes.

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
from sklearn.naive_bayes import MultinomialNB
from sklearn.preprocessing import StandardScaler

from pipeline.training.data import LabelledTokens

_MOST_FOUND = 50  # texts
_MOST_TEXTS = 20_000
_MOST_TOKENS = 1_000_000
_MOST_TOKENS_OF_TEXT = 200  # whose words are read
_MOST_WORK = 10_000_000  # tokens times classes, of linear models
_MOST_NUMBERS = 20_000_000  # texts, or words, times classes
_TIMES_KEPT = 10  # the weights of a linear model while it is trained
_FOLDS = 5
_LEAST_TEXTS = 2 * _FOLDS  # of a class: of fewer, nobody knows how sure one can be
_LEAST_OF_LINEAR = 2 * _LEAST_TEXTS  # of a class: with fewer, more texts are worth more
_LEAST = 1e-9  # a probability, so that it has a logarithm

# Chosen on the sample data; see docs/review.md.
_C_OF_WORDS = 5.0
_C_OF_VECTORS = 5e-4
_ITERATIONS = 20
_SMOOTHING = 0.1  # of naive Bayes

WORDS, VECTORS = "words", "vectors"


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
    """Which labels are doubted.

    Attributes:
        texts: How many texts were looked at.
        all_texts: Of how many; equal ones with one label count once.
        classes: How many classes the former have.
        models: What was looked at of them: `WORDS`, `VECTORS`, or both.
        found: The most doubted first.
    """

    texts: int
    all_texts: int
    classes: int = 0
    models: Sequence[str] = ()
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
    a class which is hard to tell, or rare, is not suspected as a whole. The mean of
    fewer than ten texts says little: with such a class, own or other, a text whose own
    label has the higher probability is not suspected.

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
    is_known = np.minimum(counts[labels], counts[suggested]) >= _LEAST_TEXTS
    is_likelier = probabilities[np.arange(texts), suggested] > own
    suspected = (scores > 0) & (is_known | is_likelier)
    order = np.argsort(-scores, kind="stable")
    return [
        Suspicion(int(text), int(suggested[text]), float(scores[text]))
        for text in order[suspected[order]]
    ]


def doubted_labels(
    data: LabelledTokens,
    num_classes: int,
    vectors_of: Callable[[np.ndarray], np.ndarray] | None,
    *,
    most: int = _MOST_FOUND,
) -> Doubts:
    """Returns the texts whose labels models of the other texts doubt most.

    Of many texts it looks at some, the same ones each time: of each class equally many,
    as far as there are; and at no class of which there are fewer than ten. Of classes
    too many for that, it looks at the first. A text is found only if another class is
    likelier than its own.

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
    all_texts = len(texts)
    # In the order of their digests, which is random, and the same each time.
    texts = texts[np.argsort(keys[texts], kind="stable")]
    lengths = np.minimum(data.lengths, _MOST_TOKENS_OF_TEXT)
    texts, classes = _of_frequent_classes(texts, data.labels)
    texts = texts[np.argsort(_places_in_class(data.labels[texts]), kind="stable")]
    sums = np.cumsum(lengths[texts]) * max(classes, 1)
    bound = int((sums <= _MOST_WORK).sum())
    is_linear = bound >= min(len(texts), _LEAST_OF_LINEAR * classes)
    if not is_linear:
        bound = int((sums <= _MOST_TOKENS * classes).sum())
    bound = min(bound, _MOST_TEXTS, _MOST_NUMBERS // max(classes, 1))
    if bound < _LEAST_TEXTS * classes:
        texts = texts[data.labels[texts] < _last_label(texts, data.labels, bound)]
    texts, classes = _of_frequent_classes(texts[:bound], data.labels)
    nothing = Doubts(0, all_texts)
    if classes < 2:
        return nothing
    labels = data.labels[texts]
    folds = cut_folds(keys[texts].tolist(), labels, _FOLDS)
    inputs: dict[str, tuple[Any, Any]] = {}
    most_weights = _MOST_NUMBERS // (_TIMES_KEPT if is_linear else 1)
    words = _count_words(data, texts, most_weights // classes)
    if words is not None:
        model = _linear(_C_OF_WORDS) if is_linear else MultinomialNB(alpha=_SMOOTHING)
        inputs[WORDS] = words, model
    if vectors_of is not None and is_linear:
        vectors = StandardScaler().fit_transform(vectors_of(texts))
        inputs[VECTORS] = vectors, _linear(_C_OF_VECTORS)
    if not inputs:
        return nothing
    logs = np.zeros((len(texts), num_classes))
    for values, model in inputs.values():
        logs += _out_of_fold(values, labels, folds, num_classes, model)
    probabilities = np.exp(logs - logs.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    doubted = (
        DoubtedLabel(
            keys[texts[each.text]],
            int(labels[each.text]),
            each.suggested,
            float(probabilities[each.text, labels[each.text]]),
            float(probabilities[each.text, each.suggested]),
        )
        for each in rank_labels(probabilities, labels)
    )
    likelier = (
        each for each in doubted if each.suggested_probability > each.label_probability
    )
    found = list(itertools.islice(likelier, most))
    return Doubts(len(texts), all_texts, classes, list(inputs), found)


def _of_frequent_classes(
    texts: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, int]:
    """Returns those texts whose class has enough of them, and how many classes have."""
    counts = np.bincount(labels[texts], minlength=1)
    is_frequent = counts >= _LEAST_TEXTS
    return texts[is_frequent[labels[texts]]], int(is_frequent.sum())


def _last_label(texts: np.ndarray, labels: np.ndarray, bound: int) -> int:
    """Returns below which label are as many classes as have ten texts in a bound."""
    present = np.unique(labels[texts])
    return int(present[min(max(bound // _LEAST_TEXTS, 1), len(present) - 1)])


def _places_in_class(labels: np.ndarray) -> np.ndarray:
    """Returns how many texts before each have its class, int64 `(texts,)`."""
    by_class = np.argsort(labels, kind="stable")
    ordered = labels[by_class]
    places = np.empty(len(labels), np.int64)
    places[by_class] = np.arange(len(labels)) - np.searchsorted(ordered, ordered)
    return places


def _count_words(data: LabelledTokens, texts: np.ndarray, most: int) -> Any:
    """Returns the sparse TF-IDF of words and pairs of words; None: none is in two.

    Of more than `most` of them, the most frequent count.
    """
    ends = np.minimum(data.starts[1:], data.starts[:-1] + _MOST_TOKENS_OF_TEXT)
    joined = [
        b" ".join(data.words[data.word_ids[data.starts[text] : ends[text]]])
        for text in texts
    ]
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2),
        min_df=2,
        max_features=most,
        sublinear_tf=True,
        token_pattern=r"\S+",
        decode_error="replace",
        dtype=np.float32,
    )
    try:
        return vectorizer.fit_transform(joined)
    except ValueError:  # what scikit-learn raises for an empty vocabulary
        return None


def _linear(strength: float) -> Any:
    return LogisticRegression(C=strength, max_iter=_ITERATIONS)


def _out_of_fold(
    inputs: Any, labels: np.ndarray, folds: np.ndarray, num_classes: int, model: Any
) -> np.ndarray:
    """Returns the logarithms of probabilities, float `(texts, classes)`."""
    probabilities = np.zeros((len(labels), num_classes))
    for fold in np.unique(folds):
        is_own = folds == fold
        with warnings.catch_warnings():
            # A model that is nearly fitted ranks as well.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(inputs[~is_own], labels[~is_own])
        given = model.predict_proba(inputs[is_own])
        probabilities[np.ix_(is_own, model.classes_)] = given
    return np.log(np.maximum(probabilities, _LEAST))
