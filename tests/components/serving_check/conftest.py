"""Small models in the exported form, each with one thing changed on request."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

_STRINGS = tf.TensorSpec([None], tf.string)
_CLASSES = ("negative", "positive")


class TinyModel(tf.Module):
    """Judges a text by its share of bytes `o`; a subclass spoils one thing."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = tf.Variable(3.0)

    def probabilities(self, text: tf.Tensor) -> tf.Tensor:
        size = tf.cast(tf.strings.length(text), tf.float32)
        rest = tf.strings.regex_replace(text, "o", "")
        kept = tf.cast(tf.strings.length(rest), tf.float32)
        score = tf.sigmoid(self.slope * (1 - kept / tf.maximum(size, 1.0)) - 0.2)
        return tf.stack([1 - score, score], axis=1)

    @tf.function(input_signature=[_STRINGS])
    def predict_text(self, text):
        probabilities = self.probabilities(text)
        classes = tf.repeat(tf.constant([_CLASSES]), tf.shape(text)[0], axis=0)
        label = tf.gather(tf.constant(_CLASSES), tf.argmax(probabilities, axis=1))
        return {"label": label, "probabilities": probabilities, "classes": classes}

    @tf.function(input_signature=[_STRINGS])
    def serving_default(self, examples):
        spec = {"text": tf.io.FixedLenFeature([], tf.string)}
        text = tf.io.parse_example(examples, spec)["text"]
        return {"probabilities": self.probabilities(text)}

    @tf.function(input_signature=[_STRINGS])
    def transform_features(self, examples):
        spec = {"text": tf.io.FixedLenFeature([], tf.string)}
        text = tf.io.parse_example(examples, spec)["text"]
        return {"n_bytes": tf.strings.length(text)}


def _example(text: bytes) -> bytes:
    value = tf.train.Feature(bytes_list=tf.train.BytesList(value=[text]))
    features = tf.train.Features(feature={"text": value})
    return tf.train.Example(features=features).SerializeToString()


def _request(signature: str, key: str, values: list[bytes]) -> bytes:
    request = predict_pb2.PredictRequest(
        model_spec=model_pb2.ModelSpec(name="model", signature_name=signature),
        inputs={key: tf.make_tensor_proto(values)},
    )
    log = prediction_log_pb2.PredictLog(request=request)
    return prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString()


def export(
    model: tf.Module, folder: Path, *, without: str = "", requests: bool = True
) -> str:
    names = ("serving_default", "predict_text", "transform_features")
    signatures = {name: getattr(model, name) for name in names if name != without}
    tf.saved_model.save(model, str(folder), signatures=signatures)
    if requests:
        extra = folder / "assets.extra"
        extra.mkdir()
        path = str(extra / "tf_serving_warmup_requests")
        with tf.io.TFRecordWriter(path) as writer:
            writer.write(_request("predict_text", "text", [b"so good", b"bad"]))
            example = _example(b"fine")
            writer.write(_request("serving_default", "examples", [example]))
            writer.write(_request("transform_features", "examples", [example]))
    return str(folder)


@pytest.fixture(scope="session")
def tiny_model() -> type[TinyModel]:
    return TinyModel


@pytest.fixture(scope="session")
def export_model():
    return export


@pytest.fixture(scope="session")
def make_example():
    return _example
