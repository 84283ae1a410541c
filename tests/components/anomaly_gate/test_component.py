from __future__ import annotations

import pytest
from tfx import types
from tfx.types import standard_artifacts

from components.anomaly_gate.component import AnomalyGate


def _anomalies() -> types.Channel:
    return types.Channel(type=standard_artifacts.ExampleAnomalies)


@pytest.mark.parametrize("name", ["on_schema_anomaly", "on_drift"])
def test_a_choice_other_than_stop_and_warn_is_refused_at_construction(name):
    with pytest.raises(ValueError, match=f"`{name}` must be one of stop, warn.*'halt'"):
        AnomalyGate(_anomalies(), **{name: "halt"})


def test_one_string_for_the_free_text_features_is_refused():
    with pytest.raises(ValueError, match=r"hint: free_text_features=\['text'\]"):
        AnomalyGate(_anomalies(), free_text_features="text")


def test_the_gate_declares_a_clearance_that_later_nodes_can_depend_on():
    gate = AnomalyGate(_anomalies(), on_drift="warn", free_text_features=["text"])
    assert gate.outputs["clearance"].type.TYPE_NAME == "Clearance"
    assert gate.exec_properties == {
        "on_schema_anomaly": "stop",
        "on_drift": "warn",
        "free_text_features": '["text"]',
        "list_features": "[]",
        "label_feature": "label",
    }
