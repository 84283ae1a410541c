"""What the layer refuses, and in which words."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

from keras.src.saving import serialization_lib  # nothing public tells of safe mode

from keras_elmo import tensors

INITIAL_STATES = ("warm", "zeros")


def check_arguments(given: Mapping[str, Any]) -> None:
    """Refuses arguments of `ElmoEmbeddingLayer` that mean nothing."""
    _check_choice(given, "output", tensors.OUTPUTS)
    _check_choice(given, "initial_state", INITIAL_STATES)
    if given["max_sequence_length"] is not None:
        _check_positive(given, "max_sequence_length", "a positive int or None")
    _check_positive(given, "mixes", "a positive int")
    _check_positive(given, "max_batch_size", "a positive int")
    if not 0.0 <= given["dropout"] < 1.0:
        raise ValueError(
            f"`dropout` must be at least 0 and below 1. Received: "
            f"`dropout={given['dropout']}`"
        )
    if given["vocabulary"] is not None and given["trainable"]:
        raise ValueError(
            "`vocabulary` must be None where `trainable=True`: fine-tuning would "
            "leave its vectors behind"
        )


def words_of(vocabulary: Sequence[str] | None) -> list[str] | None:
    """Gives a vocabulary as a list of plain strings; refuses what holds no words."""
    if vocabulary is None:
        return None
    # A text is a sequence too, but of letters.
    if isinstance(vocabulary, (str, bytes)) or not all(
        isinstance(word, str) for word in vocabulary
    ):
        raise ValueError(
            "`vocabulary` must be a sequence of words or None. "
            f"Received: `vocabulary={reprlib.repr(vocabulary)}`"
        )
    return [str(word) for word in vocabulary]


def check_model(given: Mapping[str, Any], n_layers: int, is_native: bool) -> None:
    """Refuses arguments that do not fit the model that was found.

    Args:
        given: The arguments of `ElmoEmbeddingLayer`.
        n_layers: Layers of the model, the token encoder included.
        is_native: Whether the native layer runs, not a module's signature.
    """
    output = given["output"]
    if output.startswith("lstm_outputs") and int(output[-1]) >= n_layers:
        raise ValueError(
            f"`output={output}` needs {output[-1]} LSTM layers. "
            f"Received: a model with {n_layers - 1}"
        )
    for name in ("trainable", "stateful", "vocabulary"):
        if given[name] and not is_native:
            raise ValueError(
                f"`{name}` needs a model that runs natively. Received: a SavedModel of "
                "which only the signature can be called"
            )


def check_dtype(dtype: str) -> None:
    """Refuses inputs that are no strings."""
    if dtype != "string":
        raise TypeError(
            "`ElmoEmbeddingLayer` takes tokens as strings. "
            f"Received: inputs of dtype {dtype}"
        )


def check_trusted(source: str) -> None:
    """Refuses to run a SavedModel's graph because a loaded file names it."""
    if serialization_lib.in_safe_mode():
        raise ValueError(
            f"The file names the SavedModel {source}, whose graph would be run\n"
            "hint: if you trust both, load with `safe_mode=False`"
        )


def _check_choice(
    given: Mapping[str, Any], name: str, choices: tuple[str, ...]
) -> None:
    if given[name] not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(choices)}. "
            f"Received: `{name}={given[name]}`"
        )


def _check_positive(given: Mapping[str, Any], name: str, rule: str) -> None:
    if given[name] < 1:
        raise ValueError(f"`{name}` must be {rule}. Received: `{name}={given[name]}`")
