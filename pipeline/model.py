"""The classifier: a frozen or trainable ELMo, and the head that reads its layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer, ScalarMix
from pipeline.ngrams import NgramLogits, ngram_ids
from pipeline.pooling import pool
from pipeline.training_data import LabelledTokens


def build_encoder(elmo: Mapping[str, Any]) -> ElmoEmbeddingLayer:
    """Gives the layer from tokens to the activations of every ELMo layer.

    Args:
        elmo: Section `elmo` of the configuration: `source`, `trainable`.

    Returns:
        A layer: string `(batch, time)`, padded with "" -> float32
        `(batch, layers, time, dim)`, zero at padding.
    """
    return ElmoEmbeddingLayer(
        elmo["source"],
        output="layers",
        trainable=elmo.get("trainable", False),
        trainable_mix=False,  # the head has a mix of its own
        name="elmo",
    )


def build_head(
    model: Mapping[str, Any], *, num_classes: int, num_layers: int, dim: int
) -> keras.Model:
    """Gives the trained part: mix, dropout, hidden layer, pooling, dropout, logits.

    With `ngram_rows`, the logits of words and pairs of words are added to them.

    Args:
        model: Section `model` of the configuration: `pooling`, `hidden_units`,
            `embedding_dropout`, `dropout`, `ngram_rows`.
        num_classes: Width of the output, at least 2.
        num_layers: ELMo layers in the input, the token layer included.
        dim: Width of one activation.

    Returns:
        A model of the inputs that `head_inputs` gives, giving float32 probabilities
        `(batch, classes)` that are finite for a text without tokens too.

    Raises:
        ValueError: `num_classes` is below 2, or the pooling is unknown.
    """
    if num_classes < 2:
        raise ValueError(f"`num_classes` must be at least 2. Received: {num_classes}")
    layers = keras.Input((num_layers, None, dim), dtype="float32", name="layers")
    is_token = keras.Input((None,), dtype="bool", name="is_token")
    mixed = ScalarMix(name="scalar_mix")(layers)  # (batch, time, dim)
    # Without it the hidden layer knows ten thousand sentences by heart in an epoch.
    mixed = keras.layers.Dropout(model["embedding_dropout"], name="embedding_dropout")(
        mixed
    )
    if model["hidden_units"]:
        # Before the pooling: what a word says about the class is no linear function
        # of its vector. On 10,000 sentences it was worth 3 to 4 points of accuracy,
        # and the same layer after the pooling none.
        mixed = keras.layers.Dense(
            model["hidden_units"], activation="relu", name="hidden"
        )(mixed)
    pooled = pool(model["pooling"], mixed, is_token)
    pooled = keras.layers.Dropout(model["dropout"], name="dropout")(pooled)
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(pooled)
    inputs = [layers, is_token]
    if model["ngram_rows"]:
        ids = keras.Input((None,), dtype="int32", name="ngram_ids")
        inputs.append(ids)
        ngram_logits = NgramLogits(
            model["ngram_rows"], num_classes, name="ngram_logits"
        )
        logits = keras.layers.Add(dtype="float32", name="sum")(
            [logits, ngram_logits(ids)]
        )
    probabilities = keras.layers.Softmax(dtype="float32", name="probabilities")(logits)
    return keras.Model(inputs, probabilities, name="head")


def reads_ngrams(head: keras.Model) -> bool:
    """Says whether a head has n-grams for an input."""
    return len(head.inputs) > 2


def head_signature(layers: tf.TensorSpec, head: keras.Model) -> tuple[Any, ...]:
    """Gives what `head_inputs` gives, as specs; `layers` as `tf.data` has them."""
    specs: tuple[Any, ...] = (layers, tf.TensorSpec((None, None), tf.bool))
    if reads_ngrams(head):
        specs += (tf.TensorSpec((None, None), tf.int32),)
    return specs


def head_inputs(layers: Any, tokens: Any, head: keras.Model) -> tuple[Any, ...]:
    """Gives the inputs of a head.

    Args:
        layers: float `(batch, layers, time, dim)`, zero at padding.
        tokens: string `(batch, time)`, padded at the end with "".
        head: The head, or one of the same inputs.

    Returns:
        `layers`; bool `(batch, time)`, True at tokens; int32 `(batch, n)`, what
        `ngram_ids` gives, if the head reads n-grams.
    """
    tokens = tf.convert_to_tensor(tokens, tf.string)
    inputs: tuple[Any, ...] = (layers, tf.not_equal(tokens, ""))
    if reads_ngrams(head):
        inputs += (ngram_ids(tokens),)
    return inputs


def adapt_ngrams(head: keras.Model, data: LabelledTokens, texts: np.ndarray) -> None:
    """Shows a head the n-grams of its training texts, if it reads any.

    Args:
        head: What `build_head` gave.
        data: Tokenised texts.
        texts: Places of the training texts, int64.
    """
    if reads_ngrams(head):
        head.get_layer("ngram_logits").adapt(data, texts)


class TokenClassifier(keras.Model):
    """Encoder and head in one: tokens to probabilities.

    Args:
        encoder: What `build_encoder` gave.
        head: What `build_head` gave.

    Inputs:  string `(batch, time)`, padded at the end with "".
    Outputs: float32 `(batch, classes)`.
    """

    def __init__(self, encoder: ElmoEmbeddingLayer, head: keras.Model) -> None:
        super().__init__(name="classifier")
        self.encoder = encoder
        self.head = head

    def call(self, tokens: Any, training: bool | None = None) -> Any:
        layers = self.encoder(tokens, training=training)
        # A copy carries no Keras mask: the head takes the mask as an input, and
        # some of its layers would warn that they drop theirs.
        layers = tf.identity(layers)
        inputs = head_inputs(layers, tokens, self.head)
        return self.head(list(inputs), training=training)
