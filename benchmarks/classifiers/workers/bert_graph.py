"""A BERT encoder of sentences as an ONNX graph, made from its weights alone.

It is what an exporter makes of the model in PyTorch after attention was fused; made
directly, it needs no PyTorch.

Source: Devlin et al. 2019, arXiv:1810.04805; mean pooling and unit length as in
    Reimers & Gurevych 2019, arXiv:1908.10084.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_OPSETS = {"": 17, "com.microsoft": 1}  # the second has attention as one operation
_IR_VERSION = 8
_TINY = 1e-12  # the least length of a vector that is divided by


def sentence_encoder(
    weights: Mapping[str, np.ndarray], options: Mapping[str, Any]
) -> onnx.ModelProto:
    """Returns the graph.

    Inputs:  `ids` int32 `(batch, time)`; `mask` int32 `(batch, time)`, 1 at tokens.
    Outputs: `vectors` float32 `(batch, dim)`, each of length 1.

    Args:
        weights: float32, by the names that Hugging Face's BertModel gives them.
        options: Of its config.json: `num_hidden_layers`, `num_attention_heads`,
            `layer_norm_eps`.
    """
    graph = _Graph(weights, float(options["layer_norm_eps"]))
    hidden = graph.embed()
    for number in range(options["num_hidden_layers"]):
        hidden = graph.block(hidden, number, options["num_attention_heads"])
    graph.pool(hidden)
    made = helper.make_graph(
        graph.nodes,
        "sentence_encoder",
        [
            _value(name, TensorProto.INT32, ["batch", "time"])
            for name in ("ids", "mask")
        ],
        [_value("vectors", TensorProto.FLOAT, ["batch", graph.dim])],
        graph.constants,
    )
    opsets = [helper.make_opsetid(*each) for each in _OPSETS.items()]
    model = helper.make_model(made, opset_imports=opsets)
    model.ir_version = _IR_VERSION  # as the runtime has to know it
    return model


def _value(name: str, dtype: int, shape: list[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


class _Graph:
    """Nodes and constants that are added one by one; names follow from their number."""

    def __init__(self, weights: Mapping[str, np.ndarray], epsilon: float) -> None:
        self._weights, self._epsilon = weights, epsilon
        self.dim = weights["embeddings.word_embeddings.weight"].shape[1]
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def embed(self) -> str:
        """Adds the sum of word, place and (the first) type; returns `(b, t, dim)`."""
        of = "embeddings.{}_embeddings.weight".format
        places = self._weights[of("position")] + self._weights[of("token_type")][0]
        words = self._add("Gather", self._constant(self._weights[of("word")]), "ids")
        time = self._add(
            "Slice",
            self._add("Shape", "ids"),
            *(self._constant(np.array([n], np.int64)) for n in (1, 2)),
        )
        zero = self._constant(np.array([0], np.int64))
        used = self._add("Slice", self._constant(places), zero, time)
        return self._normalised(self._add("Add", words, used), "embeddings.LayerNorm")

    def block(self, hidden: str, number: int, heads: int) -> str:
        """Adds one layer: attention, then two dense layers, a sum after each."""
        layer = f"encoder.layer.{number}"
        parts = [f"{layer}.attention.self.{x}" for x in ("query", "key", "value")]
        attended = self._add(
            "Attention",
            hidden,
            self._constant(
                np.concatenate([self._weights[f"{x}.weight"].T for x in parts], axis=1)
            ),
            self._constant(np.concatenate([self._weights[f"{x}.bias"] for x in parts])),
            "mask",
            domain="com.microsoft",
            num_heads=heads,
        )
        dense = self._dense(attended, f"{layer}.attention.output.dense")
        after = self._normalised(
            self._add("Add", dense, hidden), f"{layer}.attention.output.LayerNorm"
        )
        wide = self._dense(after, f"{layer}.intermediate.dense")
        wide = self._add("Gelu", wide, domain="com.microsoft")
        narrow = self._dense(wide, f"{layer}.output.dense")
        return self._normalised(
            self._add("Add", narrow, after), f"{layer}.output.LayerNorm"
        )

    def pool(self, hidden: str) -> None:
        """Adds the mean over the tokens, divided by its length."""
        is_token = self._add("Cast", "mask", to=TensorProto.FLOAT)
        last = self._constant(np.array([-1], np.int64))
        is_token = self._add("Unsqueeze", is_token, last)  # (batch, time, 1)
        # The sum has the direction of the mean, which is all that is left of it.
        summed = self._add(
            "ReduceSum",
            self._add("Mul", hidden, is_token),
            self._constant(np.array([1], np.int64)),
            keepdims=0,
        )
        length = self._add("ReduceL2", summed, axes=[1], keepdims=1)
        length = self._add("Max", length, self._constant(np.array(_TINY, np.float32)))
        self.nodes.append(helper.make_node("Div", [summed, length], ["vectors"]))

    def _dense(self, inputs: str, name: str) -> str:
        weight = self._constant(self._weights[f"{name}.weight"].T)
        bias = self._constant(self._weights[f"{name}.bias"])
        return self._add("Add", self._add("MatMul", inputs, weight), bias)

    def _normalised(self, inputs: str, name: str) -> str:
        return self._add(
            "LayerNormalization",
            inputs,
            *(self._constant(self._weights[f"{name}.{x}"]) for x in ("weight", "bias")),
            axis=-1,
            epsilon=self._epsilon,
        )

    def _add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        output = f"{operation}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(operation, inputs, [output], output, **attributes)
        )
        return output

    def _constant(self, values: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        # Contiguous: a transposed view would be written as it lies in memory.
        array = np.ascontiguousarray(values).reshape(np.shape(values))
        self.constants.append(numpy_helper.from_array(array, name))
        return name
