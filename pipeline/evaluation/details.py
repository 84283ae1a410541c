"""What a report shows of a test beside its measures, in bounded memory.

`Details` takes rows one by one, details of parts of the data are merged, and the result
is the same in whatever order that happened. It travels as one value of type bytes.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.evaluation.measures import Tally
from pipeline.features import LABEL, ROW_POSITION, ROW_SOURCE, TEXT

MOST_CONFUSED = 400  # pairs of label and prediction
MOST_CURVES = 20  # classes
MOST_POINTS = 100  # of a curve
MOST_WRONG = 50  # rows
MOST_CHARACTERS = 1000  # of a text, and of a label

# Of a label that the model does not know, where pairs are counted.
_MOST_NAME = 100

# Pairs that are counted: all of them with up to 256 classes.
_MOST_PAIRS = 1 << 16

_Own = tuple[tuple[int, float], ...]  # known labels of a row and their probabilities


class _Example(NamedTuple):
    """What is shown of an example; "" and -1: it does not say where its row stands."""

    text: str
    source: str
    position: int
    labels: tuple[str, ...]


class _Wrong(NamedTuple):
    """What the model said of a row that it got wrong; see `WrongRow`."""

    probability: float
    predicted: tuple[int, ...]
    own: _Own


class Details:
    """Keeps the rows that are wrong with most confidence, and counts what is confused.

    Rows with a probability that is not a finite number are neither. Pairs of label and
    prediction are counted exactly up to 65,536 different ones; of more, only those that
    a hash of the pair chooses.
    """

    def __init__(self) -> None:
        # Rows in all, with an invalid prediction, answered, answered rightly.
        self._rows = [0, 0, 0, 0]
        self._knows_unsure = False
        # Rows that both models get right, only this one, only the last one, neither.
        self._beside_last = [0, 0, 0, 0]
        # (number of the label, or its name if it has none; number of the prediction)
        self._confused: dict[tuple[int | str, int], int] = {}
        self._wrong: list[tuple[_Example, _Wrong]] = []
        self._least = 0.0  # probability below which a row is not among the wrong ones

    def add(
        self,
        label: Any,
        probabilities: np.ndarray,
        read_example: Callable[[], bytes],
        *,
        chosen: Any = None,
        unsure: Any = None,
        last_is_right: bool | None = None,
    ) -> None:
        """Counts a row.

        Args:
            label: The true class; with `chosen`, int `(classes + 1,)`: 1 at the true
                labels, at the end if there is one that the model does not know.
            probabilities: float32 `(classes,)`.
            read_example: Returns the row's tf.Example, serialized.
            chosen: bool `(classes,)`, where a row may have several labels.
            unsure: Whether the model says that it is unsure; None: it never does.
            last_is_right: Whether the last model is right; None: there is none.
        """
        is_valid = math.isfinite(float(probabilities.sum()))
        wrong = _wrong_of(label, probabilities, chosen) if is_valid else None
        is_answered = unsure is not None and not unsure
        self._knows_unsure |= unsure is not None
        self._rows[0] += 1
        self._rows[1] += not is_valid
        self._rows[2] += is_answered
        is_wrong = not is_valid or wrong is not None
        self._rows[3] += is_answered and not is_wrong
        if last_is_right is not None:
            self._beside_last[2 * is_wrong + (not last_is_right)] += 1
        if wrong is not None:
            self._add_wrong(wrong, read_example, is_one=chosen is None)

    def _add_wrong(
        self, wrong: _Wrong, read_example: Callable[[], bytes], *, is_one: bool
    ) -> None:
        is_surest = wrong.probability >= self._least
        is_unnamed = is_one and not wrong.own
        example = _parsed(read_example()) if is_surest or is_unnamed else None
        if example is not None and is_surest:
            self._wrong.append((example, wrong))
        if is_one:
            name = "".join(example.labels[:1]) if example is not None else ""
            label = wrong.own[0][0] if wrong.own else name[:_MOST_NAME]
            pair = (label, wrong.predicted[0])
            self._confused[pair] = self._confused.get(pair, 0) + 1
        self._bound(slack=2)

    def merge(self, other: Details) -> None:
        """Adds what `other` counted."""
        self._rows = [a + b for a, b in zip(self._rows, other._rows, strict=True)]
        self._knows_unsure |= other._knows_unsure
        both = zip(self._beside_last, other._beside_last, strict=True)
        self._beside_last = [a + b for a, b in both]
        for pair, rows in other._confused.items():
            self._confused[pair] = self._confused.get(pair, 0) + rows
        self._wrong += other._wrong
        self._bound()

    @property
    def coverage(self) -> float | None:
        """Share of the rows that the model answers; None: it cannot say otherwise.

        NaN if there is an invalid prediction, as every measure then is.
        """
        rows, invalid, answered, _ = self._rows
        if not self._knows_unsure:
            return None
        return math.nan if invalid else answered / rows

    def to_bytes(self, tally: Tally) -> bytes:
        """Returns what `read_details` reads.

        Args:
            tally: Of the same rows.
        """
        self._bound()
        measures = tally.measures()
        ordered = sorted(
            self._confused.items(), key=lambda entry: (-entry[1], repr(entry[0]))
        )
        # Stable: of two classes with as many rows, the one with the lower number first.
        classes = np.argsort(-measures.support, kind="stable")[:MOST_CURVES].tolist()
        details = {
            "answered": self._rows[2:] if self._knows_unsure else None,
            "beside_last": self._beside_last if any(self._beside_last) else None,
            "predicted": measures.predicted.tolist(),
            "confused": [[*pair, rows] for pair, rows in ordered[:MOST_CONFUSED]],
            "bins": tally.bins().tolist(),
            "curves": list(tally.curves(classes, MOST_POINTS).items()),
            "wrong": self._wrong,
        }
        return zlib.compress(json.dumps(details, allow_nan=False).encode())

    def _bound(self, slack: int = 1) -> None:
        """Leaves out what is too much, once there is `slack` times what is kept."""
        if len(self._wrong) > slack * MOST_WRONG or slack == 1:
            self._wrong = sorted(self._wrong, key=_order)[:MOST_WRONG]
            if len(self._wrong) == MOST_WRONG:
                self._least = self._wrong[-1][1].probability
        if len(self._confused) > slack * _MOST_PAIRS:
            # Of each part the same are chosen as of the whole, and thus all counted.
            chosen = sorted(self._confused, key=_hash)[:_MOST_PAIRS]
            self._confused = {pair: self._confused[pair] for pair in chosen}


def _order(row: tuple[_Example, _Wrong]) -> tuple[Any, ...]:
    example, wrong = row
    return -wrong.probability, example, wrong


def _hash(pair: tuple[int | str, int]) -> tuple[int, str]:
    text = repr(pair)  # not hash(): it differs from process to process
    return zlib.crc32(text.encode()), text


def is_right(label: Any, probabilities: np.ndarray, chosen: Any = None) -> bool:
    """Returns whether a model gets a row right; see `Details.add`."""
    is_valid = math.isfinite(float(probabilities.sum()))
    return is_valid and _wrong_of(label, probabilities, chosen) is None


def _wrong_of(label: Any, probabilities: np.ndarray, chosen: Any) -> _Wrong | None:
    if chosen is None:
        return _one_wrong(int(label), probabilities)
    return _several_wrong(label, probabilities, chosen)


def _one_wrong(label: int, probabilities: np.ndarray) -> _Wrong | None:
    """Returns None if the most probable class is the label."""
    predicted = int(probabilities.argmax())
    probability = float(probabilities[predicted])
    if not 0 <= probability <= 1:
        # As a tally does it: what is above 1 then counts as equal.
        return _one_wrong(label, np.clip(probabilities, 0, 1))
    if predicted == label:
        return None
    is_known = 0 <= label < len(probabilities)
    own: _Own = ((label, float(probabilities[label])),) if is_known else ()
    return _Wrong(probability, (predicted,), own)


def _several_wrong(label: Any, probabilities: Any, chosen: Any) -> _Wrong | None:
    """Returns None if the chosen labels are exactly the true ones."""
    label, chosen = np.asarray(label, bool), np.asarray(chosen, bool)
    probabilities = np.clip(probabilities, 0, 1)
    is_wrong = label[:-1] != chosen
    if not is_wrong.any():
        if not label[-1]:
            return None
        # Only a label that the model does not know is missing: it is judged by the
        # surest label that it gave instead, or of all if it gave none.
        is_wrong = chosen if chosen.any() else ~chosen
    sureness = np.where(chosen, probabilities, 1 - probabilities)
    own = np.flatnonzero(label[:-1]).tolist()
    return _Wrong(
        float(sureness[is_wrong].max()),
        tuple(np.flatnonzero(chosen).tolist()),
        tuple((number, float(probabilities[number])) for number in own),
    )


def _parsed(serialized: bytes) -> _Example:
    feature = tf.train.Example.FromString(serialized).features.feature

    source = feature[ROW_SOURCE].bytes_list.value
    return _Example(
        text="".join(_cut(feature[TEXT])),
        source=b"".join(source).decode("utf-8", "replace"),
        position=next(iter(feature[ROW_POSITION].int64_list.value), -1),
        labels=tuple(_cut(feature[LABEL])),
    )


def _cut(feature: tf.train.Feature) -> list[str]:
    # A character has at most 4 bytes: the rest of a long text need not be decoded.
    return [
        value[: 4 * MOST_CHARACTERS].decode("utf-8", "replace")[:MOST_CHARACTERS]
        for value in feature.bytes_list.value
    ]


def read_details(value: bytes, class_names: Sequence[str] | None) -> dict[str, Any]:
    """Returns what `Details.to_bytes` wrote, as parts of `facts.Evaluation`.

    Args:
        value: What it wrote.
        class_names: In the order of the probabilities; None: numbers are the names.

    Returns:
        `confused`, `bins`, `curves`, `wrong`: as in `facts.Evaluation`;
        `predicted`: for each class, rows that were given it;
        `answered`: rows that are answered, and those answered rightly; None: the
        model cannot say that it is unsure;
        `beside_last`: rows that both models get right, only this one, only the last
        one, and neither; None: there is no last one, or an earlier version counted.
    """
    details = json.loads(zlib.decompress(value))
    names = dict(enumerate(class_names or ()))

    def name_of(label: int | str) -> str:
        return label if isinstance(label, str) else names.get(label, str(label))

    number_of = len(details["bins"])
    return {
        "answered": details["answered"],
        "beside_last": details.get("beside_last"),
        "predicted": details["predicted"],
        "confused": [
            {"label": name_of(label), "predicted": name_of(predicted), "rows": rows}
            for label, predicted, rows in details["confused"]
        ],
        "bins": [
            {
                "low": place / number_of,
                "high": (place + 1) / number_of,
                "rows": int(rows),
                # Without the digits that hang on the order of the sum.
                "confidence": round(confidences / rows, 9) if rows else None,
                "accuracy": right / rows if rows else None,
            }
            for place, (rows, confidences, right) in enumerate(details["bins"])
        ],
        "curves": [
            {"name": name_of(number), "roc": roc, "precision_recall": precision_recall}
            for number, (roc, precision_recall) in details["curves"]
        ],
        "wrong": [
            _wrong_row(_Example(*example), _Wrong(*wrong), name_of)
            for example, wrong in details["wrong"]
        ],
    }


def _wrong_row(
    example: _Example, wrong: _Wrong, name_of: Callable[[int | str], str]
) -> dict[str, Any]:
    own = {name_of(number)[:MOST_CHARACTERS]: each for number, each in wrong.own}
    labels = list(example.labels) or list(own)
    return {
        "text": example.text,
        "labels": labels,
        "predicted": [name_of(number) for number in wrong.predicted],
        "probability": wrong.probability,
        "label_probability": own.get(labels[0]) if labels else None,
        "source": example.source or None,
        "position": example.position if example.position >= 0 else None,
    }
