"""What the layer refuses, and in which words."""

from __future__ import annotations

import inspect
import numbers
import os
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

# Safe mode, and what Keras is about, have no public names.
from keras.src.backend.common import global_state
from keras.src.saving import serialization_lib


def plain_source(source: Any) -> Any:
    """Returns a source with texts in place of paths, which Keras cannot save."""
    if isinstance(source, (list, tuple)):
        return [plain_source(each) for each in source]
    return os.fspath(source) if isinstance(source, os.PathLike) else source


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Refuses an argument that is not one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(choices)}. Received: `{name}={value}`"
        )


def check_positive(
    name: str, value: object, rule: str = "a positive int", *, most: int | None = None
) -> None:
    """Refuses what is no integer, and one below 1, above `most`, or of 64 bits."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    bound = most or 2**31 - 1
    if not is_integer or not 1 <= value <= bound:  # type: ignore[operator]
        if most is not None:
            rule += f" of at most {most:,}"
        elif is_integer and value > bound:  # type: ignore[operator]
            rule += f", at most {bound:,}"
        raise ValueError(f"`{name}` must be {rule}. Received: `{name}={value!r}`")


def check_names(name: str, value: object, choices: Sequence[str]) -> list[str]:
    """Returns names as a list; refuses what is no list of some of `choices`."""
    # A text is a sequence too, but of letters.
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ValueError(
            f"`{name}` must be a list of names, such as {[*choices[:1]]}. "
            f"Received: `{name}={value!r}`"
        )
    names = list(value)
    for each in names:
        check_choice(name, each, choices)
    return names


def check_policy(policy: Any) -> None:
    """Refuses a policy of whole numbers: Keras would fail on it in the first call."""
    is_quantized = getattr(policy, "quantization_mode", None) is not None
    if is_quantized or "float" not in (policy.compute_dtype or ""):
        raise ValueError(
            "`dtype` must be of floats, such as float32 or mixed_bfloat16. "
            f"Received: {policy.name}"
        )


def check_dropout(dropout: object) -> None:
    """Refuses what is no number, and a share of which nothing would be left."""
    if not _is_number(dropout) or not 0.0 <= dropout < 1.0:  # type: ignore[operator]
        raise ValueError(
            f"`dropout` must be at least 0 and below 1. Received: `dropout={dropout!r}`"
        )


def check_penalty(name: str, value: object) -> None:
    """Refuses what is no finite number, and one below 0."""
    if not _is_number(value) or not 0.0 <= value < float("inf"):  # type: ignore[operator]
        raise ValueError(
            f"`{name}` must be a number of at least 0. Received: `{name}={value!r}`"
        )


def check_flags(**flags: object) -> None:
    """Refuses what is neither True nor False, such as "no", which counts as True."""
    for name, value in flags.items():
        if value not in (True, False):
            raise ValueError(
                f"`{name}` must be True or False. Received: `{name}={value!r}`"
            )


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def word_list(vocabulary: Iterable[str] | None) -> list[str] | None:
    """Returns a vocabulary as a list of plain strings; refuses other items."""
    if vocabulary is None:
        return None
    # A text is iterable too, but of letters.
    is_list = isinstance(vocabulary, Iterable) and not isinstance(
        vocabulary, (str, bytes)
    )
    # A set has another order in each process; a generator is read once.
    is_set = isinstance(vocabulary, (set, frozenset))
    words = list(vocabulary) if is_list else []
    if not is_list or not all(isinstance(word, str) for word in words):
        raise ValueError(
            "`vocabulary` must be a sequence of words or None. "
            f"Received: `vocabulary={reprlib.repr(words or vocabulary)}`"
        )
    words = [str(word) for word in (sorted(words) if is_set else words)]
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                "`vocabulary` must hold words of whole characters: one of them was "
                f"read from bytes that are not UTF-8. Received: {ascii(word)}"
            ) from error
    return words


def check_vocabulary(vocabulary: Sequence[str] | None, trainable: bool) -> None:
    """Refuses known words whose vectors fine-tuning would leave behind."""
    if vocabulary is not None and trainable:
        raise ValueError(
            "`vocabulary` must be None where `trainable=True`: fine-tuning would "
            "leave its vectors behind"
        )


def check_native(is_native: bool, **arguments: object) -> None:
    """Refuses arguments that a module of which only a signature runs cannot heed."""
    for name, value in arguments.items():
        if value and not is_native:
            raise ValueError(
                f"`{name}` needs a model that runs natively. Received: a SavedModel "
                "of which only the signature can be called"
            )


def check_output(output: str, num_layers: int) -> None:
    """Refuses the output of an LSTM layer that the model does not have."""
    if output.startswith("lstm_outputs") and int(output[-1]) >= num_layers:
        raise ValueError(
            f"`output={output}` needs {output[-1]} LSTM layers. "
            f"Received: a model with {num_layers - 1}"
        )


def check_dtype(dtype: str) -> None:
    """Refuses inputs that are not strings."""
    if dtype != "string":
        raise TypeError(
            "`ElmoEmbeddingLayer` takes tokens as strings. "
            f"Received: inputs of dtype {dtype}"
        )


def weights_will_come() -> bool:
    """Whether Keras is reading a file of a model, and so its weights next.

    A layer's `from_config` runs likewise when a model is cloned or made from a
    configuration alone, where nothing else brings weights. Keras tells this to
    nobody, but it shares objects between the layers of a `.keras` file, and marks
    that it reads an `.h5` file.
    """
    marks = ("shared_objects/id_to_obj_map", "use_legacy_config")
    return any(global_state.get_global_attribute(m) not in (None, False) for m in marks)


def builds_from_shapes() -> bool:
    """Whether Keras is building a saved model, of which it kept the inputs' shapes.

    It then calls the model on floats, whatever the inputs were. A layer that refused
    them would leave all that follows it unbuilt, and Keras would not read its weights.
    Nothing but the method's name on the stack tells it.
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name != "build_from_config":
        frame = frame.f_back
    return frame is not None


def check_trusted(source: str) -> None:
    """Refuses to run a SavedModel's graph because a loaded file names it."""
    if serialization_lib.in_safe_mode():
        raise ValueError(
            f"The file names the SavedModel {source}, whose graph would be run\n"
            "hint: if you trust both, load with `safe_mode=False`"
        )
