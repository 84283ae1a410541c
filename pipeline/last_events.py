"""What has happened last to a pipeline, as ML Metadata has it."""

from __future__ import annotations

from datetime import datetime

import ml_metadata as mlmd

from pipeline.pushed_models import ROLLBACK

_PIPELINE_CONTEXT = "pipeline"


class LastEvents:
    """The newest run and rollbacks of a pipeline.

    Args:
        store: Of ML Metadata.
        pipeline: Name of the pipeline there.
    """

    def __init__(self, store: mlmd.MetadataStore, pipeline: str) -> None:
        self._store, self._pipeline = store, pipeline

    def newest_run(self) -> str | None:
        """Returns the name of the run whose node began last, or None."""
        pipeline = self._store.get_context_by_type_and_name(_PIPELINE_CONTEXT, self._pipeline)
        if pipeline is None:
            return None
        newest_first = mlmd.ListOptions(
            limit=1, order_by=mlmd.OrderByField.ID, is_asc=False
        )
        for execution in self._store.get_executions_by_context(
            pipeline.id, list_options=newest_first
        ):
            for context in self._store.get_contexts_by_execution(execution.id):
                if context.type == _RUN_CONTEXT:
                    return context.name
        return None

    def rolled_back_after(self, time: datetime) -> bool:
        """Whether an earlier model was served again after a time."""
        if ROLLBACK not in {each.name for each in self._store.get_execution_types()}:
            return False
        return any(
            each.create_time_since_epoch / 1000 > time.timestamp()
            for each in self._store.get_executions_by_type(ROLLBACK)
        )
