"""What a text is about, by vectors of its words that were learnt on other texts.

With few labelled texts most words of a new text are in none of them. Their vectors
still say what it is about. `tools/word_vectors.py` trains them; docs/quality.md has on
which texts, and what they bring.

Source: Mikolov et al. 2013, arXiv:1310.4546 (skip-grams); Arora et al. 2017, "A simple
    but tough-to-beat baseline for sentence embeddings" (frequent words weigh less).
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy import sparse

from pipeline.training.shipped_arrays import shipped_arrays

VECTORS_FILE = Path(__file__).with_name("word_vectors.npz")
_SHA256 = "01105e8fcfcbbea3d38461a3b52ae458aafdd67c3f3fba1faa01783f0b510547"
# Below this the sum of a text's words is not stretched to the length 1: it has hardly
# more than full stops and articles.
_SHORT = 0.5


@functools.cache
def stored_vectors() -> dict[str, np.ndarray]:
    """Returns the vectors by the ids of their words.

    Returns:
        `ids`, int32 `(words,)`, rising, as `ngrams.ngram_ids` has them; `vectors`, int8
        `(words, dim)`; and `scales`, float32 `(words,)`, by which they are multiplied.
        A frequent word has a short vector.

    Raises:
        OSError: The file is not the one that the project has.
    """
    arrays = shipped_arrays(VECTORS_FILE, _SHA256)
    return {**arrays, "scales": arrays["scales"].astype(np.float32)}


class TextVectors(keras.layers.Layer):
    """The sum of the vectors of a text's words, stretched to about the length 1.

    A word counts once. A pair of words is taken for a word where their hashes are the
    same, which is so for one pair in hundreds.

    Inputs:  int32 `(batch, n)`, as `ngrams.ngram_ids` returns it.
    Outputs: float32 `(batch, dim)`; zeros for a text without a known word.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dtype="float32", trainable=False, **kwargs)
        self.dim = stored_vectors()["vectors"].shape[1]

    def build(self, ids_shape: tuple[int | None, ...]) -> None:
        for name, values in stored_vectors().items():
            weight = self.add_weight(
                shape=values.shape,
                initializer=lambda *_, values=values, **__: values,
                dtype=values.dtype.name,
                trainable=False,
                name=name,
            )
            setattr(self, name, weight)

    def call(self, ids: Any) -> Any:
        places, vectors = self._known(ids)
        sums = tf.math.unsorted_segment_sum(vectors, places[:, 0], tf.shape(ids)[0])
        return sums / _length(sums)

    def shares(self, ids: Any, times: Any, kernel: Any) -> tf.Tensor:
        """Returns what each word adds to a linear function of the outputs.

        Args:
            ids: int32 `(batch, n)`, as `ngrams.ids_in_order` returns them.
            times: float32 `(batch, n)`, how often each stands in its text. Each place
                gets an equal share.
            kernel: float32 `(batch, dim)`, by which each output is multiplied.

        Returns:
            float32 `(batch, n)`, 0 for a word that is not known.
        """
        places, vectors = self._known(ids)
        text = places[:, 0]
        vectors /= tf.gather_nd(times, places)[:, None]
        sums = tf.math.unsorted_segment_sum(vectors, text, tf.shape(ids)[0])
        shares = tf.reduce_sum(vectors * tf.gather(kernel, text), axis=1)
        shape = tf.shape(ids, tf.int64)
        return tf.scatter_nd(places, shares, shape) / _length(sums)

    def _known(self, ids: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the text and the place of each known word, and its vector.

        Returns:
            int64 `(known, 2)`; float32 `(known, dim)`.
        """
        words = tf.searchsorted(self.ids, tf.reshape(ids, [-1]))
        words = tf.reshape(tf.minimum(words, self.ids.shape[0] - 1), tf.shape(ids))
        places = tf.where(tf.gather(self.ids, words) == ids)
        words = tf.gather_nd(words, places)
        vectors = tf.cast(tf.gather(self.vectors, words), tf.float32)
        return places, vectors * tf.gather(self.scales, words)[:, None]

    def compute_output_shape(
        self, ids_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (ids_shape[0], self.dim)


def text_vectors(ids: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Returns the outputs of `TextVectors` for texts of which the ids are known.

    Args:
        ids: int32 `(n,)`, each once in a text.
        starts: int `(texts + 1,)`, where each text begins among them.

    Returns:
        float32 `(texts, dim)`.
    """
    stored = stored_vectors()
    words = np.minimum(np.searchsorted(stored["ids"], ids), len(stored["ids"]) - 1)
    values = (stored["ids"][words] == ids) * stored["scales"][words]
    shape = (len(starts) - 1, len(stored["ids"]))
    sums = sparse.csr_matrix((values, words, starts), shape) @ stored["vectors"]
    norms = np.square(sums).sum(axis=1, keepdims=True)
    return sums / np.sqrt(norms + _SHORT**2)


def _length(sums: tf.Tensor) -> tf.Tensor:
    """Returns by what sums are divided, float32 `(batch, 1)`."""
    squares = tf.reduce_sum(tf.square(sums), axis=1, keepdims=True)
    return tf.sqrt(squares + _SHORT**2)
