from __future__ import annotations

import numpy as np
import pytest

from benchmarks.elmo.measuring import agreement_of


def test_agreement_finds_the_worst_token():
    ours = np.array([[1.0, 0.0], [1.0, 1.0]], "float32")
    theirs = np.array([[1.0, 0.0], [1.0, 0.0]], "float32")
    found = agreement_of(ours, theirs)
    assert found["max_difference"] == 1.0
    assert found["min_cosine"] == pytest.approx(0.5**0.5)
