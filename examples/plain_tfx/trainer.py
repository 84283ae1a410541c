"""The trainer of `reviews.py`: a bag of words, and what ServingCheck asks a model for.

Takes the place of your own. What matters is at the end: three signatures, each on one
batch of strings, and the requests that TF Serving answers while it loads the model.
"""

import os

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
from tfx import v1 as tfx

BUCKETS = 4096
FEATURES = {
    "text": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.string),
}
STRINGS = tf.TensorSpec([None], tf.string)


class Classifier(tf.Module):
    """A weight per class for each bucket that a word's hash may fall into.

    Args:
        classes: Names of the classes.
    """

    def __init__(self, classes: list[str]) -> None:
        super().__init__()
        self.classes = classes
        self.weights = tf.Variable(tf.zeros([BUCKETS, len(classes)]))

    def logits(self, texts: tf.Tensor) -> tf.Tensor:
        """Returns float32 `(batch, classes)` for strings `(batch,)`."""
        readable = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8")
        words = tf.strings.split(tf.strings.lower(readable))
        rows, buckets = words.value_rowids(), _buckets(words.values)
        of_words = tf.gather(self.weights, buckets)
        return tf.math.unsorted_segment_mean(of_words, rows, words.nrows())

    @tf.function(input_signature=[STRINGS])
    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `probabilities` for tf.Examples, which need have no label."""
        parsed = tf.io.parse_example(examples, {"text": FEATURES["text"]})
        return {"probabilities": tf.nn.softmax(self.logits(parsed["text"]))}

    @tf.function(input_signature=[STRINGS])
    def serve_texts(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `probabilities`, `label` and `classes` for raw texts."""
        probabilities = tf.nn.softmax(self.logits(texts))
        names = tf.constant(self.classes)
        return {
            "probabilities": probabilities,
            "label": tf.gather(names, tf.argmax(probabilities, axis=1)),
            "classes": tf.tile(names[None, :], [tf.shape(texts)[0], 1]),
        }

    @tf.function(input_signature=[STRINGS])
    def transform_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns what the model makes of tf.Examples: here their number of words."""
        parsed = tf.io.parse_example(examples, {"text": FEATURES["text"]})
        words = tf.strings.split(parsed["text"])
        return {"n_words": words.row_lengths()}


def _buckets(words: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_hash_bucket_fast(words, BUCKETS)


def run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Trains on the training split, and exports the model."""
    files = tf.io.gfile.glob(list(fn_args.train_files))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    rows = [tf.io.parse_single_example(record, FEATURES) for record in records]
    texts = tf.stack([row["text"] for row in rows])
    labels = [row["label"].numpy().decode() for row in rows]
    classes = sorted(set(labels))
    model = Classifier(classes)
    wanted = tf.constant([classes.index(label) for label in labels])
    for _ in range(fn_args.train_steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    wanted, model.logits(texts)
                )
            )
        gradient = tf.convert_to_tensor(tape.gradient(loss, model.weights))
        model.weights.assign_sub(50.0 * gradient)
    export(model, fn_args.serving_model_dir)


def export(model: Classifier, folder: str) -> None:
    """Writes a SavedModel with its signatures and requests."""
    signatures = {
        "serving_default": model.serve_examples,
        "predict_text": model.serve_texts,
        "transform_features": model.transform_features,
    }
    tf.saved_model.save(model, folder, signatures=signatures)
    path = os.path.join(folder, "assets.extra", "tf_serving_warmup_requests")
    tf.io.gfile.makedirs(os.path.dirname(path))
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = "predict_text"
    request.inputs["texts"].CopyFrom(tf.make_tensor_proto([b"a fine film"]))
    log = prediction_log_pb2.PredictLog(request=request)
    with tf.io.TFRecordWriter(path) as writer:
        record = prediction_log_pb2.PredictionLog(predict_log=log)
        writer.write(record.SerializeToString())
