"""Logistic regression, on words and word pairs or on mean embeddings."""

from __future__ import annotations

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.quality.texts import Fold, Texts
from pipeline.training.data import split_batches
from pipeline.training.embedding_cache import EmbeddingCache

_TF_IDF_C = 5.0
_MEAN_CS = (0.001, 0.003, 0.01)  # the one that is best on the eval texts counts
_AT_ONCE = 256


def tf_idf_accuracy(texts: Texts, fold: Fold) -> float:
    """Gives the test accuracy of TF-IDF of words and pairs; eval texts are learnt."""
    learnt = np.concatenate([fold.train, fold.evaluate])
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    features = vectorizer.fit_transform([texts.texts[i] for i in learnt])
    model = LogisticRegression(C=_TF_IDF_C, max_iter=1000)
    model.fit(features, texts.labels[learnt])
    unseen = vectorizer.transform([texts.texts[i] for i in fold.test])
    return float(model.score(unseen, texts.labels[fold.test]))


def mean_accuracy(means: np.ndarray, texts: Texts, fold: Fold) -> float:
    """Gives the test accuracy on mean embeddings, `(texts, width)`.

    The eval texts choose the strength of the regularisation, and are learnt then.
    """

    def fit(c: float, learnt: np.ndarray) -> Pipeline:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=1000))
        return model.fit(means[learnt], texts.labels[learnt])

    def score(model: Pipeline, places: np.ndarray) -> float:
        return float(model.score(means[places], texts.labels[places]))

    best = max(_MEAN_CS, key=lambda c: score(fit(c, fold.train), fold.evaluate))
    return score(fit(best, np.concatenate([fold.train, fold.evaluate])), fold.test)


def mean_embeddings(cache: EmbeddingCache, lengths: np.ndarray) -> np.ndarray:
    """Returns the mean of each layer over the tokens, side by side.

    Args:
        cache: Of some texts.
        lengths: Tokens of each of these texts, int `(texts,)`.

    Returns:
        float32 `(texts, layers * dim)`, zeros for a text without tokens.
    """
    parts = []
    for texts in split_batches(np.arange(len(lengths)), batch_size=_AT_ONCE):
        sums = cache.read(texts).astype(np.float32).sum(axis=2)  # zero at padding
        tokens = np.maximum(lengths[texts], 1)[:, None, None]
        parts.append((sums / tokens).reshape(len(sums), -1))
    return np.concatenate(parts)
