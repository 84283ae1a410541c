"""Compares the ONNX graph of a small random BERT with the same in NumPy.

Run by test_peers.py with the environment of MiniLM: the project's own has no onnx.
"""

from __future__ import annotations

import math

import numpy as np
import onnxruntime

from benchmarks.classifiers.workers.bert_graph import sentence_encoder

LAYERS, HEADS, DIM, WIDE, WORDS, PLACES = 2, 2, 8, 12, 11, 6
OPTIONS = {
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "layer_norm_eps": 1e-12,
}
_erf = np.vectorize(math.erf)


def random_weights() -> dict[str, np.ndarray]:
    """Returns weights by the names of Hugging Face's BertModel."""
    rng = np.random.default_rng(0)
    shapes = {
        "embeddings.word_embeddings.weight": (WORDS, DIM),
        "embeddings.position_embeddings.weight": (PLACES, DIM),
        "embeddings.token_type_embeddings.weight": (2, DIM),
    }
    norms = ["embeddings.LayerNorm"]
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        dense = {f"attention.self.{x}": (DIM, DIM) for x in ("query", "key", "value")}
        dense |= {"attention.output.dense": (DIM, DIM), "output.dense": (DIM, WIDE)}
        dense |= {"intermediate.dense": (WIDE, DIM)}
        for name, shape in dense.items():
            shapes[f"{layer}.{name}.weight"] = shape
            shapes[f"{layer}.{name}.bias"] = shape[:1]
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    shapes |= {f"{name}.{x}": (DIM,) for name in norms for x in ("weight", "bias")}
    return {
        name: rng.normal(size=shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def vector(weights: dict[str, np.ndarray], ids: list[int]) -> np.ndarray:
    """Returns the sentence vector of one text, float64 `(dim,)`."""

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def normalised(x: np.ndarray, name: str) -> np.ndarray:
        x = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def heads(x: np.ndarray) -> np.ndarray:  # (heads, time, dim / heads)
        return x.reshape(len(ids), HEADS, -1).transpose(1, 0, 2)

    x = weights["embeddings.word_embeddings.weight"][ids].astype(np.float64)
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = x + weights["embeddings.token_type_embeddings.weight"][0]
    x = normalised(x, "embeddings.LayerNorm")
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        query, key, value = (
            heads(dense(x, f"{layer}.attention.self.{part}"))
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(DIM / HEADS)
        shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        seen = (shares @ value).transpose(1, 0, 2).reshape(len(ids), DIM)
        name = f"{layer}.attention.output"
        x = normalised(dense(seen, f"{name}.dense") + x, f"{name}.LayerNorm")
        wide = dense(x, f"{layer}.intermediate.dense")
        wide = wide * (1 + _erf(wide / math.sqrt(2))) / 2
        name = f"{layer}.output"
        x = normalised(dense(wide, f"{name}.dense") + x, f"{name}.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def main() -> None:
    """Ends with an error if a vector differs, whatever else is in its batch."""
    weights = random_weights()
    graph = sentence_encoder(weights, OPTIONS).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    texts = [[1, 4, 2], [1, 7, 7, 10, 2], [3]]
    longest = max(map(len, texts))
    ids = np.zeros((len(texts), longest), np.int32)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)], mask[row, : len(text)] = text, 1
    (found,) = session.run(["vectors"], {"ids": ids, "mask": mask})
    expected = np.stack([vector(weights, text) for text in texts])
    np.testing.assert_allclose(found, expected, atol=1e-5)


if __name__ == "__main__":
    main()
