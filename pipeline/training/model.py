"""The classifier: a frozen or trainable ELMo, and the head that reads its layers.

The head alone is trained on cached activations of a frozen ELMo; both are trained as
one `TokenClassifier` otherwise, which is also what is exported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_elmo import ElmoEmbeddingLayer, ScalarMix
from pipeline.training.arithmetic import ByteDropout, TokenDense
from pipeline.training.ngram_logits import NgramLogits
from pipeline.training.ngrams import ngram_ids
from pipeline.training.pretrained_branch import PRETRAINED_UNITS, pretrained_weights

# Width of each direction of the BiLSTM; no unit. 128 is what the sentence
# classifiers of Conneau et al. 2017 (arXiv:1705.02364) start from.
LSTM_UNITS = 128
_LOGITS, _AVERAGE, _PRETRAINED = "logits", "average", "pretrained_"  # in layers' names
_NGRAMS = "ngram_logits"
_LEAST_SHARE = 1e-3  # with which a label starts that nearly no, or every, text has


def build_encoder(elmo: Mapping[str, Any]) -> ElmoEmbeddingLayer:
    """Returns the layer from tokens to the activations of every ELMo layer.

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
        input_form="tokens",
        name="elmo",
    )


def build_head(
    model: Mapping[str, Any],
    *,
    num_classes: int,
    num_layers: int,
    dim: int,
    multi_label: bool = False,
) -> keras.Model:
    """Returns the trained part: mix, dropout, hidden layer, pooling, dropout, logits.

    With `pretrained_branch` there are two such parts behind the mix, whose logits are
    averaged: one that starts fresh, and one that starts from what was learnt on
    reviews. With `ngram_rows`, the logits of words and pairs of words are added, which
    learn by themselves; with `word_vectors`, from vectors of the words, too.

    Args:
        model: Section `model` of the configuration: `pooling`, `hidden_units`,
            `embedding_dropout`, `dropout`, `ngram_rows`, `word_vectors`,
            `pretrained_branch`.
        num_classes: Width of the output, at least 2.
        num_layers: ELMo layers in the input, the token layer included.
        dim: Width of one activation; that of the included ELMo for the branch.
        multi_label: Whether a text may have several labels: each probability is then
            one of its own (a sigmoid), and they do not sum to 1.

    Returns:
        A model: what `head_inputs` returns -> float32 probabilities
        `(batch, classes)`, finite for a text without tokens too.

    Raises:
        ValueError: `num_classes` is below 2, or the pooling is unknown.
    """
    if num_classes < 2:
        raise ValueError(f"`num_classes` must be at least 2. Received: {num_classes}")
    layers = keras.Input((num_layers, None, dim), dtype="float32", name="layers")
    is_token = keras.Input((None,), dtype="bool", name="is_token")
    mixed = ScalarMix(name="scalar_mix")(layers)  # (batch, time, dim)
    # Without dropout the hidden layer learns ten thousand sentences by heart in one
    # epoch.
    mixed = ByteDropout(model["embedding_dropout"], name="embedding_dropout")(mixed)
    last = {"num_classes": num_classes, "dropout": model["dropout"]}
    logits = _branch(
        mixed, is_token, model["pooling"], hidden_units=model["hidden_units"], **last
    )
    if model["pretrained_branch"]:
        # Trained jointly they would be one branch of twice the width, in which with
        # few texts the pre-trained half drowns the other; see `trained_form`.
        pretrained = _branch(
            mixed,
            is_token,
            "attention",
            hidden_units=PRETRAINED_UNITS,
            prefix=_PRETRAINED,
            **last,
        )
        average = keras.layers.Average(dtype="float32", name=_AVERAGE)
        logits = average([logits, pretrained])
    inputs = [layers, is_token]
    if model["ngram_rows"]:
        ids = keras.Input((None,), dtype="int32", name="ngram_ids")
        inputs.append(ids)
        ngram_logits = NgramLogits(
            model["ngram_rows"],
            num_classes,
            word_vectors=model["word_vectors"],
            name=_NGRAMS,
        )
        logits = keras.layers.Add(dtype="float32", name="sum")(
            [logits, ngram_logits(ids)]
        )
    last = {"dtype": "float32", "name": "probabilities"}
    if multi_label:
        probabilities = keras.layers.Activation("sigmoid", **last)(logits)
    else:
        probabilities = keras.layers.Softmax(**last)(logits)
    head = keras.Model(inputs, probabilities, name="head")
    if model["pretrained_branch"]:
        for name, value in pretrained_weights().items():
            head.get_layer(_PRETRAINED + name).set_weights(value)
    return head


def _branch(
    mixed: Any,
    is_token: Any,
    pooling: str,
    *,
    hidden_units: int,
    num_classes: int,
    dropout: float,
    prefix: str = "",
) -> Any:
    """Returns logits `(batch, classes)` from vectors `(batch, time, dim)`."""
    if hidden_units:
        # Before the pooling: what a word says about the class is not a linear function
        # of its vector. On 10,000 sentences this layer was worth 3 to 4 points of
        # accuracy; after the pooling it was worth nothing.
        hidden = TokenDense(hidden_units, activation="relu", name=f"{prefix}hidden")
        mixed = hidden(mixed)
    pooled = pool(pooling, mixed, is_token, prefix=prefix)
    pooled = keras.layers.Dropout(dropout, name=f"{prefix}dropout")(pooled)
    return keras.layers.Dense(num_classes, dtype="float32", name=f"{prefix}{_LOGITS}")(
        pooled
    )


def branch_logits(head: keras.Model) -> list[Any]:
    """Returns the logits of each branch of a head, tensors `(batch, classes)`."""
    names = {layer.name for layer in head.layers}
    return [
        head.get_layer(name).output
        for name in (_LOGITS, _PRETRAINED + _LOGITS)
        if name in names
    ]


def vector_logits(head: keras.Model) -> Any:
    """Returns the logits before those of n-grams, a tensor `(batch, classes)`."""
    branches = branch_logits(head)
    return head.get_layer(_AVERAGE).output if len(branches) > 1 else branches[0]


def start_at_shares(head: keras.Model, shares: np.ndarray) -> None:
    """Makes a fresh head with several labels a text give each its share of the texts.

    From 0.5 for each it would first spend epochs on learning that labels are rare.

    Args:
        head: What `build_head` returned.
        shares: float `(classes,)`, above 0; no unit.
    """
    shares = np.clip(shares, _LEAST_SHARE, 1 - _LEAST_SHARE)
    for layer in head.layers:
        if layer.name.endswith(_LOGITS) and isinstance(layer, keras.layers.Dense):
            layer.bias.assign(np.log(shares / (1 - shares)))


class TokenClassifier(keras.Model):
    """Encoder and head in one: tokens to probabilities.

    Args:
        encoder: What `build_encoder` returned.
        head: What `build_head` returned.

    Inputs:  string `(batch, time)`, padded at the end with "".
    Outputs: float32 `(batch, classes)`.
    """

    def __init__(self, encoder: ElmoEmbeddingLayer, head: keras.Model) -> None:
        super().__init__(name="classifier")
        self.encoder = encoder
        self.head = head

    def call(self, tokens: Any, training: bool | None = None) -> Any:
        layers = self.encode(tokens, training=training)
        return self.classify(layers, tokens, training=training)

    def encode(self, tokens: Any, training: bool | None = None) -> tf.Tensor:
        """Returns the layers of ELMo, float32 `(batch, layers, time, dim)`."""
        # A copy carries no Keras mask: the head takes the mask as an input, and
        # some of its layers would warn that they drop theirs.
        return tf.identity(self.encoder(tokens, training=training))

    def classify(self, layers: Any, tokens: Any, training: bool | None = None) -> Any:
        """Returns the outputs for tokens whose layers are known."""
        inputs = head_inputs(layers, tokens, self.head)
        return self.head(list(inputs), training=training)


def reads_ngrams(head: keras.Model) -> bool:
    """Returns whether a head has n-grams among its inputs."""
    return len(head.inputs) > 2


def head_inputs(layers: Any, tokens: Any, head: keras.Model) -> tuple[Any, ...]:
    """Returns the inputs of a head.

    Args:
        layers: float `(batch, layers, time, dim)`, zero at padding.
        tokens: string `(batch, time)`, padded at the end with "".
        head: The head, or another with the same inputs.

    Returns:
        `layers`; bool `(batch, time)`, True at tokens; and if the head reads n-grams,
        int32 `(batch, n)`, as `ngram_ids` returns them.
    """
    tokens = tf.convert_to_tensor(tokens, tf.string)
    inputs: tuple[Any, ...] = (layers, tf.not_equal(tokens, ""))
    if reads_ngrams(head):
        inputs += (ngram_ids(tokens),)
    return inputs


def ngrams_of(head: keras.Model) -> NgramLogits | None:
    """Returns the layer of a head that reads n-grams; None: it reads none."""
    return head.get_layer(_NGRAMS) if reads_ngrams(head) else None


def trained_form(head: keras.Model) -> keras.Model:
    """Returns a model of the same layers, in which each branch learns by itself.

    Args:
        head: It learns along, but for its n-grams, which gradients do not train.

    Returns:
        A model: the first two inputs of the head -> float32 logits
        `(batch, branches, classes)`. The head has their mean, and the logits of
        n-grams besides.
    """
    logits = branch_logits(head)
    return keras.Model(head.inputs[:2], ops.stack(logits, axis=1))


def vector_form(head: keras.Model) -> keras.Model:
    """Returns the part of a head that reads vectors: its first two inputs -> logits."""
    return keras.Model(head.inputs[:2], vector_logits(head))


def pool(kind: str, vectors: Any, is_token: Any, *, prefix: str = "") -> Any:
    """Returns `(batch, dim)` from `(batch, time, dim)`, reading real tokens only.

    Args:
        kind: `mean`, `max`, `attention` or `bilstm`; the last returns the final states
            of both directions, `2 * LSTM_UNITS` wide.
        vectors: `(batch, time, dim)` float.
        is_token: `(batch, time)` bool; real tokens stand before all padding.
        prefix: Of the name of the layer.

    Raises:
        ValueError: `kind` is not one of the four.
    """
    if kind == "bilstm":
        lstm = keras.layers.LSTM(LSTM_UNITS)
        return keras.layers.Bidirectional(lstm, name=f"{prefix}bilstm")(
            vectors, mask=is_token
        )
    poolings = {"mean": MaskedMean, "max": MaskedMax, "attention": MaskedAttention}
    if kind not in poolings:
        allowed = ", ".join([*poolings, "bilstm"])
        raise ValueError(f"`pooling` must be one of {allowed}. Received: {kind!r}")
    return poolings[kind](name=f"{prefix}{kind}_pooling")(vectors, is_token)


class _MaskedPooling(keras.layers.Layer):
    """Returns `(batch, dim)` from `(batch, time, dim)` and a mask `(batch, time)`.

    Keras's own poolings divide by zero, or ignore the mask, where a text has no
    token. Here such a text becomes zeros.
    """

    def compute_output_shape(
        self, vectors_shape: tuple[int | None, ...], is_token_shape: Any
    ) -> tuple[int | None, ...]:
        return (vectors_shape[0], vectors_shape[2])


class MaskedMean(_MaskedPooling):
    """The mean over the real tokens; zeros for a text without any."""

    def call(self, vectors: Any, is_token: Any) -> Any:
        weights = ops.expand_dims(ops.cast(is_token, vectors.dtype), -1)
        count = ops.sum(weights, axis=1)  # (batch, 1)
        return ops.sum(vectors * weights, axis=1) / ops.maximum(count, 1.0)


class MaskedMax(_MaskedPooling):
    """The largest value of each dimension over the real tokens; zeros without any."""

    def call(self, vectors: Any, is_token: Any) -> Any:
        is_token = ops.expand_dims(is_token, -1)  # (batch, time, 1)
        lowest = ops.cast(-1e9, vectors.dtype)
        largest = ops.max(ops.where(is_token, vectors, lowest), axis=1)
        return ops.where(ops.any(is_token, axis=1), largest, 0.0)


class MaskedAttention(_MaskedPooling):
    """A mean weighted by a softmax over the real tokens; zeros without any.

    A token's score is the inner product of its vector with one learned query, which
    starts at zero: the first training step sees the plain mean.

    Source: Lin et al. 2017, arXiv:1703.03130, equation 5, with one hop and no
        hidden layer.
    """

    def build(self, vectors_shape: tuple[int | None, ...], is_token_shape: Any) -> None:
        self.query = self.add_weight(
            shape=(vectors_shape[-1], 1), initializer="zeros", name="query"
        )
        self.built = True

    def call(self, vectors: Any, is_token: Any) -> Any:
        is_token = ops.expand_dims(is_token, -1)  # (batch, time, 1)
        scores = ops.matmul(vectors, ops.cast(self.query, vectors.dtype))
        scores = ops.where(is_token, scores, ops.cast(-1e9, scores.dtype))
        weights = ops.softmax(scores, axis=1) * ops.cast(is_token, scores.dtype)
        return ops.sum(vectors * weights, axis=1)
