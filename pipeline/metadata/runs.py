"""Reads back from ML Metadata what a run did and made, cached nodes included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from pipeline.errors import RunError
from pipeline.metadata.pushed_models import ROLLBACK
from pipeline.metadata.store import open_store

_TYPE = "elmo_tfx.FinishedRun"
_FINGERPRINT = "fingerprint"
_SPAN = "span"
_PIPELINE_PROPERTY = "pipeline"


@dataclass(frozen=True)
class FinishedRun:
    """A run whose nodes all ended well, whether its model was pushed or refused.

    Args:
        run_id: Its name in ML Metadata.
        fingerprint: What it depended on, as `pipeline.runs.lifecycle` sums it up.
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
        pipeline = self._store.get_context_by_type_and_name(
            _PIPELINE_CONTEXT, self._pipeline
        )
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


DONE = "done"
UNCHANGED = "unchanged"


class NodeIncomplete(RunError):
    """A node has ended, but not well; the message says how it stands."""


@dataclass(frozen=True)
class MadeArtifact:
    """One output of a node.

    Attributes:
        uri: Its folder.
        properties: Its own and its custom properties.
    """

    uri: str
    properties: dict[str, int | float | str]


@dataclass(frozen=True)
class UnfinishedExecution:
    """A try of a node that failed or was killed.

    Attributes:
        id: Its number, after which TFX names the folders of its outputs.
        began: In seconds since 1970.
    """

    id: int
    began: float


@dataclass(frozen=True)
class NodeRecord:
    """What one node did in a run.

    Attributes:
        node: Its id, such as `Transform`.
        state: `done`, `unchanged` (taken from an earlier run), `failed` or `running`;
            a node whose process was killed stays `running`.
        seconds: Wall time from its registration to its last change of state.
        outputs: Output key -> artifacts.
    """

    node: str
    state: str
    seconds: float
    outputs: dict[str, list[MadeArtifact]] = field(default_factory=dict)


@dataclass(frozen=True)
class RunRecord:
    """What the nodes of one run did, in the order in which they began.

    Attributes:
        run_id: TFX's name of the run: the time at which it began.
        nodes: The nodes that began.
    """

    run_id: str
    nodes: Sequence[NodeRecord]

    def output(self, node: str, key: str) -> MadeArtifact | None:
        """Returns the only artifact under an output key, None where there is none."""
        found = self.all_outputs(node, key)
        return found[0] if found else None

    def completed(self, node: str) -> NodeRecord:
        """Returns what a node did, if it ended well: TFX may stop a node in silence.

        Raises:
            NodeIncomplete: It did not.
        """
        record = next((each for each in self.nodes if each.node == node), None)
        if record is None:
            raise NodeIncomplete("its inputs are missing")
        if record.state not in (DONE, UNCHANGED):
            raise NodeIncomplete(
                f"ML Metadata records it as {record.state}; where no error stands "
                "above, its inputs are missing"
            )
        return record

    def all_outputs(self, node: str, key: str) -> list[MadeArtifact]:
        """Returns all artifacts under an output key."""
        found = (
            record.outputs.get(key) for record in self.nodes if record.node == node
        )
        return next((artifacts for artifacts in found if artifacts), [])


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

    def close_interrupted(self, node_types: Sequence[str]) -> float | None:
        """Marks executions that still count as running as failed.

        Only right while no run is under way.

        Args:
            node_types: Full class names of components, as ML Metadata records them.

        Returns:
            When the oldest interrupted execution of them began, in seconds
            since 1970, or None if there was none.
        """
        began = None
        for execution in self._store.get_executions():
            if execution.last_known_state not in (_EXECUTION.RUNNING, _EXECUTION.NEW):
                continue
            if execution.type in node_types:
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
