"""Which words decided, as a pushed classifier itself says it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.evaluation.facts import Evaluation, WordWeight
from pipeline.features import TOKENS, WEIGHTS
from pipeline.serving.versions import ModelError, load_classifier

_LOGGER = logging.getLogger(__name__)
_BATCH = 32  # texts
_DIGITS = 4


def explain_texts(folder: str, texts: Sequence[str]) -> list[list[WordWeight]]:
    """Returns the tokens of each text with their weights for its predicted class.

    Args:
        folder: Of a SavedModel with the signature `explain_text`.
        texts: Raw, in any number.

    Returns:
        For each text, in the order of the texts, its tokens in their order: those that
        the model reads. An empty list for a text without tokens.

    Raises:
        ModelError: The model cannot be loaded, or an earlier version made it.
    """
    if not texts:
        return []
    import tensorflow as tf

    explain = load_classifier(folder, explain=True)
    # Bytes that are not UTF-8 pass through as they came; the model replaces them.
    raw = [text.encode("utf-8", "surrogateescape") for text in texts]
    order = sorted(range(len(raw)), key=lambda place: len(raw[place]))
    explained: list[list[WordWeight]] = [[] for _ in raw]
    for start in range(0, len(order), _BATCH):
        places = order[start : start + _BATCH]
        answer = explain(tf.constant([raw[place] for place in places]))
        for place, words in zip(places, words_of(answer), strict=True):
            explained[place] = words
    return explained


def with_words(evaluation: Evaluation, model: str) -> Evaluation:
    """Returns an evaluation whose wrong rows have the words that decided.

    Args:
        evaluation: Of a model.
        model: Its SavedModel, on any file system TensorFlow knows.
    """
    try:
        words = explain_texts(model, [row.text for row in evaluation.wrong])
    except ModelError as error:  # such as one that an earlier version made
        _LOGGER.warning("no words that decided: %s", error)
        return evaluation
    wrong = [
        row.model_copy(update={"words": of_row})
        for row, of_row in zip(evaluation.wrong, words, strict=True)
    ]
    return evaluation.model_copy(update={"wrong": wrong})


def words_of(answer: Mapping[str, Any]) -> list[list[WordWeight]]:
    """Returns the tokens and weights in the outputs of `explain_text`, text by text."""
    tokens, weights = np.asarray(answer[TOKENS]), np.asarray(answer[WEIGHTS])
    return [
        [
            WordWeight(
                token=token.decode("utf-8", "replace"),
                weight=round(float(weight), _DIGITS),
            )
            for token, weight in zip(of_text, of_tokens, strict=True)
            if token
        ]
        for of_text, of_tokens in zip(tokens, weights, strict=True)
    ]
