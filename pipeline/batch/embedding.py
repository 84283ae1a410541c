"""Computes the ELMo vectors of texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer
from keras_elmo.text import ELMO, first_tokens
from pipeline.batch.formats.hdf5 import SENTENCE, VECTORS
from pipeline.batch.formats.table import Kind
from pipeline.batch.scoring import CUT, once_per_process
from pipeline.precision import FLOAT32, compute_in
from pipeline.serving.versions import ModelError

TOKENS = "tokens"
VECTOR = "vector"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Embedder:
    """A `Scorer` with an ELMo: any source that the layer takes.

    Args:
        source: Of the weights, where every worker finds it.
        layer: `mix` as the source has it; `mean` of all layers; one of them by its
            number; or `all`.
        pooled: Whether a text gets one vector, the mean over its tokens.
        dtype: Of the vectors: `float32` or `float16`.
        max_tokens: Longer texts are cut.
        tokenizer: What a token is, as `keras_elmo.text.tokenize` takes it.
        as_sentences: Whether the output has texts as lines of tokens (HDF5).
        precision: In which numbers it multiplies: `float32` or `bfloat16`.
    """

    source: str
    layer: str = "mix"
    pooled: bool = False
    dtype: str = "float32"
    max_tokens: int = 512
    tokenizer: str = ELMO
    as_sentences: bool = False
    precision: str = FLOAT32

    @property
    def fields(self) -> dict[str, str]:
        """Tokens and their vectors, or one vector; whether the text was cut."""
        if self.as_sentences:
            return {SENTENCE: Kind.STRING, VECTORS: Kind.VECTORS}
        if self.pooled:
            return {VECTOR: Kind.VECTOR, CUT: Kind.BOOL}
        return {TOKENS: Kind.STRINGS, VECTORS: Kind.VECTORS, CUT: Kind.BOOL}

    def load(self) -> _Score:
        """Returns the layer of this process."""
        return _load(self)

    def tally(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Counts tokens, and texts that were cut."""
        counts = {"cut": sum(bool(row.get(CUT)) for row in rows)}
        if TOKENS in self.fields:
            counts["tokens"] = sum(len(row[TOKENS]) for row in rows)
        return counts


class _Score:
    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        compute_in(embedder.precision)
        output = "elmo" if embedder.layer == "mix" else "layers"
        try:
            self._elmo = ElmoEmbeddingLayer(embedder.source, output=output)
        except (OSError, ValueError) as error:
            raise ModelError(str(error)) from error
        last = self._elmo.num_layers - 1
        if embedder.layer.isdecimal() and int(embedder.layer) > last:
            raise ModelError(
                f"the ELMo {embedder.source} has the layers 0 to {last}. "
                f"Received: layer {embedder.layer}"
            )
        self._run = tf.function(
            self._embed,
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,  # it would leave files behind in a process that is killed
        )

    def __call__(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        raw = tf.constant([text.encode("utf-8") for text in texts])
        answer = {name: each.numpy() for name, each in self._run(raw).items()}
        vectors = answer["vectors"]
        answer["vectors"] = vectors.astype(self._embedder.dtype, copy=False)
        return [self._row(answer, row) for row in range(len(texts))]

    def _embed(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        tokens, lengths = first_tokens(
            texts,
            self._embedder.max_tokens,
            tokenizer=self._embedder.tokenizer,
        )
        tokens = tokens[:, : self._embedder.max_tokens]
        kept = tokens.row_lengths()
        tokens = tokens.to_tensor("")
        vectors = self._elmo(tokens)
        layer = self._embedder.layer
        if layer == "mean":
            vectors = tf.reduce_mean(vectors, axis=1)
        elif layer == "all":  # (batch, time, layers, dim)
            vectors = tf.transpose(vectors, [0, 2, 1, 3])
        elif layer != "mix":
            vectors = vectors[:, int(layer)]
        return {
            "tokens": tokens,
            "lengths": kept,
            "is_cut": lengths > kept,
            "vectors": vectors,
        }

    def _row(self, answer: Mapping[str, np.ndarray], row: int) -> dict[str, Any]:
        embedder = self._embedder
        length = int(answer["lengths"][row])
        vectors = answer["vectors"][row, :length]  # (time, …, dim)
        is_cut = bool(answer["is_cut"][row])
        if embedder.pooled:
            mean = vectors.sum(axis=0, dtype="float32") / max(length, 1)
            return {VECTOR: mean.astype(embedder.dtype), CUT: is_cut}
        tokens = [token.decode() for token in answer["tokens"][row, :length]]
        if embedder.as_sentences:
            if embedder.layer == "all":  # (layers, time, dim), as allennlp writes it
                vectors = vectors.swapaxes(0, 1)
            return {SENTENCE: " ".join(tokens), VECTORS: vectors}
        return {TOKENS: tokens, VECTORS: vectors, CUT: is_cut}


@once_per_process
def _load(embedder: Embedder) -> _Score:
    return _Score(embedder)
