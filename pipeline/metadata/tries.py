"""How often the steps of a run were started, kept where every machine sees it."""

from __future__ import annotations

import time

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

# A context of our own for each step of a run, and its property.
_CONTEXT = "elmo_tfx.StepTries"
_TRIES = "tries"
# After so long a pause the tries begin anew: a person has asked for them. Kubeflow
# Pipelines itself starts nothing again later than an hour after the first start.
_NEW_START_SECONDS = 3600


class StepTries:
    """The tries of one step of a run, over all processes and machines that made any.

    TFX takes the execution of a failed try up again under its number, so that its
    executions do not tell how many tries there were.

    Args:
        store: Of ML Metadata.
        run_id: Name of the run.
        step: Name of the step.
    """

    def __init__(self, store: mlmd.MetadataStore, run_id: str, step: str) -> None:
        self._store = store
        self._name = f"{run_id}/{step}"

    def begin(self, most: int) -> int | None:
        """Counts one more try.

        Args:
            most: How many there may be.

        Returns:
            Its number, from 1; None, and nothing is counted, if `most` were made.
        """
        earlier = self._earlier()
        if earlier >= most:
            return None
        context_type = metadata_store_pb2.ContextType(
            name=_CONTEXT, properties={_TRIES: metadata_store_pb2.INT}
        )
        context = metadata_store_pb2.Context(
            type_id=self._store.put_context_type(context_type), name=self._name
        )
        context.properties[_TRIES].int_value = earlier + 1
        found = self._context()
        if found is not None:
            context.id = found.id
        self._store.put_contexts([context])
        return earlier + 1

    def _earlier(self) -> int:
        found = self._context()
        if found is None:
            return 0
        idle = time.time() - found.last_update_time_since_epoch / 1000
        # Below zero by as much: the clock ran ahead and was put right.
        return (
            0 if abs(idle) > _NEW_START_SECONDS else found.properties[_TRIES].int_value
        )

    def _context(self) -> metadata_store_pb2.Context | None:
        return self._store.get_context_by_type_and_name(_CONTEXT, self._name)
