"""The classifier: a frozen or trainable ELMo, and the head that reads its layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer, ScalarMix
from pipeline.pooling import pool


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
    """Gives the trained part: mix, dropout, hidden layer, pooling, dropout, softmax.

    Args:
        model: Section `model` of the configuration: `pooling`, `hidden_units`,
            `embedding_dropout`, `dropout`.
        num_classes: Width of the output, at least 2.
        num_layers: ELMo layers in the input, the token layer included.
        dim: Width of one activation.

    Returns:
        A model of two inputs, `layers` `(batch, layers, time, dim)` float and
        `is_token` `(batch, time)` bool, giving float32 probabilities
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
    probabilities = keras.layers.Dense(
        num_classes, activation="softmax", dtype="float32", name="probabilities"
    )(pooled)
    return keras.Model([layers, is_token], probabilities, name="head")


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
        return self.head([layers, tokens != ""], training=training)
