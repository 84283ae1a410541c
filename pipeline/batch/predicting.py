"""Scores texts with a pushed classifier."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.batch.formats.table import Kind
from pipeline.batch.scoring import CUT, once_per_process
from pipeline.evaluation.explanations import words_of
from pipeline.evaluation.facts import WordWeight
from pipeline.features import CHOSEN, PROBABILITIES, UNSURE, WEIGHTS
from pipeline.precision import FLOAT32, compute_in
from pipeline.serving.manifest import check_digests, digests
from pipeline.serving.versions import load_classifier, version_of

LABEL = "predicted_label"
LABELS = "predicted_labels"  # where a text may have several
VERSION = "model_version"
WORDS = "words"  # that decided; only if asked for
_PROBABILITY = "probability_{}"
_DIGITS = 6  # of a probability: what float32 holds
_MAX_WORDS = 10  # of a text


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A `Scorer` with a classifier: a SavedModel with the signature `predict_text`.

    Args:
        folder: Of the SavedModel, where every worker finds it.
        classes: Names, in the order of the probabilities.
        files: Path and SHA-256 of its files; a worker loads no others.
        multi_label: Whether it gives a text any number of labels.
        says_unsure: Whether it says of which texts it is unsure.
        explain: Whether it also says which words decided.
        precision: In which numbers it multiplies: `float32` or `bfloat16`.
    """

    folder: str
    classes: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    multi_label: bool = False
    says_unsure: bool = False
    explain: bool = False
    precision: str = FLOAT32

    @classmethod
    def inspect(
        cls,
        folder: str,
        expected: Mapping[str, str] | None,
        *,
        explain: bool = False,
        precision: str = FLOAT32,
    ) -> Predictor:
        """Loads a model to learn its classes.

        Args:
            folder: Of the SavedModel.
            expected: SHA-256 of its files; None: as they are now.
            explain: Whether it shall say which words decided.
            precision: In which numbers it shall multiply.

        Raises:
            ModelError: It cannot be loaded, its files are not those expected, or it
                cannot say which words decided.
        """
        files = tuple((digests(folder) if expected is None else expected).items())
        model = _load(folder, files, explain, precision)
        answer = model(tf.constant(["text"]))
        classes = tuple(name.decode() for name in answer["classes"].numpy()[0])
        says = CHOSEN in answer, UNSURE in answer
        return cls(folder, classes, files, *says, explain, precision)

    @property
    def fields(self) -> dict[str, str]:
        """Label, probabilities, whether the text was cut, and version of the model.

        Where a text may have several labels, first all that it has, and then the most
        probable one, whether it has it or not. Of a model that may be unsure also
        whether it is, after the probabilities. The words that decided, a list of
        `[token, weight]`, strongest first, at most ten, come last; where the format has
        no such lists, they are written as JSON.
        """
        probabilities = {_PROBABILITY.format(name): Kind.FLOAT for name in self.classes}
        return {
            **({LABELS: Kind.STRINGS} if self.multi_label else {}),
            LABEL: Kind.STRING,
            **probabilities,
            **({UNSURE: Kind.BOOL} if self.says_unsure else {}),
            CUT: Kind.BOOL,
            VERSION: Kind.STRING,
            **({WORDS: Kind.STRING} if self.explain else {}),
        }

    def load(self) -> _Score:
        """Returns the model of this process."""
        model = _load(self.folder, self.files, self.explain, self.precision)
        return _Score(model, self)

    def tally(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Counts rows by label, those whose text was cut, and those that are unsure."""
        if self.multi_label:
            names = [name for row in rows for name in row[LABELS] or ["(none)"]]
        else:
            names = [row[LABEL] for row in rows]
        counts = collections.Counter(f"label {name}" for name in names)
        counts["cut"] = sum(bool(row[CUT]) for row in rows)
        if self.says_unsure:
            counts[UNSURE] = sum(row[UNSURE] for row in rows)
        return dict(counts)


class _Score:
    def __init__(self, predict: Any, predictor: Predictor) -> None:
        self._predict = predict
        self._classes = predictor.classes
        self._names = [_PROBABILITY.format(name) for name in predictor.classes]
        self._version = version_of(predictor.folder)

    def __call__(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        answer = self._predict(tf.constant([text.encode("utf-8") for text in texts]))
        probabilities = answer["probabilities"].numpy()
        for name in answer.keys() & {PROBABILITIES, WEIGHTS}:
            if not np.isfinite(answer[name]).all():
                raise tf.errors.InvalidArgumentError(
                    None, None, f"the model's {name} are not finite"
                )
        cut = answer["is_cut"].numpy().tolist() if "is_cut" in answer else None
        several: list[dict[str, Any]] = [{} for _ in texts]
        if CHOSEN in answer:
            several = [
                {LABELS: list(itertools.compress(self._classes, row))}
                for row in answer[CHOSEN].numpy()
            ]
        unsure: list[dict[str, Any]] = [{} for _ in texts]
        if UNSURE in answer:
            unsure = [{UNSURE: is_so} for is_so in answer[UNSURE].numpy().tolist()]
        words: list[dict[str, Any]] = [{} for _ in texts]
        if WEIGHTS in answer:
            words = [{WORDS: _strongest(of_text)} for of_text in words_of(answer)]
        rounded = probabilities.astype("float64").round(_DIGITS).tolist()
        return [
            {
                **several[place],
                LABEL: label.decode(),
                **dict(zip(self._names, row, strict=True)),
                **unsure[place],
                CUT: cut[place] if cut else None,
                VERSION: self._version,
                **words[place],
            }
            for place, (label, row) in enumerate(
                zip(answer["label"].numpy().tolist(), rounded, strict=True)
            )
        ]


def _strongest(words: Sequence[WordWeight]) -> list[list[Any]]:
    by_strength = sorted(words, key=lambda word: -abs(word.weight))
    return [[word.token, word.weight] for word in by_strength[:_MAX_WORDS]]


@once_per_process
def _load(
    folder: str, files: tuple[tuple[str, str], ...], explain: bool, precision: str
) -> Any:
    compute_in(precision)
    check_digests(folder, dict(files))
    return load_classifier(folder, explain=explain)
