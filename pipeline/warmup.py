"""Warm-up requests: what TF Serving replays before it calls a new model ready."""

from __future__ import annotations

import os

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from pipeline import features

# Where TF Serving looks, below the model's version.
WARMUP_PATH = os.path.join("assets.extra", "tf_serving_warmup_requests")

# TF Serving takes the name from the model's folder, not from these requests.
_MODEL_NAME = "model"
_SHORT = "A fine film, and not too long."
_LONG = " ".join([_SHORT] * 40)  # 360 tokens
_BATCHES = ([_SHORT], [_LONG], [_SHORT, "", _LONG, "Dull!"], [_SHORT] * 16)


def write_warmup_requests(
    model_dir: str, *, text_signature: str, example_signature: str
) -> None:
    """Writes `PredictionLog` records into the SavedModel folder `model_dir`.

    One text and several, short and long, an empty one among them, for each of:

    Args:
        model_dir: Folder of the SavedModel.
        text_signature: Takes `texts`, raw strings `(batch,)`.
        example_signature: Takes `examples`, serialised tf.Examples `(batch,)`.
    """
    path = os.path.join(model_dir, WARMUP_PATH)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.TFRecordWriter(path) as writer:
        for batch in _BATCHES:
            texts = [text.encode() for text in batch]
            examples = [_example(text) for text in texts]
            for signature, name, values in (
                (text_signature, "texts", texts),
                (example_signature, "examples", examples),
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
