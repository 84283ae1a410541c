"""ELMo from a SavedModel whose variables cannot be mapped: its signature, called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError

from keras_elmo import files
from keras_elmo.errors import SourceError
from keras_elmo.runtime.bounds import bounded, in_one_line
from keras_elmo.runtime.packed_lstm import token_places

SIGNATURE = "tokens"
_INPUTS = {"tokens": (tf.string, 2), "sequence_len": (tf.int32, 1)}
_OUTPUTS = ("word_emb", "lstm_outputs1", "lstm_outputs2")
_SENTENCE = ("The", "cat", "sat", ".")
# A module in TF1-Hub form has this file, and its graph for inference no tags.
HUB_MARKER = "tfhub_module.pb"
# What TensorFlow raises when a graph that is broken is called.
_FAILURES = (
    *(OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError),
    *(AssertionError, DecodeError, tf.errors.OpError),
)


class SignatureModule(tf.Module):
    """Calls the signature `tokens` of a SavedModel made like google/elmo/3.

    It cannot be fine-tuned, and whether one call's states reach the next is the
    module's own affair. Loading and calling run the module's graph, so name only
    a SavedModel that you trust.

    Args:
        folder: Of the SavedModel, in TF1-Hub or TF2 form.

    Errors: `SourceError` at construction, if the SavedModel cannot be loaded, has no
        such signature, or fails or gives NaN when that is tried out.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(name="signature_module")
        self.folder = str(folder)
        tags: list[str] | None = [] if (folder / HUB_MARKER).exists() else None
        try:
            # Kept whole: whatever holds this object exports its variables with it.
            self.loaded = tf.saved_model.load(self.folder, tags=tags)
        # Over a broken graph TensorFlow also raises errors that have no public class.
        except Exception as error:  # noqa: BLE001
            raise SourceError(
                f"The SavedModel {folder} cannot be loaded: {files.one_line(error)}"
            ) from error
        _check_signature(self.loaded.signatures, folder)
        outputs = self.loaded.signatures[SIGNATURE].structured_outputs
        self.dim = _check_widths(outputs, folder)
        self.num_layers = len(_OUTPUTS)
        self._try_out(folder)

    @property
    def held(self) -> list[Any]:
        """The module, which a SavedModel must hold in an attribute."""
        return [self.loaded]

    def run(
        self, words: tf.Tensor, lengths: tf.Tensor, training: bool | None = None
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Calls the module, as `Encoder.run` says; layers are float32.

        `training` makes no difference: the module does not learn.
        """
        tokens = tf.RaggedTensor.from_row_lengths(words, lengths).to_tensor("")
        places = token_places(lengths)
        layers = tf.cond(
            tf.size(places) > 0,  # the module was not made for an empty batch
            lambda: self._call(tokens, lengths, places),
            lambda: [tf.zeros([0, self.dim])] * self.num_layers,
        )
        return [bounded(tf.ensure_shape(x, [None, self.dim])) for x in layers], places

    def _try_out(self, folder: Path) -> None:
        """Refuses a module that fails on a sentence, or makes no numbers of it."""
        try:
            variables = self.loaded.signatures[SIGNATURE].variables
            before = [variable.read_value() for variable in variables]
            with in_one_line():
                self.run(tf.constant(_SENTENCE), tf.constant([len(_SENTENCE)]))
            # What a module carries from call to call is as it was.
            for variable, value in zip(variables, before, strict=True):
                if not tf.reduce_all(tf.equal(variable, value)):
                    variable.assign(value)
        except _FAILURES as error:
            raise SourceError(
                f"The signature {SIGNATURE} of {folder} fails on a short sentence: "
                f"{files.one_line(error)}"
            ) from error

    def _call(
        self, tokens: tf.Tensor, lengths: tf.Tensor, places: tf.Tensor
    ) -> list[tf.Tensor]:
        signature = self.loaded.signatures[SIGNATURE]
        outputs = signature(tokens=tokens, sequence_len=lengths)
        word_emb, *lstm = (tf.gather_nd(outputs[name], places) for name in _OUTPUTS)
        return [tf.concat([word_emb, word_emb], axis=-1), *lstm]


def _check_signature(signatures: Mapping[str, Any], folder: Path) -> None:
    described = {
        name: (_input_specs(function), sorted(function.structured_outputs))
        for name, function in signatures.items()
    }
    inputs, outputs = described.get(SIGNATURE, ({}, []))
    takes = {name: (spec.dtype, spec.shape.rank) for name, spec in inputs.items()}
    if takes == _INPUTS and set(_OUTPUTS) <= set(outputs):
        return
    listed = "; ".join(
        f"{name}({', '.join(sorted(inputs))}) -> {', '.join(outputs)}"
        for name, (inputs, outputs) in sorted(described.items())
    )
    raise SourceError(
        f"The SavedModel {folder} must have a signature {SIGNATURE} that takes "
        "`tokens`, string (batch, time), and `sequence_len`, int32 (batch,), and "
        f"gives {', '.join(_OUTPUTS)}. Received: {listed or 'no signatures'}"
    )


def _input_specs(function: Any) -> dict[str, tf.TensorSpec]:
    return function.structured_input_signature[1]


def _check_widths(outputs: Mapping[str, Any], folder: Path) -> int:
    """Returns the width of an ELMo vector; word_emb has half of it."""
    half, *widths = (outputs[name].shape[-1] for name in _OUTPUTS)
    if half is None or widths != [2 * half, 2 * half]:
        raise SourceError(
            f"The signature {SIGNATURE} of {folder} must give word_emb of a known "
            "width, and LSTM outputs of twice that. Received: widths "
            f"{half} and {widths}"
        )
    return widths[0]
