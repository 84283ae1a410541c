"""Starts a training from the weights of an earlier one, where they fit."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from pipeline.training.model import TokenClassifier
from pipeline.training.ngram_logits import NgramLogits
from pipeline.training.saved_weights import (
    ModelFacts,
    SavedFacts,
    read_facts,
    read_weights,
    weights_folder,
    write_weights,
)

_LOGGER = logging.getLogger(__name__)
# Weights whose last axis has the classes.
_BY_CLASS = ("logits.", "pretrained_logits.")
_BASE = "the last blessed model"


@dataclasses.dataclass(frozen=True)
class WarmStart:
    """Whether a training started from another model's weights.

    Attributes:
        source: Folder of the model that the weights are of; None: training starts
            fresh.
        reason: Why it starts fresh; None: it does not.
        new_classes: Classes that the other model does not have; their outputs start
            fresh.
        digest: SHA-256 of the file with the weights; None: training starts fresh.
    """

    source: str | None
    reason: str | None
    new_classes: tuple[str, ...] = ()
    digest: str | None = None


def save_weights(
    saved_model: str, classifier: TokenClassifier, facts: ModelFacts
) -> None:
    """Writes what `start_from` reads, beside the SavedModel in folder `saved_model`.

    The weights of an encoder that was not trained are left out: its source has them.
    """
    weights = _weights(classifier, with_elmo=facts.elmo_trainable)
    write_weights(
        weights_folder(saved_model),
        {name: _value(variable) for name, variable in weights.items()},
        facts,
    )


def start_from(
    saved_model: str | None, classifier: TokenClassifier, facts: ModelFacts
) -> WarmStart:
    """Sets a fresh classifier to the weights beside a SavedModel, where they fit.

    They fit with the same ELMo and the same head. The outputs are matched by the name
    of their class: classes are numbered by how frequent they are, and that changes
    from data to data. The outputs of new classes stay as they are.

    Args:
        saved_model: Folder of the SavedModel; None: there is none.
        classifier: Left alone where the weights do not fit.
        facts: Those of `classifier`.

    Raises:
        SavedWeightsError: The files are there, but damaged or not from a training.
    """
    if saved_model is None:
        return _fresh("there is no blessed model of other examples")
    folder = weights_folder(saved_model)
    saved = read_facts(folder)
    if saved is None:
        return _fresh(f"{_BASE} has no weights in {folder}")
    variables = _weights(classifier, with_elmo=saved.model.elmo_trainable)
    reason = _misfit(saved.model, facts) or _other_shapes(saved, variables)
    if reason is not None:
        return _fresh(reason)
    weights = read_weights(folder, saved)
    for name, variable in variables.items():
        value = weights[name]
        if name.startswith(_BY_CLASS):
            value = _by_class(
                value, saved.model.classes, _value(variable), facts.classes
            )
        variable.assign(value)
    new = tuple(name for name in facts.classes if name not in saved.model.classes)
    source = os.path.dirname(folder)
    _LOGGER.info(
        "Training starts from the weights of %s; new classes: %s",
        source,
        ", ".join(new) or "none",
    )
    return WarmStart(source, None, new, saved.sha256)


def _fresh(reason: str) -> WarmStart:
    _LOGGER.warning("Training starts fresh, not from earlier weights: %s", reason)
    return WarmStart(None, reason)


def _weights(classifier: TokenClassifier, *, with_elmo: bool) -> dict[str, Any]:
    """Returns the variables by the name of their layer and their place in it.

    Not by their paths: these count the LSTMs that the process has made. Without those
    of n-grams, which every training finds anew.
    """
    encoder = [classifier.encoder] if with_elmo else []
    return {
        f"{layer.name}.{place}": variable
        for layer in [*encoder, *classifier.head.layers]
        if not isinstance(layer, NgramLogits)
        for place, variable in enumerate(layer.weights)
    }


def _misfit(saved: ModelFacts, current: ModelFacts) -> str | None:
    """Returns why the weights of one model mean nothing in another; None: they do."""
    if saved.ngram_rows is None:
        return f"{_BASE} has the head of an earlier version"
    for name, option in (
        ("elmo_version", "ELMo (elmo.source)"),
        ("pooling", "model.pooling"),
        ("hidden_units", "model.hidden_units"),
        ("pretrained_branch", "model.pretrained_branch"),
        ("held_out", "data.eval_fraction or data.test_fraction"),
        ("divided_by", "way to choose the eval and test rows"),
        ("exact_shares", "division of rows (exact shares of small classes)"),
        ("multi_label", "data.multi_label"),
        ("tokenizer", "transform.tokenizer"),
    ):
        old, new = getattr(saved, name), getattr(current, name)
        if old != new:
            return f"{_BASE} has another {option}: {old}, not {new}"
    if saved.elmo_trainable and not current.elmo_trainable:
        return f"{_BASE} has trained its ELMo, and elmo.trainable is false here"
    if not set(saved.classes) & set(current.classes):
        return f"{_BASE} has other classes: {', '.join(saved.classes)}"
    return None


def _other_shapes(saved: SavedFacts, variables: Mapping[str, Any]) -> str | None:
    """Returns how the weights differ in number or shape; None: they do not."""
    # An earlier version kept the n-grams too.
    kept = {name for name in saved.shapes if not name.startswith("ngram_logits.")}
    for name in sorted({*kept, *variables}):
        old, new = saved.shapes.get(name), None
        if name in variables:
            new = list(variables[name].shape)
            if name.startswith(_BY_CLASS):
                new[-1] = len(saved.model.classes)
        if old != new:
            return f"{_BASE} has other weights {name}: shape {old}, not {new}"
    return None


def _by_class(
    saved: np.ndarray,
    saved_classes: Sequence[str],
    fresh: np.ndarray,
    classes: Sequence[str],
) -> np.ndarray:
    """Returns weights `(..., classes)`: the saved ones, or `fresh` for new classes."""
    result = fresh.copy()
    for place, name in enumerate(classes):
        if name in saved_classes:
            result[..., place] = saved[..., saved_classes.index(name)]
    return result


def _value(variable: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable)
