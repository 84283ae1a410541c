"""From raw text to tokens and class numbers: the transform graph.

Everything here becomes part of the pushed model, so a server needs core
TensorFlow ops only and treats a text exactly as training did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from keras_elmo.text import ELMO, first_tokens
from pipeline import features

_QUANTILES = 100  # `max_tokens_quantile` counts in hundredths


def preprocessing_fn(
    inputs: Mapping[str, Any], custom_config: Mapping[str, Any]
) -> dict[str, Any]:
    """Transforms a batch of labelled texts; called by TFX Transform.

    Args:
        inputs: `features.TEXT` and `features.LABEL`, string, one value a row, or
            several labels, dense or sparse.
        custom_config: The configuration's section `transform` under that name, and
            `multi_label`: whether a row may have several labels. A pipeline that was
            compiled by an earlier version has no `tokenizer` there: it is `elmo`.

    Returns:
        TOKENS: sparse string `(batch, time)`, cut to `max_tokens` at the end.
        N_TOKENS: int64 `(batch,)`, before the cut; of a text that is so long that
            `first_tokens` does not read it to its end, what was read, plus 1.
        LENGTH_BUCKET: string `(batch,)`, which third of the training lengths.
        LABEL_ID: int64 `(batch,)`, most frequent label first; -1 if unknown. Where a
            row may have several labels, sparse `(batch, labels)`.
    """
    section = custom_config["transform"]
    tokens, n_tokens = first_tokens(
        _one_value(inputs[features.TEXT]),
        _most_tokens(section),
        tokenizer=section.get("tokenizer", ELMO),
    )
    max_tokens = _max_tokens(n_tokens, section)
    labels = inputs[features.LABEL]
    labels = _values(labels) if custom_config.get("multi_label") else _one_value(labels)
    return {
        features.TOKENS: tokens[:, :max_tokens].to_sparse(),
        features.N_TOKENS: n_tokens,
        features.LENGTH_BUCKET: _length_bucket(n_tokens),
        features.LABEL_ID: tft.compute_and_apply_vocabulary(
            labels, vocab_filename=features.LABEL_VOCABULARY
        ),
    }


def _one_value(feature: Any) -> tf.Tensor:
    """Returns `(batch,)`; a row without a value becomes the empty string."""
    if isinstance(feature, tf.SparseTensor):
        rows = feature.dense_shape[0]
        feature = tf.SparseTensor(feature.indices, feature.values, [rows, 1])
        feature = tf.sparse.to_dense(feature, default_value="")
    return tf.reshape(feature, [-1])


def _values(feature: Any) -> tf.SparseTensor:
    """Returns sparse `(batch, values)`."""
    if isinstance(feature, tf.SparseTensor):
        return feature
    return tf.sparse.from_dense(feature)


def _most_tokens(section: Mapping[str, Any]) -> int:
    """Returns how many tokens of a text may be kept, before the data is known."""
    chosen = section["max_tokens"]
    return section["max_tokens_limit"] if chosen == "auto" else chosen


def _max_tokens(n_tokens: tf.Tensor, section: Mapping[str, Any]) -> tf.Tensor:
    """Returns the scalar int64 at which texts are cut."""
    if section["max_tokens"] != "auto":
        return tf.constant(section["max_tokens"], tf.int64)
    lengths = tf.cast(n_tokens, tf.float32)
    quantiles = tft.quantiles(lengths, num_buckets=_QUANTILES, epsilon=0.001)
    # The last quantile, 100 %, is not the boundary of a bucket but the maximum.
    steps = tf.concat([tf.reshape(quantiles, [-1]), [tft.max(lengths)]], axis=0)
    step = round(section["max_tokens_quantile"] * _QUANTILES) - 1
    wanted = tf.cast(tf.math.ceil(steps[max(step, 0)]), tf.int64)
    return tf.clip_by_value(wanted, 1, section["max_tokens_limit"])


def _length_bucket(n_tokens: tf.Tensor) -> tf.Tensor:
    lengths = tf.cast(n_tokens, tf.float32)
    names = features.LENGTH_BUCKETS
    boundaries = tft.quantiles(lengths, num_buckets=len(names), epsilon=0.001)
    bucket = tft.apply_buckets(lengths, boundaries)
    return tf.gather(tf.constant(names), bucket)
