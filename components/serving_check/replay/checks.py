"""The checks: an exported model is loaded and asked, and its answers are judged.

The folder of this file is the import path of the program, not a package.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

CHECKS = (
    "load",
    "signatures",
    "replay_requests",
    "real_examples",
    "edge_texts",
    "batches",
    "latency",
)
REQUESTS = "assets.extra/tf_serving_warmup_requests"
SIGNATURES = ("serving_default", "predict_text", "transform_features")
SUM_TOLERANCE = 1e-3
REPEAT_TOLERANCE = 1e-6
BATCH_TOLERANCE = 1e-4
LONG_TEXT_WORDS = 100_000
LARGE_BATCH = 32
LATENCY_REQUESTS = 20

_SENTENCE = "The plot is thin , but the actors are a joy to watch from start to end ."
EDGE_TEXTS = {
    "empty string": b"",
    "white space": b" \t\n ",
    "invalid UTF-8": b"caf\xe9 \xff\xfe closed \x80",
    "one word of 100,000 characters": b"x" * 100_000,
    "long text": b" ".join([_SENTENCE.encode()] * (LONG_TEXT_WORDS // 18 + 1)),
}
# Of very different lengths, so that each is padded by its neighbours.
VARIED_TEXTS = [
    b"Dull .",
    _SENTENCE.encode(),
    b" ".join([_SENTENCE.encode()] * 10),
    b"",
    "Ein \u00dcberraschungserfolg \u2014 \u4e0d\u9519 !".encode(),
]
# What TensorFlow raises when a graph is broken or cannot take its inputs.
_MODEL_ERRORS = (
    tf.errors.OpError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    ImportError,
    OSError,
    RuntimeError,
)


class ModelFault(Exception):
    """The model, not this program, is wrong; the text says in what."""


class Replay:
    """The checks, in the order of `CHECKS`; each raises ModelFault or returns.

    Args:
        model: Folder of the SavedModel.
        text_feature: Name of the text in the tf.Examples of `serving_default`.
        examples: TFRecord file of tf.Examples for `real_examples`; None: no such check.

    Attributes:
        facts: What was measured so far.
        loaded: The model, once `load` has passed.
    """

    def __init__(self, model: str, text_feature: str, examples: str | None) -> None:
        self.model_dir = model
        self.text_feature = text_feature
        self.examples = examples
        self.facts: dict[str, Any] = {}
        self.loaded: Any = None

    def names(self) -> Iterator[str]:
        """Yields the checks to run; without a model that loads, only the first."""
        for name in CHECKS:
            if name != "real_examples" or self.examples is not None:
                yield name
            if self.loaded is None:
                return

    def run(self, name: str) -> dict[str, Any]:
        """Runs a check; returns `name`, `seconds` and `fault`, None if it passed."""
        start = time.perf_counter()
        fault = None
        try:
            getattr(self, name)()
        except ModelFault as error:
            fault = str(error)
        return {"name": name, "seconds": time.perf_counter() - start, "fault": fault}

    def load(self) -> None:
        start = time.perf_counter()
        try:
            self.loaded = tf.saved_model.load(self.model_dir)
        except _MODEL_ERRORS as error:
            raise ModelFault(f"the model cannot be loaded: {_brief(error)}") from error
        self.facts["load_seconds"] = time.perf_counter() - start

    def signatures(self) -> None:
        signatures = self.loaded.signatures
        missing = [name for name in SIGNATURES if name not in signatures]
        if missing:
            raise ModelFault(
                f"signatures missing: {', '.join(missing)}; "
                f"there are: {', '.join(sorted(signatures)) or 'none'}"
            )
        for name in SIGNATURES:
            inputs = signatures[name].structured_input_signature[1]
            if [spec.dtype for spec in inputs.values()] != [tf.string]:
                raise ModelFault(
                    f"`{name}` must take one string tensor; it takes: {inputs}"
                )

    def replay_requests(self) -> None:
        path = os.path.join(self.model_dir, REQUESTS)
        if not tf.io.gfile.exists(path):
            raise ModelFault(f"there is no {REQUESTS}")
        count = 0
        for record in _records(path):
            signature, inputs = _read_request(record, count)
            rows = min((np.size(value) for value in inputs.values()), default=0)
            first = self.ask(signature, rows=rows, **inputs)
            again = self.ask(signature, rows=rows, **inputs)
            what = f"serving request {count} (`{signature}`), asked twice"
            compare(first, again, REPEAT_TOLERANCE, what)
            count += 1
        self.facts["warm_up_requests"] = count
        if not count:
            raise ModelFault(f"{REQUESTS} has no request")

    def real_examples(self) -> None:
        dataset = tf.data.TFRecordDataset(self.examples)
        examples = list(dataset.as_numpy_iterator())
        for signature in ("serving_default", "transform_features"):
            self.ask_strings(signature, examples)
        self.facts["examples"] = len(examples)

    def edge_texts(self) -> None:
        faults = []
        for name, text in EDGE_TEXTS.items():
            try:
                self.ask_both([text])
            except ModelFault as fault:
                faults.append(f"{name}: {fault}")
        if faults:
            raise ModelFault("; ".join(faults))

    def batches(self) -> None:
        alone = [self.ask_both([text]) for text in VARIED_TEXTS]
        for order in (range(len(alone)), reversed(range(len(alone)))):
            rows = list(order)
            together = self.ask_both([VARIED_TEXTS[row] for row in rows])
            for place, row in enumerate(rows):
                compare(
                    {"probabilities": alone[row]["probabilities"][0]},
                    {"probabilities": together["probabilities"][place]},
                    BATCH_TOLERANCE,
                    f"{VARIED_TEXTS[row][:20]!r} alone and in a batch",
                )
        self.ask_both([_SENTENCE.encode()] * LARGE_BATCH)

    def latency(self) -> None:
        seconds = []
        for _ in range(LATENCY_REQUESTS):
            start = time.perf_counter()
            self.ask_strings("predict_text", [_SENTENCE.encode()])
            seconds.append(time.perf_counter() - start)
        self.facts["median_latency_seconds"] = statistics.median(seconds)

    def ask_both(self, texts: list[bytes]) -> dict[str, np.ndarray]:
        """Asks `predict_text` and `serving_default`, which must agree."""
        named = self.ask_strings("predict_text", texts)
        examples = [_example(self.text_feature, text) for text in texts]
        plain = self.ask_strings("serving_default", examples)
        plain = {"probabilities": plain["probabilities"]}
        compare(named, plain, BATCH_TOLERANCE, "predict_text and serving_default")
        return named

    def ask_strings(self, signature: str, values: list[bytes]) -> dict[str, Any]:
        """Calls a signature with its only input, whatever name that has."""
        key = "unknown"
        if signature in self.loaded.signatures:
            inputs = self.loaded.signatures[signature].structured_input_signature[1]
            key = next(iter(inputs), key)
        return self.ask(signature, rows=len(values), **{key: values})

    def ask(self, signature: str, *, rows: int, **inputs: Any) -> dict[str, Any]:
        """Calls a signature and checks what must hold for any answer."""
        if signature not in self.loaded.signatures:
            raise ModelFault(f"there is no signature `{signature}`")
        tensors = {key: tf.constant(value) for key, value in inputs.items()}
        try:
            answer = self.loaded.signatures[signature](**tensors)
        except _MODEL_ERRORS as error:
            raise ModelFault(f"`{signature}` failed: {_brief(error)}") from error
        # Transformed features may be sparse; only dense ones are checked.
        arrays = {k: v.numpy() for k, v in answer.items() if isinstance(v, tf.Tensor)}
        for name, array in arrays.items():
            if array.shape[:1] != (rows,):
                raise ModelFault(
                    f"`{signature}`: {rows} inputs gave `{name}` {array.shape}"
                )
        if signature != "transform_features":
            check_probabilities(signature, arrays)
        if signature == "predict_text":
            check_labels(arrays)
        return arrays


def check_probabilities(signature: str, answer: Mapping[str, np.ndarray]) -> None:
    """Checks `probabilities`: float32 `[batch, classes]`, in [0, 1], row sums of 1.

    `unsure`, if it is there, must be bool `[batch]`. With `chosen` beside them each is
    a probability of its own, and they have no sum.
    """
    if "probabilities" not in answer:
        _fail(signature, f"no `probabilities` among {sorted(answer)}")
    values = answer["probabilities"]
    if values.ndim != 2 or values.dtype != np.float32:
        _fail(signature, f"`probabilities` is {values.dtype} {values.shape}")
    if not np.isfinite(values).all():
        _fail(signature, "probabilities are not finite")
    if values.min() < 0 or values.max() > 1 + REPEAT_TOLERANCE:
        _fail(signature, f"probabilities from {values.min()} to {values.max()}")
    unsure = answer.get("unsure")
    if unsure is not None and (
        unsure.shape != values.shape[:1] or unsure.dtype != bool
    ):
        _fail(signature, f"`unsure` is {unsure.dtype} {unsure.shape}")
    if "chosen" in answer:
        chosen = answer["chosen"]
        if chosen.shape != values.shape or chosen.dtype != bool:
            _fail(signature, f"`chosen` is {chosen.dtype} {chosen.shape}")
        return
    off = float(np.abs(values.sum(axis=1) - 1).max())
    if off > SUM_TOLERANCE:
        _fail(signature, f"a row of probabilities is {off:.4g} away from the sum 1")


def check_labels(answer: Mapping[str, np.ndarray]) -> None:
    """Checks that `label` is the likeliest of `classes`, or one of several such."""
    missing = {"label", "classes"} - set(answer)
    if missing:
        _fail("predict_text", f"no {sorted(missing)} among {sorted(answer)}")
    values, classes = answer["probabilities"], answer["classes"]
    if classes.shape != values.shape:
        _fail("predict_text", f"`classes` is {classes.shape}, not {values.shape}")
    if "chosen" in answer:
        _check_chosen(answer)
    for row, label in enumerate(answer["label"]):
        best = classes[row][values[row] >= values[row].max() - REPEAT_TOLERANCE]
        if label not in best:
            _fail("predict_text", f"the label {label!r} is not the likeliest: {best}")


def _check_chosen(answer: Mapping[str, np.ndarray]) -> None:
    """Checks that the classes are chosen that are as probable as `thresholds` says."""
    values = answer["probabilities"]
    bounds = answer.get("thresholds")
    if bounds is None or bounds.shape != values.shape:
        _fail("predict_text", "no `thresholds` of the shape of `probabilities`")
    if not np.array_equal(answer["chosen"], values >= bounds):
        _fail("predict_text", "`chosen` is not where `thresholds` are reached")


def compare(
    one: Mapping[str, np.ndarray],
    other: Mapping[str, np.ndarray],
    tolerance: float,
    what: str,
) -> None:
    """Checks that the outputs of two answers are equal, floats within `tolerance`."""
    for name in one.keys() & other.keys():
        a, b = one[name], other[name]
        if a.shape != b.shape:
            raise ModelFault(f"{what}: `{name}` {a.shape} against {b.shape}")
        if a.dtype.kind == "f":
            apart = float(np.abs(a - b).max(initial=0))
            if not apart <= tolerance:
                raise ModelFault(f"{what}: `{name}` differs by {apart:.3g}")
        elif not np.array_equal(a, b):
            raise ModelFault(f"{what}: `{name}` differs")


def _fail(signature: str, what: str) -> NoReturn:
    raise ModelFault(f"`{signature}`: {what}")


def _records(path: str) -> Iterator[bytes]:
    try:
        yield from tf.data.TFRecordDataset(path).as_numpy_iterator()
    except tf.errors.DataLossError as error:
        raise ModelFault(f"broken TFRecord {path}: {_brief(error)}") from error


def _read_request(record: bytes, position: int) -> tuple[str, dict[str, np.ndarray]]:
    """Returns the signature and the inputs of a serialised PredictionLog."""
    try:
        log = prediction_log_pb2.PredictionLog.FromString(record)
    except DecodeError as error:
        raise ModelFault(
            f"serving request {position} is not a PredictionLog"
        ) from error
    if log.WhichOneof("log_type") != "predict_log":
        kind = log.WhichOneof("log_type")
        raise ModelFault(f"serving request {position} must be a predict_log: {kind}")
    request = log.predict_log.request
    inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
    return request.model_spec.signature_name or "serving_default", inputs


def _example(feature: str, text: bytes) -> bytes:
    value = tf.train.Feature(bytes_list=tf.train.BytesList(value=[text]))
    features = tf.train.Features(feature={feature: value})
    return tf.train.Example(features=features).SerializeToString()


def _brief(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:500]}"
