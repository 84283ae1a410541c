"""Accuracies of a made-up run."""

from __future__ import annotations

from benchmarks.quality import measuring


def results(head: float) -> measuring.Results:
    """Returns a run of which all but the head on the embedded ELMo have 71 %."""
    accuracies = {
        name: [0.70, 0.72]
        for name in (
            measuring.TF_IDF,
            measuring.MEAN.format(measuring.ELMO),
            measuring.MEAN.format(measuring.RANDOM),
            measuring.HEAD.format(measuring.ELMO) + measuring.WITHOUT,
            measuring.HEAD.format(measuring.RANDOM) + measuring.WITHOUT,
            measuring.EMBEDDING,
            measuring.EMBEDDING + measuring.WITHOUT,
        )
    }
    accuracies[measuring.HEAD.format(measuring.ELMO)] = [head - 0.01, head + 0.01]
    conditions = {
        "date": "2026-01-31",
        "cpu": "A CPU",
        "cores": 2,
        "texts": {"MR": 10662},
        "model": {"pooling": "attention"},
        "versions": {"Keras": "3"},
    }
    return measuring.Results({"MR": accuracies}, conditions)
