"""Everything the report tells, computed once: from sentences to vectors and figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from benchmarks.senses.neighbours import Pool, make_pool, sense_accuracy
from benchmarks.senses.sentences import Sense, place_of, split
from benchmarks.session import say
from keras_elmo import ElmoEmbeddingLayer

SEEDS = 5
_ROWS = 256


@dataclass(frozen=True)
class Occurrences:
    """Where a word occurs in its two senses.

    Attributes:
        senses: `(occurrences,)` int, 0 or 1.
        vectors: `(layers, occurrences, dim)` of the word itself.
        means: `(occurrences, dim)`, the mean over all tokens of the sentence in the
            token layer.
    """

    senses: np.ndarray
    vectors: np.ndarray
    means: np.ndarray


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


def random_twin(elmo: ElmoEmbeddingLayer, seed: int) -> ElmoEmbeddingLayer:
    """Makes a layer of the same shape with the weights that training begins with."""
    keras.utils.set_random_seed(seed)
    # A layer made from a configuration has its options, and reads no weights.
    return ElmoEmbeddingLayer.from_config({**elmo.get_config(), "name": None})


def sentence_vectors(
    elmo: ElmoEmbeddingLayer, sentences: Sequence[list[str]], *, layers: slice
) -> Iterator[np.ndarray]:
    """Yields, for each sentence in turn, float32 `(layers, time, dim)`.

    Args:
        elmo: With `output="layers"`.
        sentences: Tokens.
        layers: Which of the layers are wanted.
    """
    for start in range(0, len(sentences), _ROWS):
        rows = sentences[start : start + _ROWS]
        batch = elmo(tf.ragged.constant(rows)).numpy()  # (rows, layers, time, dim)
        for vectors, tokens in zip(batch, rows, strict=True):
            yield vectors[layers, : len(tokens)].copy()


def occurrences(elmo: ElmoEmbeddingLayer, senses: Sequence[Sense]) -> Occurrences:
    """Runs the sentences of one word, sense after sense."""
    sentences = split([text for sense in senses for text in sense.texts])
    places = [place_of(senses[0].word, tokens) for tokens in sentences]
    found = list(sentence_vectors(elmo, sentences, layers=slice(None)))
    chosen = [x[:, place] for x, place in zip(found, places, strict=True)]
    return Occurrences(
        senses=np.repeat(range(len(senses)), [len(sense.texts) for sense in senses]),
        vectors=np.stack(chosen, axis=1),
        means=np.stack([x[0].mean(axis=0) for x in found]),
    )


def _by_layer(at: Occurrences) -> np.ndarray:
    return np.array([sense_accuracy(layer, at.senses) for layer in at.vectors])
