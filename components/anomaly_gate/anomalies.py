"""Anomalies as records, one per reason: read, judged and put into words."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from tensorflow_metadata.proto.v0 import anomalies_pb2

SCHEMA = "schema"
DRIFT = "drift"

_WHOLE_SPAN = "(whole span)"  # in place of a split: DriftCheck compares whole spans
_WHOLE_SPLIT = "(whole split)"  # in place of a feature
_MOST_LABELS_SHOWN = 10
_MOST_ANOMALIES_SHOWN = 20
# A type is drift or skew if TFDV found it by comparing two sets of statistics.
_DRIFT_PREFIX = "COMPARATOR_"
_DRIFT_TYPES = frozenset({"SCHEMA_TRAINING_SERVING_SKEW"})
# What an inferred domain says about free text is chance: below some hundred
# distinct texts TFDV takes them for the values of a category, and texts that all
# look like numbers for numbers.
_DOMAIN_PREFIXES = ("ENUM_TYPE_", "BOOL_TYPE_", "INT_TYPE_", "FLOAT_TYPE_")
# Where each row that it sees has as many values, TFDV takes that number for a rule.
_NUMBER_TYPES = ("FEATURE_TYPE_LOW_NUMBER_VALUES", "FEATURE_TYPE_HIGH_NUMBER_VALUES")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Anomaly:
    """One reason why one feature of one split does not fit.

    Attributes:
        split: Name of the split, or "(whole span)" for an anomaly from DriftCheck.
        feature: Path of the feature, or "(whole split)".
        kind: `schema` or `drift` (drift and skew: found by comparing statistics).
        type: TFDV's name of the reason, such as ENUM_TYPE_UNEXPECTED_STRING_VALUES;
            or LABEL_NOT_IN_TRAIN, which TFDV does not look for.
        severity: ERROR or WARNING; TFDV's UNKNOWN counts as ERROR.
        short: A few words.
        description: A sentence with the values or numbers seen.
    """

    split: str
    feature: str
    kind: str = SCHEMA
    type: str
    severity: str = "ERROR"
    short: str
    description: str


def read_anomalies(proto: anomalies_pb2.Anomalies, split: str) -> list[Anomaly]:
    """Returns every anomaly of `proto`, sorted by feature; [] if the split fits."""
    anomalies: list[Anomaly] = []
    for feature in sorted(proto.anomaly_info):
        anomalies += _read_info(proto.anomaly_info[feature], split, feature)
    if proto.HasField("dataset_anomaly_info"):
        anomalies += _read_info(proto.dataset_anomaly_info, split, _WHOLE_SPLIT)
    if proto.data_missing:
        anomalies.append(
            Anomaly(
                split=split,
                feature=_WHOLE_SPLIT,
                type="NO_DATA_IN_SPAN",
                short="No examples",
                description="The split has no examples.",
            )
        )
    return anomalies


def read_drift(proto: anomalies_pb2.Anomalies) -> list[Anomaly]:
    """Returns every anomaly that DriftCheck found, all of them drift.

    The feature of each is also the name of the threshold that it went above.
    """
    anomalies = read_anomalies(proto, _WHOLE_SPAN)
    # TFDV has no comparator for unknown words: their type does not say drift.
    return [dataclasses.replace(anomaly, kind=DRIFT) for anomaly in anomalies]


def _read_info(
    info: anomalies_pb2.AnomalyInfo, split: str, feature: str
) -> Iterator[Anomaly]:
    severity = anomalies_pb2.AnomalyInfo.Severity.Name(info.severity)
    # Older TFDV may leave `reason` empty; the sum of the reasons is then all there is.
    for reason in info.reason or [info]:
        type_name = "UNKNOWN_TYPE"
        if reason is not info:
            type_name = anomalies_pb2.AnomalyInfo.Type.Name(reason.type)
        is_drift = type_name.startswith(_DRIFT_PREFIX) or type_name in _DRIFT_TYPES
        yield Anomaly(
            split=split,
            feature=feature,
            kind=DRIFT if is_drift else SCHEMA,
            type=type_name,
            severity="WARNING" if severity == "WARNING" else "ERROR",
            short=reason.short_description,
            description=reason.description,
        )


def find_new_labels(
    labels: Mapping[str, Mapping[str, int]], feature: str, train: str = "train"
) -> list[Anomaly]:
    """Finds labels that occur outside the training split only.

    TFDV does not see them where labels are integers or more than a hundred.

    Args:
        labels: For each split, how many rows have each label.
        feature: Name of the label feature.
        train: Name of the split that a label must be in.
    """
    known = labels.get(train, {})
    anomalies = []
    for split, rows_of in labels.items():
        new = [name for name in sorted(rows_of) if name not in known]
        if new:
            shown = ", ".join(f"`{name}`" for name in new[:_MOST_LABELS_SHOWN])
            if len(new) > _MOST_LABELS_SHOWN:
                shown += f" and {len(new) - _MOST_LABELS_SHOWN} more"
            anomalies.append(
                Anomaly(
                    split=split,
                    feature=feature,
                    type="LABEL_NOT_IN_TRAIN",
                    short="Label not in the training split",
                    description=f"{sum(rows_of[name] for name in new)} rows have a "
                    f"label that no training row has: {shown}",
                )
            )
    return anomalies


def is_guess_about_text(anomaly: Anomaly, free_text: Collection[str]) -> bool:
    """Returns whether only a guessed domain of a free-text feature was broken."""
    is_domain = anomaly.type.startswith(_DOMAIN_PREFIXES)
    return is_domain and anomaly.feature in free_text


def is_guess_about_number(anomaly: Anomaly, lists: Collection[str]) -> bool:
    """Returns whether only a guessed number of values of a list was broken."""
    return anomaly.type in _NUMBER_TYPES and anomaly.feature in lists


def describe(anomaly: Anomaly) -> str:
    """Returns where, what and how bad, in one line."""
    where = f"split `{anomaly.split}`"
    if anomaly.split == _WHOLE_SPAN:
        where = "newest span"
    line = (
        f"{where}, feature `{anomaly.feature}`: {anomaly.short} "
        f"[{anomaly.kind}, {anomaly.severity}]. {anomaly.description}".rstrip()
    )
    return line.replace("\n", "\\n")  # labels and other values may hold any character


def refusal_message(fatal: Sequence[Anomaly]) -> str:
    """Returns the message of a refusal; its last line says what can be done."""
    lines = [f"The data does not fit ({len(fatal)} anomalies):"]
    lines += [f"  {describe(anomaly)}" for anomaly in fatal[:_MOST_ANOMALIES_SHOWN]]
    if len(fatal) > _MOST_ANOMALIES_SHOWN:
        lines.append(f"  and {len(fatal) - _MOST_ANOMALIES_SHOWN} more")
    lines.append(f"hint: {'; '.join(_remedies(fatal))}")
    return "\n".join(lines)


def _remedies(fatal: Iterable[Anomaly]) -> list[str]:
    """Returns what can be done, with options named as in pipeline configurations."""
    spans = sorted({a.feature for a in fatal if a.split == _WHOLE_SPAN})
    kinds = {a.kind for a in fatal}
    remedies = ["correct the data"]
    if SCHEMA in kinds:
        remedies.append("if it is right as it is, give a curated schema file")
        remedies.append(
            "or let such anomalies pass with `gate.on_schema_anomaly: warn`"
        )
    if spans:
        options = ", ".join(f"`drift.{feature}`" for feature in spans)
        remedies.append(f"if it may differ so much, raise {options}")
    if any(a.kind == DRIFT and a.split != _WHOLE_SPAN for a in fatal):
        remedies.append("raise the threshold of the comparator in the schema file")
    if DRIFT in kinds:
        remedies.append("or let drift pass with `gate.on_drift: warn`")
    return remedies
