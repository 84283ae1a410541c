"""DriftReport: the artifact with what DriftCheck measured; written and read here."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types.artifact import Artifact
from tfx.utils import io_utils

REPORT_NAME = "drift.json"
ANOMALIES_NAME = "Anomalies.pb"


class DriftReport(Artifact):
    """A folder with `drift.json`, what was measured, and `Anomalies.pb`, TFDV's proto.

    Where there was something to compare with, `statistics/` holds TFDV's statistics of
    both sides as well.
    """

    TYPE_NAME = "DriftReport"


def write_report(
    uri: str, report: Mapping[str, Any], anomalies: anomalies_pb2.Anomalies
) -> None:
    """Writes both files into the folder of a DriftReport."""
    io_utils.write_bytes_file(
        os.path.join(uri, ANOMALIES_NAME),
        anomalies.SerializeToString(deterministic=True),
    )
    io_utils.write_string_file(
        os.path.join(uri, REPORT_NAME), json.dumps(report, indent=2) + "\n"
    )


def read_report_anomalies(uri: str) -> anomalies_pb2.Anomalies:
    """Returns the anomalies of a DriftReport; none where nothing was compared."""
    path = os.path.join(uri, ANOMALIES_NAME)
    return anomalies_pb2.Anomalies.FromString(io_utils.read_bytes_file(path))
