"""Reads what ExampleValidator and DriftCheck found as records, one per reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from tensorflow_metadata.proto.v0 import anomalies_pb2

SCHEMA = "schema"
DRIFT = "drift"
WHOLE_SPAN = "(whole span)"
"""Stands for the split of what DriftCheck found, which compares no single ones."""
LABEL_NOT_IN_TRAIN = "LABEL_NOT_IN_TRAIN"
"""Type name of the one anomaly that is found here and not by TFDV."""

_DATASET = "(whole split)"
_SHOWN_LABELS = 10
# A type is drift or skew if TFDV found it by comparing two sets of statistics.
_DRIFT_PREFIX = "COMPARATOR_"
_DRIFT_TYPES = frozenset({"SCHEMA_TRAINING_SERVING_SKEW"})
# What an inferred domain says about free text is chance: below some hundred
# distinct texts TFDV takes them for the values of a category, and texts that all
# look like numbers for numbers.
_DOMAIN_PREFIXES = ("ENUM_TYPE_", "BOOL_TYPE_", "INT_TYPE_", "FLOAT_TYPE_")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Anomaly:
    """One reason why one feature of one split does not fit.

    Attributes:
        split: Name of the split, or "(whole span)" for what DriftCheck found.
        feature: Path of the feature, or "(whole split)".
        kind: `schema` or `drift` (drift and skew: found by comparing statistics).
        type: TFDV's name of the reason, such as ENUM_TYPE_UNEXPECTED_STRING_VALUES.
        severity: ERROR or WARNING; TFDV's UNKNOWN counts as ERROR.
        short: A few words.
        description: A sentence with the values or numbers seen.
    """

    split: str
    feature: str
    kind: str
    type: str
    severity: str
    short: str
    description: str


def read_anomalies(proto: anomalies_pb2.Anomalies, split: str) -> list[Anomaly]:
    """Gives every anomaly of `proto`, sorted by feature; [] if the split fits."""
    found: list[Anomaly] = []
    for feature in sorted(proto.anomaly_info):
        found += _read_info(proto.anomaly_info[feature], split, feature)
    if proto.HasField("dataset_anomaly_info"):
        found += _read_info(proto.dataset_anomaly_info, split, _DATASET)
    if proto.data_missing:
        found.append(
            Anomaly(
                split=split,
                feature=_DATASET,
                kind=SCHEMA,
                type="NO_DATA_IN_SPAN",
                severity="ERROR",
                short="No examples",
                description="The split has no examples.",
            )
        )
    return found


def read_drift(proto: anomalies_pb2.Anomalies) -> list[Anomaly]:
    """Gives every anomaly that DriftCheck found, all of them drift.

    The feature of each is also the name of the threshold that it went above.
    """
    found = read_anomalies(proto, WHOLE_SPAN)
    # Of unknown words TFDV has no comparator: the type does not say that it is drift.
    return [dataclasses.replace(anomaly, kind=DRIFT) for anomaly in found]


def is_guess_about_text(anomaly: Anomaly, free_text: Collection[str]) -> bool:
    """Tells whether only a guessed domain of a free-text feature was broken."""
    is_domain = anomaly.type.startswith(_DOMAIN_PREFIXES)
    return is_domain and anomaly.feature in free_text


def find_new_labels(
    labels: Mapping[str, Mapping[str, int]], feature: str, train: str = "train"
) -> list[Anomaly]:
    """Finds labels that stand outside the training split only.

    TFDV does not see them where labels are integers or more than a hundred.

    Args:
        labels: For each split, how many rows have each label.
        feature: Name of the label feature.
        train: Name of the split that a label must be in.
    """
    known = labels.get(train, {})
    found = []
    for split in labels:
        new = [name for name in sorted(labels[split]) if name not in known]
        if new:
            rows = sum(labels[split][name] for name in new)
            shown = ", ".join(f"`{name}`" for name in new[:_SHOWN_LABELS])
            more = len(new) - _SHOWN_LABELS
            tail = f" and {more} more" if more > 0 else ""
            found.append(
                Anomaly(
                    split=split,
                    feature=feature,
                    kind=SCHEMA,
                    type=LABEL_NOT_IN_TRAIN,
                    severity="ERROR",
                    short="Label not in the training split",
                    description=f"{rows} rows have a label that no training "
                    f"row has: {shown}{tail}",
                )
            )
    return found


def _read_info(
    info: anomalies_pb2.AnomalyInfo, split: str, feature: str
) -> Iterator[Anomaly]:
    severity = anomalies_pb2.AnomalyInfo.Severity.Name(info.severity)
    # Older TFDV may leave `reason` empty; the sum of the reasons is then all there is.
    for reason in info.reason or [None]:
        type_name = "UNKNOWN_TYPE"
        if reason is not None:
            type_name = anomalies_pb2.AnomalyInfo.Type.Name(reason.type)
        told = reason if reason is not None else info
        drift = type_name.startswith(_DRIFT_PREFIX) or type_name in _DRIFT_TYPES
        yield Anomaly(
            split=split,
            feature=feature,
            kind=DRIFT if drift else SCHEMA,
            type=type_name,
            severity="WARNING" if severity == "WARNING" else "ERROR",
            short=told.short_description,
            description=told.description,
        )


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
