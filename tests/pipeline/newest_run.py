"""What ML Metadata has of the run that began last."""

from __future__ import annotations

from pipeline.metadata.metadata import Metadata
from pipeline.metadata.runs import RunRecord


def newest_run(metadata: Metadata) -> RunRecord | None:
    """Returns the run that began last, or None."""
    run_id = metadata.runs.newest()
    return None if run_id is None else metadata.runs.of(run_id)
