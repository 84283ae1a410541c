from __future__ import annotations

import pytest
from tfx import types
from tfx.types import standard_artifacts

from components.drift_check.component import DriftCheck


def _examples() -> types.Channel:
    return types.Channel(type=standard_artifacts.Examples)


@pytest.mark.parametrize("name", ["label", "length", "unknown_words"])
@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), "0.1", None, True])
def test_a_threshold_that_is_not_a_share_is_refused_at_construction(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a number from 0 to 1. Rec"):
        DriftCheck(_examples(), window=_examples(), **{name: value})


def test_a_whole_number_is_a_threshold_too():
    check = DriftCheck(_examples(), window=_examples(), label=0, length=1)
    assert check.exec_properties["label"] == 0.0
    assert isinstance(check.exec_properties["length"], float)
    assert check.outputs["drift"].type.TYPE_NAME == "DriftReport"
