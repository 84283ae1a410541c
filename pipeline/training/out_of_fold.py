"""What a head thinks of texts that it has not been trained on, for all texts.

The texts are cut into folds; for each a fresh head is trained on the others. The heads
are trained together. They read the plain mean of ELMo's layers, which is a third of the
numbers: a head's own mix of them moves little in a few epochs.

Source: Northcutt et al. 2021, arXiv:1911.00068 (out-of-sample probabilities show wrong
    labels).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.special import softmax

from components.progress import tell
from pipeline.precision import FLOAT32
from pipeline.training.arithmetic import ByteDropout, FusedAdam
from pipeline.training.calibration import PartLogits, choose_ngram_weight
from pipeline.training.data import LabelledTokens, shuffled_batches, untuned
from pipeline.training.embedding_store import MeanLayer
from pipeline.training.encoding import open_store
from pipeline.training.epochs import ActivationInputs, outputs_of
from pipeline.training.model import (
    build_encoder,
    build_head,
    ngrams_of,
    trained_form,
)
from pipeline.training.ngrams import TextNgrams

# Chosen on the sample data; see docs/review.md. The rate falls to nearly nothing, so
# that few epochs do what the Trainer's many do.
_EPOCHS = 4
_LEAST_STEPS = 120  # with few texts there are more epochs
_MOST_EPOCHS = 60
_BATCH = 128  # texts
_LEARNING_RATE = 0.005
_LAST_SHARE = 0.02  # of the rate
_PREDICT_BATCH = 256  # texts


def out_of_fold(
    data: LabelledTokens,
    folds: np.ndarray,
    *,
    num_classes: int,
    elmo: Mapping[str, Any],
    model: Mapping[str, Any],
    train: Mapping[str, Any],
    elmo_version: str,
    embeddings_dir: Path,
) -> np.ndarray:
    """Returns the probabilities that heads trained without a text give it.

    Says how many texts are encoded, and then how many batches are read.

    Args:
        data: Tokenised texts with one label each; the splits are not read.
        folds: int `(texts,)`, from 0, as `cut_folds` returns them.
        num_classes: Width of the result.
        elmo: Section `elmo` of the configuration. ELMo stays as its source has it.
        model: Section `model` of the configuration: of the head.
        train: Of section `train` of the configuration: `seed`, `cache_gib`.
        elmo_version: Of `open_store`.
        embeddings_dir: Root of the store, as the Trainer uses it.

    Returns:
        float32 `(texts, classes)`; a class without a text in the other folds has
        nearly no probability.
    """
    store = open_store(
        embeddings_dir,
        data,
        build_encoder({"source": elmo["source"]}),
        elmo_version=elmo_version,
        cache_gib=train["cache_gib"],
        precision=elmo.get("precision", FLOAT32),
    )
    try:
        mean = MeanLayer(store)
        return _of_heads(data, folds, mean, num_classes, model, train["seed"])
    finally:
        store.close()


def _of_heads(
    data: LabelledTokens,
    folds: np.ndarray,
    mean: MeanLayer,
    num_classes: int,
    model: Mapping[str, Any],
    seed: int,
) -> np.ndarray:
    keras.utils.set_random_seed(seed)
    heads = _build_heads(
        model, int(folds.max()) + 1, num_classes=num_classes, mean=mean
    )
    together = _together(heads, model["embedding_dropout"])
    inputs = ActivationInputs(mean, data)
    steps = math.ceil(len(folds) / _BATCH)
    epochs = min(max(_EPOCHS, math.ceil(_LEAST_STEPS / steps)), _MOST_EPOCHS)
    rate = keras.optimizers.schedules.PolynomialDecay(
        _LEARNING_RATE, epochs * steps, _LAST_SHARE * _LEARNING_RATE
    )
    together.compile(
        FusedAdam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,  # XLA would compile every shape of batch anew
        steps_per_execution=8,
    )
    texts = np.arange(len(folds))
    batches = [
        batch
        for epoch in range(epochs)
        for batch in shuffled_batches(
            texts, data.lengths, batch_size=_BATCH, seed=seed, epoch=epoch
        )
    ]
    together.fit(_batches(data, inputs, folds, batches), verbose=0)
    tell("batches", len(batches), len(batches))
    vectors = _judge(together, data, inputs, folds, num_classes)
    ngrams = _ngram_logits(heads, data, folds, num_classes)
    parts = PartLogits(vectors, ngrams, data.labels)
    logits = parts.with_ngrams(choose_ngram_weight(parts))
    return softmax(logits, axis=1).astype(np.float32)


def _build_heads(
    model: Mapping[str, Any], count: int, *, num_classes: int, mean: MeanLayer
) -> list[keras.Model]:
    """Returns a head for each fold, without a dropout of embeddings."""
    heads = [
        build_head(
            {**model, "embedding_dropout": 0.0, "pretrained_branch": False},
            num_classes=num_classes,
            num_layers=mean.num_layers,
            dim=mean.dim,
        )
        for _ in range(count)
    ]
    for head in heads:
        head.get_layer("scalar_mix").trainable = False  # there is one layer
    return heads


def _together(heads: list[keras.Model], embedding_dropout: float) -> keras.Model:
    """Returns a model that trains all heads on the same inputs.

    Each batch is read, and its dropout drawn, once for all heads: trained one after
    another they take two to three times as long.

    Returns:
        A model: the first two inputs of a head -> float32 logits
        `(batch, heads, classes)`, without those of n-grams.
    """
    given = heads[0].inputs[:2]  # without n-grams, which learn by themselves
    inputs = [keras.Input(each.shape[1:], dtype=each.dtype) for each in given]
    dropped = ByteDropout(embedding_dropout)(inputs[0])
    outputs = []
    for number, head in enumerate(heads):
        trained = trained_form(head)
        trained.name = f"head_{number}"
        outputs.append(trained([dropped, *inputs[1:]]))
    return keras.Model(inputs, keras.ops.concatenate(outputs, axis=1))


def _batches(
    data: LabelledTokens,
    inputs: ActivationInputs,
    folds: np.ndarray,
    batches: list[np.ndarray],
) -> tf.data.Dataset:
    """Returns `(inputs, labels, weights)`, the last two `(batch, heads)`.

    A text weighs nothing for the head of its own fold.
    """
    heads = int(folds.max()) + 1

    def rows() -> Iterator[Any]:
        for place, texts in enumerate(batches):
            tell("batches", place, len(batches))
            labels = np.repeat(data.labels[texts, None], heads, axis=1)
            is_other = folds[texts, None] != np.arange(heads)
            yield inputs.read(texts), labels, is_other.astype(np.float32)

    spec = [tf.TensorSpec((None, heads), kind) for kind in (tf.int32, tf.float32)]
    dataset = tf.data.Dataset.from_generator(
        rows, output_signature=(inputs.signature, *spec)
    )
    counted = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    return untuned(counted.prefetch(2))


def _judge(
    together: keras.Model,
    data: LabelledTokens,
    inputs: ActivationInputs,
    folds: np.ndarray,
    num_classes: int,
) -> np.ndarray:
    """Returns logits `(texts, classes)`, of each text by the head of its fold."""
    logits = np.zeros((len(folds), num_classes))
    every = np.arange(len(folds))
    for texts, of_all in outputs_of(
        together, data, inputs, every, batch_size=_PREDICT_BATCH
    ):
        logits[texts] = of_all[np.arange(len(texts)), folds[texts]]
    return logits


def _ngram_logits(
    heads: list[keras.Model], data: LabelledTokens, folds: np.ndarray, num_classes: int
) -> np.ndarray | None:
    """Returns logits `(texts, classes)`, of each text by the n-grams of other folds.

    None: the heads read no n-grams.
    """
    ngrams = TextNgrams(data)
    logits = np.zeros((len(folds), num_classes))
    for fold, head in enumerate(heads):
        layer = ngrams_of(head)
        if layer is None:
            return None
        others, own = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        layer.fit(ngrams, data.labels, others, np.ones(num_classes))
        logits[own] = layer.logits(ngrams, own)
    return logits
