"""Evaluations and doubted rows, made by hand: figures that fit together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

_WRONG = (
    (
        "positive",
        "negative",
        "Not a dull moment, and never too long: I was wrong to wait.",
    ),
    (
        "negative",
        "positive",
        "A beautifully shot, superbly scored and utterly empty film.",
    ),
    (
        "positive",
        "negative",
        "I can't fault it. The worst I could say is that it ends.",
    ),
    (
        "negative",
        "positive",
        "You'll love it if you love watching wonderful actors bored.",
    ),
    (
        "positive",
        "negative",
        "Bad, bad, bad to the bone — and that's why we adore her.",
    ),
)


_WEIGHTS = {
    "dull": -1.9, "slow": -1.1, "worst": -1.7, "bad": -1.4, "bored": -1.2,
    "empty": -1.3, "beautifully": 1.8, "superbly": 1.6, "love": 1.2, "wonderful": 1.4,
    "adore": 1.0, "never": 0.3, "not": -0.4, "n't": -0.3, "moment": 0.3, "fault": -0.9,
}  # fmt: skip


def doubted_row(number: int, **changes: Any) -> dict[str, Any]:
    """Returns a row whose label is doubted, the less the higher its number."""
    label, suggested, text = _WRONG[number % len(_WRONG)]
    probability = 0.99 - 0.01 * number
    return {
        "text": f"{text} ({number})",
        "label": label,
        "suggested": suggested,
        "label_probability": 1 - probability,
        "suggested_probability": probability,
        "source": "/data/reviews/2026-11.csv",
        "position": 100 + 7 * number,
        "split": "train",
        "rows": 1 + number % 2,
    } | changes


def evaluation(
    names: Sequence[str], test_rows: int, accuracy: float, **changes: Any
) -> dict[str, Any]:
    """Returns the facts of an evaluation on rows that the classes share evenly."""
    support = test_rows // len(names)
    wrong = [max(1, round(support * (1 - accuracy) * (0.7 + 0.6 * n / len(names))))
             for n in range(len(names))]  # fmt: skip
    confused = [
        {
            "label": name,
            "predicted": names[(n + 1 + other) % len(names)],
            "rows": part,
        }
        for n, name in enumerate(names)
        for other, part in enumerate(_parts(wrong[n], min(3, len(names) - 1)))
        if part
    ]
    recalls = [1 - lost / support for lost in wrong]
    classes = [
        {
            "name": name,
            "precision": recall - 0.01,
            "recall": recall,
            "f1": recall - 0.005,
            "support": support,
            "precision_interval": _interval(recall - 0.01, support),
            "recall_interval": _interval(recall, support),
        }
        for name, recall in zip(names, recalls, strict=True)
    ]
    return {
        "metrics": measures(accuracy),
        "baseline": measures(accuracy - 0.013),
        "change": {
            "gained": 40,
            "lost": 26,
            "both": 930,
            "neither": 66,
            "interval": (-0.002, 0.028),
        },
        "rows": support * len(names),
        "classes": classes,
        "by_length": {
            name: {**measures(accuracy + change), "rows": test_rows // 3}
            for name, change in (("short", -0.031), ("medium", 0.004), ("long", 0.021))
        },
        "accuracy_interval": _interval(accuracy, test_rows),
        "confused": sorted(confused, key=lambda pair: -pair["rows"]),
        "bins": _bins(test_rows),
        "curves": [
            _curves(name, 0.02 + 0.012 * n) for n, name in enumerate(names[:20])
        ],
        "wrong": [_wrong_row(n, names) for n in range(50)],
        "certain": {
            "precision": 0.95,
            "threshold": 0.842,
            "coverage": 0.868,
            "accuracy": 0.953,
        },
        "ok": True,
        "thresholds": [
            {"measure": "auc", "kind": "least", "bound": 0.6, "value": 0.9, "ok": True},
            {
                "measure": "accuracy",
                "kind": "change",
                "bound": -0.01,
                "value": 0.013,
                "ok": True,
            },
        ],
        "failures": [],
        "notes": [],
        "blessed": True,
    } | changes


def measures(accuracy: float) -> dict[str, float]:
    return {
        "accuracy": accuracy,
        "auc": accuracy + 0.4 * (1 - accuracy),
        "macro_f1": accuracy - 0.004,
        "calibration_error": 0.014,
    }


def _interval(share: float, rows: int) -> tuple[float, float]:
    half = 1.96 * math.sqrt(max(share * (1 - share), 0.001) / rows)
    return max(0.0, share - half), min(1.0, share + half)


def _parts(number: int, parts: int) -> list[int]:
    first = number - (parts - 1) * (number // (parts + 1))
    return [first] + [number // (parts + 1)] * (parts - 1)


def _bins(test_rows: int) -> list[dict[str, Any]]:
    bins = []
    for n in range(15):
        low, high = n / 15, (n + 1) / 15
        share = math.exp(-6 * (1 - high)) if low > 0.45 else 0.0
        rows = round(test_rows * share / 3.1)
        middle = (low + high) / 2 if rows else None
        right = middle and min(1.0, middle + 0.03 * math.sin(n))
        bins.append(
            {
                "low": low,
                "high": high,
                "rows": rows,
                "confidence": middle,
                "accuracy": right,
            }
        )
    return bins


def _curves(name: str, strength: float) -> dict[str, Any]:
    roc = [(x, x**strength_) for strength_ in [3 * strength + 0.05] for x in
           (n / 60 for n in range(61))]  # fmt: skip
    pr = [(n / 60, 1 - strength * (n / 60) ** 3 * 6) for n in range(61)]
    return {"name": name, "roc": roc, "precision_recall": pr}


def _wrong_row(number: int, names: Sequence[str]) -> dict[str, Any]:
    label, predicted, text = _WRONG[number % len(_WRONG)]
    if len(names) > 2:
        label, predicted = names[number % len(names)], names[(number + 1) % len(names)]
    sign = 1 if predicted != "negative" else -1
    tokens = text.replace(",", " ,").replace(".", " .").replace(":", " :")
    tokens = tokens.replace("can't", "ca n't").replace("—", "--").split()
    probability = 0.995 - 0.006 * number
    return {
        "text": text,
        "labels": [label],
        "predicted": [predicted],
        "probability": probability,
        "label_probability": 1 - probability,
        "source": f"/data/reviews/2026-{number % 3 + 9:02}.csv",
        "position": 17 + 211 * number,
        "words": [
            {"token": token, "weight": sign * _WEIGHTS.get(token.lower(), 0.02)}
            for token in tokens
        ],
    }
