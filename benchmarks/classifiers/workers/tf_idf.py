"""TF-IDF of words and pairs of words, with logistic regression."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.classifiers.workers import linear, measure
from benchmarks.classifiers.workers.measure import Classify, Lesson

_STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0)
_SETTINGS: dict[str, Any] = {"ngram_range": (1, 2), "sublinear_tf": True}
_TERMS, _WEIGHTS = "terms.json", "weights.npy"


def train(lesson: Lesson, folder: Path) -> dict[str, Any]:
    """Chooses `C` by the eval texts, then learns from all."""
    vectorizer = _vectorizer()
    parts = (
        vectorizer.fit_transform(lesson.train.texts),
        vectorizer.transform(lesson.evaluate.texts),
    )
    _, c = linear.fit_best(
        _STRENGTHS,
        (parts[0], lesson.train.labels),
        (parts[1], lesson.evaluate.labels),
    )
    learnt = lesson.train + lesson.evaluate
    vectorizer = _vectorizer()
    model = linear.fit(c, vectorizer.fit_transform(learnt.texts), learnt.labels)
    linear.save(model, folder)
    terms = vectorizer.get_feature_names_out().tolist()
    (folder / _TERMS).write_text(json.dumps(terms), "utf-8")
    np.save(folder / _WEIGHTS, vectorizer.idf_)
    return {"chosen": f"C {c:g}"}


def load(folder: Path, threads: int) -> Classify:
    """Returns the classifier; it has one thread in any case."""
    model = linear.load(folder)
    terms = json.loads((folder / _TERMS).read_text("utf-8"))
    vectorizer = TfidfVectorizer(vocabulary=terms, **_SETTINGS)
    vectorizer.idf_ = np.load(folder / _WEIGHTS, allow_pickle=False)
    return lambda texts: model.predict(vectorizer.transform(texts)).tolist()


def _vectorizer() -> TfidfVectorizer:
    return TfidfVectorizer(min_df=2, **_SETTINGS)


def versions() -> dict[str, str]:
    """Returns the versions that the figures depend on."""
    return {"scikit-learn": sklearn.__version__}


if __name__ == "__main__":
    measure.main(measure.Worker(train=train, load=load, versions=versions))
