"""Figures of a made-up run."""

from __future__ import annotations

from typing import Any

FACTS = {
    "date": "2026-01-31",
    "cpu": "A CPU",
    "cores": 2,
    "load_before": 0.1,
    "load_after": 1.9,
    "kept": 0,
    "versions": {},
}


def measured(right: str, seconds: float, **others: Any) -> dict[str, Any]:
    """Returns a contender's figures: it gets the texts of `right` that are 1."""
    return {
        "train_seconds": seconds,
        "whole_seconds": None,
        "chosen": "C 1",
        "versions": {"a-package": "1.2"},
        "is_right": right,
        "texts_per_second": 200.0,
        "batch": 32,
        "bytes": 40_900_000,
        "start_seconds": 4.04,
        "conditions": FACTS,
        **others,
    }


def results() -> dict[str, Any]:
    """Returns a run of three contenders, of which one is missing."""
    return {
        "source": "a.csv",
        "rows": {"train": 8100, "evaluate": 900, "test": 10},
        "table": {
            "elmo": measured("1111111100", 50.0, whole_seconds=81.2, chosen=None),
            "tf-idf": measured(
                "1111110010", 2.5, texts_per_second=24_600.0, bytes=817_000
            ),
            "fasttext": {"missing": "no Python 3.10 found", "failed": False},
        },
        "curve": {
            "elmo": {
                "accuracies": {"100": [0.6, 0.7, 0.65], "1000": [0.7, 0.7, 0.7]},
                "conditions": FACTS,
            },
            "fasttext": {"missing": "no Python 3.10 found", "failed": False},
        },
    }
