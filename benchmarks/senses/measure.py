"""Everything the report tells, computed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.progress import say
from benchmarks.senses.neighbours import Pool, make_pool, sense_accuracy
from benchmarks.senses.sentences import Sense, split
from benchmarks.senses.vectors import (
    Occurrences,
    occurrences,
    random_twin,
    sentence_vectors,
)
from keras_elmo import ElmoEmbeddingLayer

SEEDS = 5


@dataclass(frozen=True)
class Accuracies:
    """How often the nearest occurrence of a word has the same sense.

    Attributes:
        layers: `(layers,)`.
        means: By the mean of the sentence's token vectors.
        untrained: `(seeds, layers)`, of biLMs with random weights.
    """

    layers: np.ndarray
    means: float
    untrained: np.ndarray


@dataclass(frozen=True)
class Measured:
    """What was found.

    Attributes:
        found: The occurrences of each word.
        accuracies: Of each word.
        pool: All tokens in the upper layer.
    """

    found: dict[str, Occurrences]
    accuracies: dict[str, Accuracies]
    pool: Pool


def measure(words: dict[str, list[Sense]], texts: list[str]) -> Measured:
    """Runs the embedded biLM and its random twins.

    Args:
        words: The senses of each word.
        texts: The pool, which holds the sentences of `words` too.
    """
    elmo = ElmoEmbeddingLayer(output="layers")
    say(f"the embedded model, on {', '.join(words)}")
    found = {word: occurrences(elmo, senses) for word, senses in words.items()}
    untrained: dict[str, list[np.ndarray]] = {word: [] for word in words}
    for seed in range(SEEDS):
        say(f"random weights, {seed + 1} of {SEEDS}")
        twin = random_twin(elmo, seed)
        for word, senses in words.items():
            untrained[word].append(_by_layer(occurrences(twin, senses)))
    accuracies = {
        word: Accuracies(
            layers=_by_layer(at),
            means=sense_accuracy(at.means, at.senses),
            untrained=np.stack(untrained[word]),
        )
        for word, at in found.items()
    }
    say(f"the pool of {len(texts):,} texts")
    sentences = split(texts)
    upper = sentence_vectors(elmo, sentences, layers=slice(-1, None))
    pool = make_pool(sentences, [vectors[0] for vectors in upper])
    return Measured(found, accuracies, pool)


def _by_layer(at: Occurrences) -> np.ndarray:
    return np.array([sense_accuracy(layer, at.senses) for layer in at.vectors])
