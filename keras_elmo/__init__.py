"""ELMo for Keras 3: the bidirectional language model and the embedding layer.

`ElmoEmbeddingLayer` turns strings into ELMo vectors inside a TensorFlow model.
`BiLM` is the network alone, in `keras.ops`, for TensorFlow, JAX and PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keras_elmo.errors import ElmoError, SourceError, WeightsError

if TYPE_CHECKING:
    from keras_elmo.bilm import BiLM
    from keras_elmo.options import BiLMOptions
    from keras_elmo.scalar_mix import ScalarMix

__all__ = [
    "BiLM",
    "BiLMOptions",
    "ElmoEmbeddingLayer",
    "ElmoError",
    "ScalarMix",
    "SourceError",
    "WeightsError",
]


def __getattr__(name: str) -> Any:
    # The layer needs TensorFlow's string ops; BiLM alone must not import it, and who
    # only asks whether a source is there does not wait for Keras.
    if name == "ElmoEmbeddingLayer":
        from keras_elmo.layer import ElmoEmbeddingLayer

        return ElmoEmbeddingLayer
    if name == "BiLM":
        from keras_elmo.bilm import BiLM

        return BiLM
    if name == "BiLMOptions":
        from keras_elmo.options import BiLMOptions

        return BiLMOptions
    if name == "ScalarMix":
        from keras_elmo.scalar_mix import ScalarMix

        return ScalarMix
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
