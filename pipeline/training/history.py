"""The course of a training as a file that people and the summary read."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.training.calibration import Calibration
from pipeline.training.embedding_store import StoreFacts
from pipeline.training.label_doubts import Doubts
from pipeline.training.state import TrainingState
from pipeline.training.warm_start import WarmStart

HISTORY_FILE = "history.json"


def write_history(
    folder: str,
    state: TrainingState,
    train: Mapping[str, Any],
    *,
    class_counts: Mapping[str, int],
    class_weights: Mapping[str, float],
    calibration: Calibration,
    words: Mapping[str, Any],
    doubts: Doubts | None,
    store: StoreFacts | None,
    warm_start: WarmStart | None,
    search: Mapping[str, Any] | None = None,
    pretrained_branch: bool = False,
    word_vectors: bool = False,
) -> None:
    """Writes `HISTORY_FILE`.

    Its keys:
        epochs: a list of {epoch, steps, train_loss, train_accuracy, eval_loss,
            eval_accuracy, seconds}; the seconds of the first include the encoding.
        best_epoch: from 1.
        resumed_after: epochs that interrupted executions had done; 0: none.
        steps: batches trained on in all epochs.
        ended_by: the option that ended it: `epochs`, `patience` or `max_steps`.
        stopped_early: whether that was `patience`.
        warm_start: {from, reason, new_classes}, see `WarmStart`; None: not asked for.
        tuning: see `Search`; None: options were not searched.
        pretrained_branch, word_vectors: whether the head has them.
        class_counts, class_weights: by class name, over the training split.
        temperature, ngram_weight: see `Calibration`.
        eval_accuracy: of the whole head; that of an epoch is without the n-grams.
        certain: {precision, threshold, coverage}, see `Certain`; None: not asked for.
        thresholds: by class name; only where a text may have several labels.
        doubts: {texts, all_texts, classes, models, found}, see `Doubts`: `found` is a
            list of {key, label, suggested, label_probability, suggested_probability},
            with names of classes and the key in hexadecimal; None: texts may have
            several labels.
        words: by class name, the words that speak most for it, as `strongest_words`
            returns them.
        embedding_cache: `StoreFacts`, or None where ELMo itself is trained, with
            first_epoch_seconds and later_epoch_seconds (their mean, None if none).

    Args:
        folder: On any file system TensorFlow knows.
        state: At the end of training.
        train: Section `train` of the configuration.
        class_counts: Training examples by class name.
        class_weights: Weight of an example in both losses, by class name; no unit.
        calibration: Its thresholds in the order of `class_counts`.
        words: Of `strongest_words`.
        doubts: Its labels in the order of `class_counts`; None: not looked for.
        store: None where ELMo itself was trained.
        warm_start: None where it was not asked for.
        search: A `Search` as a table; None where it was not asked for.
        pretrained_branch: Whether the head has one.
        word_vectors: Whether its n-grams are read with vectors.
    """
    ended_by = state.ended_by(
        epochs=train["epochs"],
        patience=train["patience"],
        max_steps=train["max_steps"],
    )
    history = {
        "epochs": state.history,
        "best_epoch": state.best_epoch,
        "steps": state.steps_done,
        "ended_by": ended_by,
        "stopped_early": ended_by == "patience",
        "resumed_after": state.resumed_after,
        "warm_start": warm_start
        and {
            "from": warm_start.source,
            "reason": warm_start.reason,
            "new_classes": list(warm_start.new_classes),
        },
        "tuning": search,
        "pretrained_branch": pretrained_branch,
        "word_vectors": word_vectors,
        "embedding_cache": store and _with_seconds(store, state),
        "class_counts": dict(class_counts),
        "class_weights": dict(class_weights),
        "temperature": calibration.temperature,
        "ngram_weight": calibration.ngram_weight,
        "eval_accuracy": calibration.accuracy,
        "certain": calibration.certain and dataclasses.asdict(calibration.certain),
        "words": dict(words),
        "doubts": doubts and _with_names(doubts, list(class_counts)),
    }
    if calibration.thresholds is not None:
        thresholds = calibration.thresholds.tolist()
        history["thresholds"] = dict(zip(class_counts, thresholds, strict=True))
    with tf.io.gfile.GFile(os.path.join(folder, HISTORY_FILE), "w") as file:
        file.write(json.dumps(history, indent=2) + "\n")


def _with_names(doubts: Doubts, classes: Sequence[str]) -> dict[str, Any]:
    return {
        "texts": doubts.texts,
        "all_texts": doubts.all_texts,
        "classes": doubts.classes,
        "models": list(doubts.models),
        "found": [
            {
                "key": each.key.hex(),
                "label": classes[each.label],
                "suggested": classes[each.suggested],
                "label_probability": round(each.label_probability, 4),
                "suggested_probability": round(each.suggested_probability, 4),
            }
            for each in doubts.found
        ],
    }


def _with_seconds(store: StoreFacts, state: TrainingState) -> dict[str, Any]:
    seconds = [entry["seconds"] for entry in state.history]
    later = round(float(np.mean(seconds[1:])), 3) if len(seconds) > 1 else None
    return {
        **dataclasses.asdict(store),
        "first_epoch_seconds": seconds[0],
        "later_epoch_seconds": later,
    }
