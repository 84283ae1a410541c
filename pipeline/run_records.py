"""Reads back from ML Metadata what a run did and made, cached nodes included."""

from __future__ import annotations

from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from pipeline.metadata_store import open_store
from pipeline.run_record import (
    DONE,
    UNCHANGED,
    MadeArtifact,
    NodeRecord,
    RunRecord,
    UnfinishedExecution,
)

_EXECUTION = metadata_store_pb2.Execution
_RESOLVER = "tfx.dsl.components.common.resolver.Resolver"
_RUN_CONTEXT = "pipeline_run"  # type of context
_STATES_ENDED_WELL = (_EXECUTION.COMPLETE, _EXECUTION.CACHED)
_STATES = {
    _EXECUTION.COMPLETE: DONE,
    _EXECUTION.CACHED: UNCHANGED,
    _EXECUTION.FAILED: "failed",
    _EXECUTION.CANCELED: "failed",
}


class RunRecords:
    """The runs recorded in ML Metadata.

    Args:
        path: Its SQLite file, where the environment names no server; an empty record
            is created where it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self._store = open_store(path)

    def latest(self) -> RunRecord | None:
        """Returns the run that began last, or None."""
        runs = self._contexts(_RUN_CONTEXT)
        if not runs:
            return None
        return self._record(max(runs, key=lambda context: context.id))

    def of(self, run_id: str) -> RunRecord:
        """Returns a run by its name; without nodes if none of them has begun."""
        run = self._store.get_context_by_type_and_name(_RUN_CONTEXT, run_id)
        return RunRecord(run_id, []) if run is None else self._record(run)

    def pushed_paths(self) -> set[str]:
        """Returns the folders into which models are known to have been pushed."""
        types = {t.name for t in self._store.get_artifact_types()}
        if "PushedModel" not in types:
            return set()
        found = set()
        for artifact in self._store.get_artifacts_by_type("PushedModel"):
            properties = artifact.custom_properties
            if properties["pushed"].int_value == 1:
                found.add(properties["pushed_destination"].string_value)
        return found

    def close_interrupted(self, node_type: str) -> float | None:
        """Marks executions that still count as running as failed.

        Only right while no run is under way.

        Args:
            node_type: Full class name of a component, as ML Metadata records it.

        Returns:
            When the oldest interrupted execution of that component began, in seconds
            since 1970, or None if there was none.
        """
        began = None
        for execution in self._store.get_executions():
            if execution.last_known_state not in (_EXECUTION.RUNNING, _EXECUTION.NEW):
                continue
            if execution.type == node_type:
                seconds = execution.create_time_since_epoch / 1000
                began = seconds if began is None else min(began, seconds)
            execution.last_known_state = _EXECUTION.FAILED
            self._store.put_executions([execution])
        return began

    def unfinished(self, run_id: str, node: str) -> UnfinishedExecution | None:
        """Returns what an earlier try of a node has left; None: none did not end well.

        TFX takes such an execution up again, with its number and so with its folders.
        """
        for execution in self._executions(run_id):
            is_over = execution.last_known_state in _STATES_ENDED_WELL
            if not is_over and self._node_id(execution) == node:
                began = execution.create_time_since_epoch / 1000
                return UnfinishedExecution(execution.id, began)
        return None

    def _contexts(self, type_name: str) -> list[metadata_store_pb2.Context]:
        if type_name not in {t.name for t in self._store.get_context_types()}:
            return []
        return self._store.get_contexts_by_type(type_name)

    def _record(self, run: metadata_store_pb2.Context) -> RunRecord:
        """The last try counts: of a Resolver each try has an execution of its own."""
        nodes: dict[str, NodeRecord] = {}
        for execution in self._executions(run.name):
            record = self._node(execution)
            nodes.pop(record.node, None)
            nodes[record.node] = record
        return RunRecord(run.name, list(nodes.values()))

    def _executions(self, run_id: str) -> list[metadata_store_pb2.Execution]:
        """The executions of a run, oldest first."""
        run = self._store.get_context_by_type_and_name(_RUN_CONTEXT, run_id)
        found = [] if run is None else self._store.get_executions_by_context(run.id)
        return sorted(found, key=lambda each: each.id)

    def _node(self, execution: metadata_store_pb2.Execution) -> NodeRecord:
        return NodeRecord(
            node=self._node_id(execution),
            state=_state(execution),
            seconds=(
                execution.last_update_time_since_epoch
                - execution.create_time_since_epoch
            )
            / 1000,
            outputs=self._outputs(execution),
        )

    def _node_id(self, execution: metadata_store_pb2.Execution) -> str:
        for context in self._store.get_contexts_by_execution(execution.id):
            if context.type == "node":
                # TFX names it `<pipeline>.<node>`; neither of ours has a dot.
                return context.name.rpartition(".")[2]
        return execution.type.rpartition(".")[2]

    def _outputs(
        self, execution: metadata_store_pb2.Execution
    ) -> dict[str, list[MadeArtifact]]:
        kinds = (
            metadata_store_pb2.Event.OUTPUT,
            metadata_store_pb2.Event.INTERNAL_OUTPUT,
        )
        events = [
            event
            for event in self._store.get_events_by_execution_ids([execution.id])
            if event.type in kinds and event.path.steps
        ]
        if not events:
            return {}
        ids = [event.artifact_id for event in events]
        artifacts = {a.id: a for a in self._store.get_artifacts_by_id(ids)}
        outputs: dict[str, list[MadeArtifact]] = {}
        for event in events:
            artifact = artifacts[event.artifact_id]
            key = event.path.steps[0].key
            outputs.setdefault(key, []).append(
                MadeArtifact(artifact.uri, _properties(artifact))
            )
        return outputs


def _state(execution: metadata_store_pb2.Execution) -> str:
    state = _STATES.get(execution.last_known_state, "running")
    # TFX records a Resolver as cached although it looks anew in every run.
    if state == UNCHANGED and execution.type == _RESOLVER:
        return DONE
    return state


def _properties(
    artifact: metadata_store_pb2.Artifact,
) -> dict[str, int | float | str]:
    properties = {}
    for values in (artifact.properties, artifact.custom_properties):
        for name, value in values.items():
            kind = value.WhichOneof("value")
            if kind in ("int_value", "double_value", "string_value"):
                properties[name] = getattr(value, kind)
    return properties
