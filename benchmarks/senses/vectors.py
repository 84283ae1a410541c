"""From sentences to vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from benchmarks.senses.sentences import Sense, place_of, split
from keras_elmo import ElmoEmbeddingLayer

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
