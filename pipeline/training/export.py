"""The exported classifier: a SavedModel from raw text to probabilities.

Beside the model lie requests that TensorFlow Serving answers while it loads it, so that
the first user does not wait for what is set up on the first call.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from pipeline import features
from pipeline.training.explaining import Explainer
from pipeline.training.model import TokenClassifier

# Where TensorFlow Serving looks, below the model's version.
SERVING_REQUESTS = os.path.join("assets.extra", "tf_serving_warmup_requests")

# TensorFlow Serving takes the name from the model's folder, not from these requests.
_MODEL_NAME = "model"
_SHORT = "A fine film, and not too long."
_LONG = " ".join([_SHORT] * 40)  # 360 tokens
# One text and several, short and long, an empty one among them.
_REQUESTED_TEXTS = ([_SHORT], [_LONG], [_SHORT, "", _LONG, "Dull!"], [_SHORT] * 16)


def export_classifier(
    model_dir: str,
    transform: tft.TFTransformOutput,
    model: TokenClassifier,
    classes: Sequence[str],
    thresholds: np.ndarray | None = None,
    certain_from: float | None = None,
) -> None:
    """Writes a SavedModel that needs nothing but TensorFlow, and its serving requests.

    Signatures, all on a batch of strings `(batch,)`; any other rank is refused:
        serving_default: `examples`, serialised tf.Examples with the feature `text`
            -> `probabilities` float32 `(batch, classes)`.
        predict_text: `texts`, raw texts -> `label` string `(batch,)`,
            `probabilities`; `classes` string `(batch, classes)`: the names, in the
            order of the probabilities; `is_cut` bool `(batch,)`: whether the text had
            more than the model reads.
        Where a text may have several labels, `label` is the most probable one, and
            both signatures return `chosen` bool `(batch, classes)` too: whether the
            text has the class, which is so from its threshold on. `predict_text` also
            returns `thresholds` float32 `(batch, classes)`, the same in each row.
        With `certain_from` both return `unsure` bool `(batch,)`: whether the highest
            probability is below it.
        explain_text: `texts` -> what `predict_text` returns; `tokens` string `(batch,
            time)`, those that the model reads, padded with ""; `weights` float32
            `(batch, time)`: how much each speaks for `label`, see `Explainer`.
        transform_features: `examples` with text and label -> the transformed features
            that are dense (not the tokens), for TFMA. Where a text may have several
            labels, `LABEL_ID` is int64 `(batch, classes + 1)`: 1 at each label, and at
            the end if there is one that is not among the classes.

    Args:
        model_dir: Folder to write; made if absent.
        transform: The graph that made the training examples; it becomes part of the
            model.
        model: Tokens to probabilities.
        classes: Names of the classes, in the order of the probabilities.
        thresholds: float32 `(classes,)`, where a text may have several labels.
        certain_from: From which probability on the model is sure; None: it never says.
    """
    module = _Classifier(transform, model, classes, thresholds, certain_from)
    signatures = {
        features.SERVE_EXAMPLES: module.serve_examples,
        features.SERVE_TEXTS: module.serve_texts,
        features.EXPLAIN_TEXTS: module.explain_texts,
        features.TRANSFORM_FEATURES: module.transform_features,
    }
    tf.saved_model.save(module, model_dir, signatures=signatures)
    _write_serving_requests(os.path.join(model_dir, SERVING_REQUESTS))


def _on_strings(name: str) -> Callable[[Any], Any]:
    """Makes a method a signature on strings `(batch,)`, and refuses any other rank.

    A loaded signature does not compare an input with its spec by itself: some outputs
    would have the rows of `(batch, 1)`, and others one.
    """
    spec = tf.TensorSpec([None], tf.string, name)

    def decorate(method: Callable[[Any, tf.Tensor], Any]) -> Any:
        @functools.wraps(method)
        def checked(self: Any, strings: tf.Tensor) -> Any:
            return method(self, tf.ensure_shape(strings, [None]))

        # Nothing below needs AutoGraph, which triples the time of tracing.
        return tf.function(checked, input_signature=[spec], autograph=False)

    return decorate


class _Classifier(tf.Module):
    """Holds what the signatures use, so that it is saved with them.

    The transform layer above all: tables and assets are only restored with a model
    that holds them in an attribute.
    """

    def __init__(
        self,
        transform: tft.TFTransformOutput,
        model: TokenClassifier,
        classes: Sequence[str],
        thresholds: np.ndarray | None,
        certain_from: float | None,
    ) -> None:
        super().__init__(name="classifier")
        self._thresholds, self._certain_from = thresholds, certain_from
        self._raw_spec = dict(transform.raw_feature_spec())
        # Used by `call`: once called as a layer, it would be traced a second time
        # when saved, which takes longer than all the rest of the export.
        self.transform_layer = transform.transform_features_layer()
        # A function of its own, so that three signatures trace ELMo once.
        encode = functools.partial(model.encode, training=False)
        spec = [tf.TensorSpec([None, None], tf.string)]
        encode = tf.function(encode, input_signature=spec, autograph=False)
        explainer = Explainer(model.head, multi_label=thresholds is not None)
        # Of the model only the weights are saved: as an attribute it, or a function,
        # would bring a signature of its own, and a layer may keep weights where
        # TensorFlow does not look for them.
        self._encode: Any = functools.partial(encode)
        self._classify: Any = functools.partial(model.classify, training=False)
        self._explain: Any = functools.partial(explainer.explain)
        self.weights = [variable.value for variable in model.variables]
        self._elmo = model.encoder.encoder.held
        self._class_names = list(classes)

    @_on_strings("examples")
    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        # Without the label: a request for a prediction has none, and tf.Transform
        # leaves out whatever depends on it.
        spec = {features.TEXT: self._raw_spec[features.TEXT]}
        raw = tf.io.parse_example(examples, spec)
        tokens = _padded(self.transform_layer.call(raw))
        probabilities = self._classify(self._encode(tokens), tokens)
        return {
            features.PROBABILITIES: probabilities,
            **self._chosen(probabilities),
            **self._unsure(probabilities),
        }

    @_on_strings("texts")
    def serve_texts(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        answer, _ = self._answer(texts)
        return answer

    @_on_strings("texts")
    def explain_texts(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        answer, (layers, tokens) = self._answer(texts)
        chosen = tf.argmax(answer[features.PROBABILITIES], axis=1)
        weights = self._explain(layers, tokens, chosen)
        return {**answer, features.TOKENS: tokens, features.WEIGHTS: weights}

    def _answer(self, texts: tf.Tensor) -> tuple[dict[str, tf.Tensor], Any]:
        """Returns what `serve_texts` does, and the layers and tokens of the texts."""
        raw = {features.TEXT: _as_raw(texts, self._raw_spec[features.TEXT])}
        transformed = self.transform_layer.call(raw)
        tokens = _padded(transformed)
        layers = self._encode(tokens)
        probabilities = self._classify(layers, tokens)
        n_kept = tf.math.count_nonzero(tokens != "", axis=1)
        classes = tf.constant(self._class_names)
        several = self._chosen(probabilities)
        if several:
            several["thresholds"] = tf.zeros_like(probabilities) + self._thresholds
        answer = {
            "label": tf.gather(classes, tf.argmax(probabilities, axis=1)),
            features.PROBABILITIES: probabilities,
            "classes": tf.tile(classes[None, :], [tf.shape(texts)[0], 1]),
            "is_cut": transformed[features.N_TOKENS] > n_kept,
            **several,
            **self._unsure(probabilities),
        }
        return answer, (layers, tokens)

    @_on_strings("examples")
    def transform_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        # No other feature: an earlier model is asked about examples of today.
        names = (features.TEXT, features.LABEL)
        spec = {name: self._raw_spec[name] for name in names}
        raw = tf.io.parse_example(examples, spec)
        transformed = self.transform_layer.call(raw)
        if self._thresholds is not None:
            ids = transformed[features.LABEL_ID]
            transformed[features.LABEL_ID] = _multi_hot(ids, len(self._class_names))
        return {
            name: value
            for name, value in transformed.items()
            if isinstance(value, tf.Tensor)
        }

    def _chosen(self, probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
        if self._thresholds is None:
            return {}
        return {features.CHOSEN: probabilities >= self._thresholds}

    def _unsure(self, probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
        if self._certain_from is None:
            return {}
        highest = tf.reduce_max(probabilities, axis=1)
        return {features.UNSURE: highest < self._certain_from}


def _padded(transformed: Mapping[str, Any]) -> tf.Tensor:
    """Returns the tokens, string `(batch, time)` padded with "", at least one wide."""
    tokens = tf.sparse.to_dense(transformed[features.TOKENS], default_value="")
    # A batch of empty texts would leave a BiLSTM without a single step.
    missing = tf.maximum(0, 1 - tf.shape(tokens)[1])
    tokens = tf.pad(tokens, [[0, 0], [0, missing]], constant_values="")
    return tf.ensure_shape(tokens, (None, None))


def _multi_hot(ids: tf.SparseTensor, num_classes: int) -> tf.Tensor:
    """Returns int64 `(batch, num_classes + 1)`, 1 at each id, at the end if unknown."""
    places = tf.where(ids.values < 0, tf.cast(num_classes, tf.int64), ids.values)
    dense = tf.sparse.to_dense(ids.with_values(places), default_value=-1)
    hot = tf.one_hot(dense, num_classes + 1, dtype=tf.int64)  # zeros at -1
    return tf.minimum(tf.reduce_sum(hot, axis=1), 1)


def _as_raw(texts: tf.Tensor, spec: Any) -> tf.Tensor | tf.SparseTensor:
    """Returns strings `(batch,)` in the form in which `spec` would parse them."""
    if isinstance(spec, tf.io.FixedLenFeature):
        return tf.reshape(texts, [-1, *spec.shape])
    rows = tf.range(tf.size(texts, tf.int64))
    places = tf.stack([rows, tf.zeros_like(rows)], axis=1)  # (batch, 2)
    shape = tf.stack([tf.size(texts, tf.int64), 1])
    return tf.SparseTensor(places, texts, shape)


def _write_serving_requests(path: str) -> None:
    """Writes `PredictionLog` records that ask both signatures for probabilities."""
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.TFRecordWriter(path) as writer:
        for batch in _REQUESTED_TEXTS:
            texts = [text.encode() for text in batch]
            for signature, name, values in (
                (features.SERVE_TEXTS, "texts", texts),
                (
                    features.SERVE_EXAMPLES,
                    "examples",
                    [_example(text) for text in texts],
                ),
            ):
                request = predict_pb2.PredictRequest()
                request.model_spec.name = _MODEL_NAME
                request.model_spec.signature_name = signature
                request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
                log = prediction_log_pb2.PredictLog(request=request)
                record = prediction_log_pb2.PredictionLog(predict_log=log)
                writer.write(record.SerializeToString())


def _example(text: bytes) -> bytes:
    value = tf.train.Feature(bytes_list=tf.train.BytesList(value=[text]))
    feature = tf.train.Features(feature={features.TEXT: value})
    return tf.train.Example(features=feature).SerializeToString()
