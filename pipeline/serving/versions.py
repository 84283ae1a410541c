"""Finds the model to use in a folder of versions, and loads it."""

from __future__ import annotations

import functools
import posixpath
from typing import Any

import tensorflow as tf

from pipeline.errors import UserError
from pipeline.features import SERVE_TEXTS

GRAPH = "saved_model.pb"


class ModelError(UserError):
    """The model cannot be used; the message says why."""


class UnreadableModelError(ModelError):
    """The model's files cannot be read."""


def newest_model(path: str) -> str | None:
    """Returns the SavedModel folder that a path means, or None.

    Args:
        path: A SavedModel folder, or a folder of versions, of which the highest
            number wins. One without its graph is still being copied: Pusher copies
            that file last.
    """
    path = path.rstrip("/")
    if tf.io.gfile.exists(posixpath.join(path, GRAPH)):
        return path
    versions = whole_versions(path)
    return versions[-1] if versions else None


def whole_versions(path: str) -> list[str]:
    """Returns the folders of a folder of versions that have their graph, by number."""
    graphs = tf.io.gfile.glob(posixpath.join(path, "*", GRAPH))
    versions = [posixpath.dirname(graph) for graph in graphs]
    numbered = [each for each in versions if version_of(each).isdecimal()]
    return sorted(numbered, key=lambda each: int(version_of(each)))


def version_of(folder: str) -> str:
    """Returns the name of a model's folder: its version, if it was pushed."""
    return posixpath.basename(folder.rstrip("/"))


def load_classifier(folder: str) -> Any:
    """Returns a function of a tensor of texts that gives what the signature gives.

    Raises:
        UnreadableModelError: The files are no SavedModel.
        ModelError: It has no signature `predict_text`.
    """
    try:
        model = tf.saved_model.load(folder)
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).partition("\n")[0]
        raise UnreadableModelError(f"{folder} cannot be loaded: {reason}") from error
    if SERVE_TEXTS not in model.signatures:
        raise ModelError(
            f"the model must have the signature {SERVE_TEXTS}. "
            f"Received: {folder} with {', '.join(model.signatures) or 'none'}"
        )
    signature = model.signatures[SERVE_TEXTS]
    ((name, _),) = signature.structured_input_signature[1].items()
    call = functools.partial(_call, signature, name)
    call.model = model  # type: ignore[attr-defined]  # its weights live as long as it
    return call


def _call(signature: Any, name: str, texts: tf.Tensor) -> dict[str, tf.Tensor]:
    return signature(**{name: texts})
