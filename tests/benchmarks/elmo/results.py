"""Raw results of a made-up run, with figures that are easy to reckon with."""

from __future__ import annotations

from typing import Any


def contender(
    tokens_per_second: float, *, dtype: str = "float32", is_peer: bool = False
) -> dict[str, Any]:
    """Returns a contender with two settings; the second is the faster one."""
    slower = {"batch": 64, "order": "as it comes", "seconds": 8.0}
    faster = {"batch": 128, "order": "sorted by length", "seconds": 4.0}
    return {
        "dtype": dtype,
        "is_peer": is_peer,
        "versions": {"package": "1.0"},
        "latency_ms": 10.0,
        "peak_mib": 900.0,
        "runs": [
            {
                **slower,
                "tokens_per_second": tokens_per_second / 2,
                "multiply_adds": 150_000_000_000,
            },
            {
                **faster,
                "tokens_per_second": tokens_per_second,
                "multiply_adds": 144_000_000_000,
            },
        ],
    }


def run() -> dict[str, Any]:
    """Returns a run of the original model: 6.5 times the faster peer."""
    peer = contender(100.0, is_peer=True)
    slow_peer = contender(50.0, is_peer=True)
    for each in (peer, slow_peer):
        each.update(latency_ms=20.0, peak_mib=1000.0, max_difference=1e-6)
    half = contender(900.0, dtype="bfloat16") | {"min_cosine": 0.9995}
    return {
        "peak": {"device": "CPU", "gflops": {"float32": 100.0, "bfloat16": 200.0}},
        "models": {
            "original": {
                "contenders": {
                    "keras_elmo float32": contender(650.0),
                    "keras_elmo bfloat16": half,
                    "simple_elmo": slow_peer,
                    "allennlp": peer,
                },
                "training": {
                    "frozen": {"forward_seconds": 2.0, "step_seconds": 2.5},
                    "trainable": {"forward_seconds": 2.0, "step_seconds": 8.0},
                },
            }
        },
        "conditions": {
            "date": "2030-01-02",
            "cpu": "A processor",
            "cores": 2,
            "load_before": 0.0,
            "load_after": 2.0,
            "source": "mr",
            "sentences": 512,
            "tokens": 10_000,
            "repeats": 2,
            "versions": {"allennlp": {"allennlp": "2.10.1"}},
        },
    }
