"""Weights in a folder beside a SavedModel, with the facts that they belong to."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import zipfile
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from pydantic import BaseModel, ConfigDict, ValidationError

_LOGGER = logging.getLogger(__name__)
_FOLDER = "warm_start"
_WEIGHTS_FILE = "weights.npz"
_FACTS_FILE = "facts.json"


class SavedWeightsError(ValueError):
    """The weights of an earlier model are damaged, or not written by a training."""


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ModelFacts(_Facts):
    """What decides whether the weights of one classifier mean the same in another.

    Attributes:
        classes: In the order of the probabilities.
        pooling, hidden_units, ngram_rows: Of section `model` of the configuration.
        pretrained_branch: Whether the head has one.
        elmo_version: Of the source, as `pipeline.fingerprints` returns it.
        elmo_trainable: Whether ELMo was trained, so that its weights are kept, too.
        held_out: Fractions of the rows in the eval and the test split. With others a
            text that one model was tested on may be one that another has learned.
        divided_by: What else decides which rows are held out; empty: nothing.
        exact_shares: Whether classes of few texts got the exact fractions: the text of
            a row alone does not decide its split then.
        multi_label: Whether a text may have several labels.
        tokenizer: Of section `transform`: the n-grams are of its tokens.
    """

    classes: list[str]
    pooling: str
    hidden_units: int
    elmo_version: str
    elmo_trainable: bool
    held_out: list[float]
    divided_by: str = ""
    exact_shares: bool = False  # not known, before it was written
    ngram_rows: int | None = None  # None: written before there were n-grams
    pretrained_branch: bool = False  # there was none, before it was written
    multi_label: bool = False
    tokenizer: str = "elmo"  # there was no other, before it was written


class SavedFacts(_Facts):
    """What `facts.json` holds.

    Attributes:
        model: What the weights belong to.
        shapes: By the name of the weight.
        sha256: Of `weights.npz`, hexadecimal.
    """

    model: ModelFacts
    shapes: dict[str, list[int]]
    sha256: str


def weights_folder(saved_model: str) -> str:
    """Returns the folder for the weights of the model in the folder `saved_model`.

    It lies beside it, not inside: what is pushed has no use for the weights twice.
    """
    return os.path.join(os.path.dirname(saved_model.rstrip("/")), _FOLDER)


def write_weights(
    folder: str, weights: Mapping[str, np.ndarray], model: ModelFacts
) -> None:
    """Writes `weights.npz` and `facts.json`.

    Args:
        folder: Made if absent, on any file system TensorFlow knows.
        weights: float, by any name.
        model: What they belong to.
    """
    buffer = io.BytesIO()  # zip files go back to their start, which gs:// cannot
    np.savez(buffer, **weights)  # type: ignore[arg-type]
    content = buffer.getvalue()
    facts = SavedFacts(
        model=model,
        shapes={name: list(weight.shape) for name, weight in weights.items()},
        sha256=hashlib.sha256(content).hexdigest(),
    )
    tf.io.gfile.makedirs(folder)
    with tf.io.gfile.GFile(os.path.join(folder, _WEIGHTS_FILE), "wb") as file:
        file.write(content)
    with tf.io.gfile.GFile(os.path.join(folder, _FACTS_FILE), "w") as file:
        file.write(facts.model_dump_json(indent=2) + "\n")


def read_facts(folder: str) -> SavedFacts | None:
    """Reads the facts of the weights in `folder`; None: it holds no weights.

    Raises:
        SavedWeightsError: The file is not what `write_weights` writes.
    """
    path = os.path.join(folder, _FACTS_FILE)
    if not tf.io.gfile.exists(path):
        return None
    try:
        return SavedFacts.model_validate_json(_read(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"])
        raise _refused(path, f"{where}: {first['msg']}".lstrip(": ")) from error


def has_several_labels(saved_model: str) -> bool:
    """Returns whether a model in a folder gives a text any number of labels.

    Of a model without facts, or with damaged ones, it is taken that a text has one.
    """
    try:
        facts = read_facts(weights_folder(saved_model))
    except SavedWeightsError as error:
        _LOGGER.warning("%s", error)
        return False
    return facts is not None and facts.model.multi_label


def read_weights(folder: str, facts: SavedFacts) -> dict[str, np.ndarray]:
    """Reads finite floats and nothing else: npz files can hold pickled code too.

    Args:
        folder: Where `write_weights` wrote.
        facts: What `read_facts` returned.

    Raises:
        SavedWeightsError: The file is missing, or not the one the facts are about.
    """
    path = os.path.join(folder, _WEIGHTS_FILE)
    if not tf.io.gfile.exists(path):
        raise _refused(path, "no such file")
    content = _read(path)
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != facts.sha256:
        raise _refused(
            path, f"SHA-256 {sha256}, not the {facts.sha256} of {_FACTS_FILE}"
        )
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise _refused(path, "not an npz file")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            weights = {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise _refused(path, str(error)) from error
    for name, weight in weights.items():
        if getattr(weight, "dtype", np.dtype("O")).kind != "f":
            raise _refused(path, f"{name} is not an array of floats")
        if not np.isfinite(weight).all():
            raise _refused(path, f"{name} has a number that is not finite")
    shapes = {name: list(weight.shape) for name, weight in weights.items()}
    if shapes != facts.shapes:
        raise _refused(
            path, f"shapes {shapes}, not the {facts.shapes} of {_FACTS_FILE}"
        )
    return weights


def _read(path: str) -> bytes:
    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read()


def _refused(path: str, received: str) -> SavedWeightsError:
    return SavedWeightsError(
        f"{path} must be as a training wrote it. Received: {received}\n"
        "hint: without it, train.warm_start=false trains from the start"
    )
