from __future__ import annotations

import pytest
from tfx import types
from tfx.types import standard_artifacts

from components.serving_check.component import ServingCheck


@pytest.mark.parametrize("seconds", [0, -5, 2.5, "60"])
def test_a_timeout_that_is_not_a_positive_int_is_refused_at_construction(seconds):
    model = types.Channel(type=standard_artifacts.Model)
    with pytest.raises(ValueError, match="`timeout_seconds` must be a positive int"):
        ServingCheck(model, timeout_seconds=seconds)


def test_the_check_declares_the_blessing_that_the_pusher_reads():
    check = ServingCheck(types.Channel(type=standard_artifacts.Model))
    assert check.outputs["blessing"].type is standard_artifacts.InfraBlessing
    assert check.exec_properties == {"text_feature": "text", "timeout_seconds": 600}
