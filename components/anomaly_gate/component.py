"""AnomalyGate: the contract of a node that stops a run on data that does not fit."""

import json
from collections.abc import Sequence
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.anomaly_gate import executor
from components.drift_check.report import DriftReport


class Clearance(Artifact):
    """A folder with `clearance.json`: what the gate saw, and that it let it pass."""

    TYPE_NAME = "Clearance"


class AnomalyGateSpec(types.ComponentSpec):
    """Inputs, output and parameters of `AnomalyGate`."""

    INPUTS = {
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "statistics": ChannelParameter(
            type=standard_artifacts.ExampleStatistics, optional=True
        ),
        "examples": ChannelParameter(type=standard_artifacts.Examples, optional=True),
        "drift": ChannelParameter(type=DriftReport, optional=True),
    }
    OUTPUTS = {"clearance": ChannelParameter(type=Clearance)}
    PARAMETERS = {
        "on_schema_anomaly": ExecutionParameter(type=str),
        "on_drift": ExecutionParameter(type=str),
        "free_text_features": ExecutionParameter(type=str),
        "list_features": ExecutionParameter(type=str, optional=True),
        "label_feature": ExecutionParameter(type=str),
    }


class AnomalyGate(base_component.BaseComponent):
    """Stops the run on what ExampleValidator and DriftCheck found; these only report.

    Its output `clearance` exists only if the data may be used: make the nodes that
    use the data depend on it (`transform.add_upstream_node(gate)`).

    Args:
        anomalies: What ExampleValidator found, one set per split.
        statistics: Optional; puts the number of examples per split in the report.
        examples: Optional; if its folder has a `counts.json` with `labels` (rows per
            label, per split), labels that no training row has are anomalies too.
        drift: Optional; what DriftCheck found in the newest span.
        on_schema_anomaly: `stop` or `warn`, for data that does not fit the schema.
        on_drift: `stop` or `warn`, for what was found by comparing statistics: the
            anomalies of `drift`, and drift and skew among `anomalies`, if they come
            from an ExampleValidator that compares; TFX's own does not.
        free_text_features: Features that hold free text. For these the domain that
            SchemaGen guesses from few texts is no reason to stop; the report lists
            such anomalies as ignored. Type, presence and shape are still checked.
        list_features: Features that have any number of values, 1 or more. For these
            the number that SchemaGen guesses, if all rows it sees have as many, is no
            reason to stop either.
        label_feature: Name of the label feature, for the report.

    Raises:
        ValueError: A choice is neither `stop` nor `warn`, or `free_text_features` or
            `list_features` is a single string.
    """

    SPEC_CLASS = AnomalyGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        anomalies: types.BaseChannel,
        *,
        statistics: types.BaseChannel | None = None,
        examples: types.BaseChannel | None = None,
        drift: types.BaseChannel | None = None,
        on_schema_anomaly: str = "stop",
        on_drift: str = "stop",
        free_text_features: Sequence[str] = (),
        list_features: Sequence[str] = (),
        label_feature: str = "label",
    ) -> None:
        _check_choice("on_schema_anomaly", on_schema_anomaly)
        _check_choice("on_drift", on_drift)
        _check_names("free_text_features", free_text_features)
        _check_names("list_features", list_features)
        super().__init__(
            AnomalyGateSpec(
                anomalies=anomalies,
                statistics=statistics,
                examples=examples,
                drift=drift,
                clearance=types.Channel(type=Clearance),
                on_schema_anomaly=on_schema_anomaly,
                on_drift=on_drift,
                free_text_features=json.dumps(list(free_text_features)),
                list_features=json.dumps(list(list_features)),
                label_feature=label_feature,
            )
        )


def _check_names(name: str, value: Any) -> None:
    if isinstance(value, (str, bytes)):
        raise ValueError(
            f"`{name}` must be a sequence of feature names. "
            f"Received: {value!r}\nhint: {name}=[{value!r}]"
        )


def _check_choice(name: str, value: Any) -> None:
    if value not in ("stop", "warn"):
        raise ValueError(f"`{name}` must be one of stop, warn. Received: {value!r}")
