"""What ML Metadata knows of runs that ended well: which data and options they had."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

_TYPE = "elmo_tfx.FinishedRun"
_FINGERPRINT = "fingerprint"
_SPAN = "span"
_PIPELINE_PROPERTY = "pipeline"


@dataclass(frozen=True)
class FinishedRun:
    """A run whose nodes all ended well, whether its model was pushed or refused.

    Args:
        run_id: Its name in ML Metadata.
        fingerprint: What it depended on, as `pipeline.run_plan` sums it up.
        span: Name of the span it read; empty where the data has none.
        ended: When.
    """

    run_id: str
    fingerprint: str
    span: str
    ended: datetime


class FinishedRuns:
    """The finished runs of one pipeline.

    Args:
        store: Of ML Metadata.
        pipeline: Its name there.
    """

    def __init__(self, store: mlmd.MetadataStore, pipeline: str) -> None:
        self._store, self._pipeline = store, pipeline

    def latest(self) -> FinishedRun | None:
        """Returns the run that ended last, or None."""
        types = {each.name for each in self._store.get_context_types()}
        if _TYPE not in types:
            return None
        ours = [
            each
            for each in self._store.get_contexts_by_type(_TYPE)
            if each.custom_properties[_PIPELINE_PROPERTY].string_value == self._pipeline
        ]
        if not ours:
            return None
        context = max(ours, key=lambda each: each.id)
        properties = context.custom_properties
        return FinishedRun(
            run_id=context.name,
            fingerprint=properties[_FINGERPRINT].string_value,
            span=properties[_SPAN].string_value,
            ended=datetime.fromtimestamp(
                context.create_time_since_epoch / 1000, timezone.utc
            ),
        )

    def record(self, run_id: str, fingerprint: str, span: str) -> None:
        """Records that a run has ended well; doing it again changes nothing."""
        context_type = metadata_store_pb2.ContextType(name=_TYPE)
        context = metadata_store_pb2.Context(
            type_id=self._store.put_context_type(context_type), name=run_id
        )
        context.custom_properties[_FINGERPRINT].string_value = fingerprint
        context.custom_properties[_SPAN].string_value = span
        context.custom_properties[_PIPELINE_PROPERTY].string_value = self._pipeline
        if self._store.get_context_by_type_and_name(_TYPE, run_id) is None:
            self._store.put_contexts([context])
