"""What the gate says about anomalies: a line each, and the message of a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from components.anomaly_gate.anomalies import DRIFT, SCHEMA, WHOLE_SPAN, Anomaly

_SHOWN = 20


def line_of(anomaly: Anomaly) -> str:
    """Gives where, what and how bad, in one line."""
    where = f"split `{anomaly.split}`"
    if anomaly.split == WHOLE_SPAN:
        where = "newest span"
    return (
        f"{where}, feature `{anomaly.feature}`: {anomaly.short} "
        f"[{anomaly.kind}, {anomaly.severity}]. {anomaly.description}".rstrip()
    )


def refusal(fatal: Sequence[Anomaly]) -> str:
    """Gives the message of a refusal; its last line says what can be done."""
    lines = [f"The data does not fit ({len(fatal)} anomalies):"]
    lines += [f"  {line_of(anomaly)}" for anomaly in fatal[:_SHOWN]]
    if len(fatal) > _SHOWN:
        lines.append(f"  and {len(fatal) - _SHOWN} more")
    lines.append(f"hint: {'; '.join(_ways(fatal))}")
    return "\n".join(lines)


def _ways(fatal: Iterable[Anomaly]) -> list[str]:
    """Names options as the pipeline's configuration does."""
    spans = sorted({a.feature for a in fatal if a.split == WHOLE_SPAN})
    kinds = {a.kind for a in fatal}
    ways = ["correct the data"]
    if SCHEMA in kinds:
        ways.append("if it is right as it is, give a curated schema file")
        ways.append("or let such anomalies pass with `gate.on_schema_anomaly: warn`")
    if spans:
        options = ", ".join(f"`drift.{feature}`" for feature in spans)
        ways.append(f"if it may differ so much, raise {options}")
    if any(a.kind == DRIFT and a.split != WHOLE_SPAN for a in fatal):
        ways.append("raise the threshold of the comparator in the schema file")
    if DRIFT in kinds:
        ways.append("or let drift pass with `gate.on_drift: warn`")
    return ways
