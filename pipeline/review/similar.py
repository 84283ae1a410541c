"""Texts that are nearly the same and have another label.

Compared by their runs of four characters within words, weighted as in TF-IDF: a typing
error or a word more changes few of them. Mean ELMo vectors would find sentences that
are built alike, and mostly say the opposite; see docs/review.md.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

LEAST = 0.7
"""The cosine from which on two texts are nearly the same; no unit."""
_MOST = 3  # shown of a text
_CHARACTERS = 5_000  # of a text; what is behind them is not compared
_FEATURES = 2**18
_CHUNK = 4096  # texts compared at a time


def similar_texts(
    texts: Sequence[str], labels: np.ndarray, wanted: Sequence[int]
) -> dict[int, list[int]]:
    """Returns which texts are nearly the same as some, and have another label.

    Args:
        texts: All texts.
        labels: int `(texts,)`.
        wanted: Places of the texts to find others for.

    Returns:
        Place -> places of at most three others, the most similar first.
    """
    if not wanted:
        return {}
    vectorizer = HashingVectorizer(
        analyzer="char_wb",
        ngram_range=(4, 4),
        n_features=_FEATURES,
        alternate_sign=False,
        norm=None,
        dtype=np.float32,
    )
    counts = vectorizer.transform(text[:_CHARACTERS] for text in texts)
    vectors = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    places = np.asarray(wanted)
    own = vectors[places]
    best: dict[int, list[tuple[float, int]]] = {}
    for start in range(0, len(texts), _CHUNK):
        cosines = (own @ vectors[start : start + _CHUNK].T).tocoo()
        others = cosines.col + start
        is_found = cosines.data >= LEAST
        is_found &= labels[places[cosines.row]] != labels[others]
        for row, other, cosine in zip(
            cosines.row[is_found], others[is_found], cosines.data[is_found], strict=True
        ):
            kept = best.setdefault(int(places[row]), [])
            heapq.heappush(kept, (float(cosine), int(other)))
            if len(kept) > _MOST:
                heapq.heappop(kept)
    return {
        place: [other for _, other in sorted(kept, reverse=True)]
        for place, kept in best.items()
    }
