"""Which threshold each label gets."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.training.label_thresholds import best_thresholds


@pytest.mark.parametrize(
    ("scores", "own", "threshold"),
    [
        ([0.1, 0.2, 0.3], [0, 0, 0], 0.5),  # nobody has it
        ([0.1, 0.2, 0.4], [0, 0, 1], 0.3),
        ([0.1, 0.9], [0, 1], 0.5),  # of many the nearest to 0.5
        ([0.001, 0.06], [0, 1], 0.05),  # not below the bound
        ([0.98, 0.99], [1, 1], 0.5),
        ([0.2, 0.3, 0.3, 0.6], [0, 1, 0, 1], 0.25),  # both, and one too many
    ],
)
def test_the_threshold_has_the_best_f1_within_the_bounds(scores, own, threshold):
    found = best_thresholds(np.array([scores]).T, np.array([own]).T)
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx([threshold])
