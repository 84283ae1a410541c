"""A layer written as a SavedModel that stands in for google/elmo/3."""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_elmo import checkpoints, tensors
from keras_elmo.bilm import BiLM
from keras_elmo.layer import ElmoEmbeddingLayer
from keras_elmo.runtime.bounds import bounded_lengths
from keras_elmo.saved_model import (
    BILM,
    MIX_SCALING,
    MIX_WEIGHTS,
    OPTIONS_FILE,
    variable_name,
)
from keras_elmo.scalar_mix import ScalarMix

_N_LAYERS = 3  # the token encoder and two LSTM layers, like google/elmo


def export_hub_module(
    layer: ElmoEmbeddingLayer, folder: str | Path, *, overwrite: bool = False
) -> None:
    """Writes `layer` as a SavedModel with the signatures of google/elmo/3.

    Code made for that module runs on it: `hub.load(folder).signatures["tokens"]`,
    `hub.KerasLayer(folder, signature="tokens", output_key="elmo")`. It needs core
    TensorFlow ops only, and `ElmoEmbeddingLayer(folder)` reads it back. The weights
    are written once, by google/elmo's names too. The layer's `output` and
    `max_sequence_length` play no part: every output is there, of every token.

    Signatures:
        `default`: `strings`, string `(batch,)`: texts, split at spaces.
        `tokens`: `tokens`, string `(batch, time)`, and `sequence_len`, int32
            `(batch,)`: tokens of each row; what comes after is not read.

    Outputs, of both: float32 `word_emb` `(batch, time, dim / 2)`, `lstm_outputs1`,
        `lstm_outputs2` and `elmo`, the mix, `(batch, time, dim)`, zero where
        there is no token; `default` `(batch, dim)`, the mean of `elmo` over the tokens;
        and int32 `sequence_len` `(batch,)`.

    Args:
        layer: A layer that runs natively, with two LSTM layers; of several mixes the
            first is written.
        folder: To write. Nothing is left there if writing fails.
        overwrite: Whether what is in the folder may be replaced.

    Raises:
        ValueError: If the model is of another shape, or the folder cannot be replaced:
            it is the working folder, one above that, or a mounted one.
        FileExistsError: If the folder is not empty and may not be replaced.
    """
    bilm = layer.bilm
    if bilm is None:
        raise ValueError(
            "`layer` must run natively. Received: a layer that calls a module's own "
            "signature\nhint: that module can be copied as it is"
        )
    if layer.alignment is not None:
        raise ValueError(
            "`layer` must have no `alignment`: the module's variables have no place "
            "for its matrices\nhint: `model.export` writes them"
        )
    if layer.num_layers != _N_LAYERS:
        raise ValueError(
            f"`layer` must have {_N_LAYERS - 1} LSTM layers to stand in for "
            f"google/elmo. Received: a layer with {layer.num_layers - 1}"
        )
    folder = Path(folder)
    place, working = folder.resolve(), Path.cwd()
    if place in (working, *working.parents) or os.path.ismount(place):
        raise ValueError(
            "`folder` must not be the working folder, nor one above it or a mounted "
            f"one: it is replaced as a whole. Received: {folder}\n"
            "hint: name a new folder in it"
        )
    if folder.exists() and not overwrite and _holds_something(folder):
        raise FileExistsError(
            f"{folder} is there and not empty\nhint: `overwrite=True` replaces it"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the folder, so that it can be moved there in one step.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as scratch:
        written = Path(scratch) / "new"
        module = _HubModule(layer, bilm)
        tf.saved_model.save(
            module,
            str(written),
            signatures={"default": module.default, "tokens": module.tokens},
        )
        (written / OPTIONS_FILE).parent.mkdir()
        bilm.options.to_file(written / OPTIONS_FILE)
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        written.rename(folder)


class _HubModule(tf.Module):
    """What is saved: the signatures, and every variable they need.

    The layer itself is kept out of sight: a SavedModel would take its Keras
    variables for others than the TensorFlow ones within, and write both.
    """

    def __init__(self, layer: ElmoEmbeddingLayer, bilm: BiLM) -> None:
        super().__init__()
        self._run = functools.partial(_outputs, layer)
        # The attributes that `saved_model` looks for.
        self.published, self.published_transposed = _published(bilm, layer.mix)
        self.held = [variable.value for variable in layer.variables]
        # Tables of words must be seen from here, or they would not be saved.
        self.tables = layer.encoder.held

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="strings")])
    def default(self, strings: tf.Tensor) -> dict[str, tf.Tensor]:
        strings = tf.ensure_shape(strings, [None])  # a loaded signature takes any rank
        return self._run(tensors.as_tokens(strings, None))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.string, name="tokens"),
            tf.TensorSpec([None], tf.int32, name="sequence_len"),
        ]
    )
    def tokens(
        self, tokens: tf.Tensor, sequence_len: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        tokens = tf.ensure_shape(tokens, [None, None])
        sequence_len = bounded_lengths(tf.ensure_shape(sequence_len, [None]))
        time = tf.shape(tokens)[1]
        words = tf.boolean_mask(tokens, tf.sequence_mask(sequence_len, time))
        starts = tf.zeros_like(sequence_len)
        return self._run(tensors.Tokens(words, sequence_len, starts, time))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="strings")])
    def __call__(self, strings: tf.Tensor) -> tf.Tensor:
        """Returns what hub.KerasLayer takes from google/elmo by default."""
        return self.default(strings)["default"]


def _outputs(layer: ElmoEmbeddingLayer, tokens: tensors.Tokens) -> dict[str, tf.Tensor]:
    layers, places = layer.encoder.run(tokens.words, tokens.lengths)
    packed = {
        name: tensors.select(layers, name)
        for name in ("word_emb", "lstm_outputs1", "lstm_outputs2")
    }
    packed["elmo"] = layer.mix(layers)
    packed = {name: tf.cast(x, tf.float32) for name, x in packed.items()}
    vectors = {
        name: tensors.unpack(x, places, tokens, None) for name, x in packed.items()
    }
    return {
        **vectors,
        "default": tensors.mean(packed["elmo"], places, tokens.lengths),
        "sequence_len": tf.identity(tokens.lengths),
    }


def _published(bilm: BiLM, mix: ScalarMix) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the variables by google/elmo's names, and those that lie transposed."""
    plain: dict[str, Any] = {}
    transposed: dict[str, Any] = {}
    for path, variable in checkpoints.named_variables(bilm):
        names = transposed if checkpoints.is_transposed(path) else plain
        names[BILM + variable_name(path)] = variable.value
    # Training may have gone on from them: the weights alone do not tell.
    for path, variable in bilm.initial_states().items():
        plain[BILM + path] = variable.value
    plain[MIX_WEIGHTS] = mix.mix_weights.value
    plain[MIX_SCALING] = mix.gamma.value
    return plain, transposed


def _holds_something(folder: Path) -> bool:
    return not folder.is_dir() or any(folder.iterdir())
