"""The runs of a pipeline as ML Metadata knows them: what each node did and made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from pipeline.errors import RunError

DONE = "done"
UNCHANGED = "unchanged"

# Types of TFX: of the contexts that its executions belong to, and of one execution.
_PIPELINE_CONTEXT = "pipeline"
_RUN_CONTEXT = "pipeline_run"
_NODE_CONTEXT = "node"
_RESOLVER = "tfx.dsl.components.common.resolver.Resolver"

# A context of our own for each run that ended well, and its properties.
_FINISHED_CONTEXT = "elmo_tfx.FinishedRun"
_FINGERPRINT = "fingerprint"
_SPAN = "span"
_PIPELINE = "pipeline"

_EXECUTION = metadata_store_pb2.Execution
_STATES = {
    _EXECUTION.COMPLETE: DONE,
    _EXECUTION.CACHED: UNCHANGED,
    _EXECUTION.FAILED: "failed",
    _EXECUTION.CANCELED: "failed",
}
_ENDED_WELL = (DONE, UNCHANGED)


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
class NodeRecord:
    """What one node did in a run.

    Attributes:
        node: Its id, such as `Transform`.
        state: `done`, `unchanged` (taken from an earlier run), `failed` or `running`;
            a node whose process was killed stays `running`.
        seconds: Wall time from its registration to its last change of state.
        outputs: Output key -> artifacts.
        began: When it was registered, in UTC; None: not known.
    """

    node: str
    state: str
    seconds: float
    outputs: dict[str, list[MadeArtifact]] = field(default_factory=dict)
    began: datetime | None = None


@dataclass(frozen=True)
class RunRecord:
    """What the nodes of one run did, in the order in which they began.

    Attributes:
        run_id: TFX's name of the run: the time at which it began.
        nodes: The nodes that began.
    """

    run_id: str
    nodes: Sequence[NodeRecord]

    @property
    def began(self) -> datetime | None:
        """When its first node began; None: none has."""
        return min((each.began for each in self.nodes if each.began), default=None)

    @property
    def ended(self) -> datetime | None:
        """When the state of one of its nodes last changed; None: none has begun."""
        return max(
            (
                each.began + timedelta(seconds=each.seconds)
                for each in self.nodes
                if each.began
            ),
            default=None,
        )

    def output(self, node: str, key: str) -> MadeArtifact | None:
        """Returns the first artifact under an output key, or None."""
        return next(iter(self.all_outputs(node, key)), None)

    def all_outputs(self, node: str, key: str) -> list[MadeArtifact]:
        """Returns all artifacts under an output key; none if the node did not run."""
        outputs = [each.outputs for each in self.nodes if each.node == node]
        return outputs[0].get(key, []) if outputs else []

    def pushed_to(self, *states: str) -> str | None:
        """Returns the folder of the version that the run has pushed, or None.

        Args:
            states: Of its Pusher; in any other it has not.
        """
        pushed = self.output("Pusher", "pushed_model")
        found = {node.node: node.state for node in self.nodes}
        if pushed is None or found["Pusher"] not in states:
            return None
        place = pushed.properties.get("pushed_destination")
        return str(place) if place else None

    def window(self) -> list[MadeArtifact]:
        """Returns the examples of the newest span, after those of the spans before."""
        return [
            *self.all_outputs("SpanWindow", "examples"),
            *self.all_outputs("TextExampleGen", "examples"),
        ]


class RunRecords:
    """The runs of one pipeline, whether they ended well or not.

    Args:
        store: Of ML Metadata.
        pipeline: Name of the pipeline there.
    """

    def __init__(self, store: mlmd.MetadataStore, pipeline: str) -> None:
        self._store, self._pipeline = store, pipeline

    def of(self, run_id: str) -> RunRecord:
        """Returns a run by its name; without nodes if none of them has begun."""
        nodes: dict[str, NodeRecord] = {}
        for execution in self._executions(run_id):
            record = self._record(execution)
            # The last try counts: of a Resolver each try is an execution of its own.
            nodes.pop(record.node, None)
            nodes[record.node] = record
        return RunRecord(run_id, list(nodes.values()))

    def completed(self, run_id: str, node: str) -> NodeRecord:
        """Returns what a node did, if it ended well: TFX may stop a node in silence.

        The other nodes of the run are not read.

        Raises:
            NodeIncomplete: It did not end well, or has not begun.
        """
        for execution in reversed(self._executions(run_id)):
            if self._node_id(execution) == node:
                break
        else:
            raise NodeIncomplete("its inputs are missing")
        record = self._record(execution)
        if record.state not in _ENDED_WELL:
            raise NodeIncomplete(
                f"ML Metadata records it as {record.state}; if no error stands above, "
                "its inputs are missing"
            )
        return record

    def newest(self) -> str | None:
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
            return self._context_name(execution, _RUN_CONTEXT)
        return None

    def names(self) -> list[str]:
        """Returns the names of the runs of which a node has begun, oldest first."""
        pipeline = self._store.get_context_by_type_and_name(
            _PIPELINE_CONTEXT, self._pipeline
        )
        if pipeline is None:
            return []
        ours = {e.id for e in self._store.get_executions_by_context(pipeline.id)}
        runs = self._store.get_contexts_by_type(_RUN_CONTEXT)
        return [
            run.name
            for run in sorted(runs, key=lambda each: each.id)
            if any(e.id in ours for e in self._store.get_executions_by_context(run.id))
        ]

    def last_execution(self, run_id: str) -> int:
        """Returns the highest number of a run's executions; 0 if none has begun.

        ML Metadata numbers executions in their order, whatever the clock says.
        """
        return max((each.id for each in self._executions(run_id)), default=0)

    def unfinished(self, run_id: str, node: str) -> int | None:
        """Returns the number of a try of a node that did not end well, or None.

        TFX takes such an execution up again, with its number, after which the folders
        of its outputs are named.
        """
        for execution in self._executions(run_id):
            if not _ended_well(execution) and self._node_id(execution) == node:
                return execution.id
        return None

    def parameter(self, run_id: str, node: str, name: str) -> str | None:
        """Returns a parameter of a node's last try, as text; None if it has none."""
        for execution in reversed(self._executions(run_id)):
            if self._node_id(execution) == node:
                return execution.custom_properties[name].string_value or None
        return None

    def did_not_end_well(self, execution: int) -> bool:
        """Whether an execution of this number began, and did not end well."""
        found = self._store.get_executions_by_id([execution])
        return any(not _ended_well(each) for each in found)

    def close_interrupted(self) -> None:
        """Marks executions that still count as running as failed.

        Only right while no run is under way, of any pipeline in the store.
        """
        interrupted = [
            execution
            for execution in self._store.get_executions()
            if execution.last_known_state in (_EXECUTION.RUNNING, _EXECUTION.NEW)
        ]
        for execution in interrupted:
            execution.last_known_state = _EXECUTION.FAILED
        self._store.put_executions(interrupted)

    def _executions(self, run_id: str) -> list[metadata_store_pb2.Execution]:
        """Returns the executions of a run, oldest first."""
        run = self._store.get_context_by_type_and_name(_RUN_CONTEXT, run_id)
        executions = (
            [] if run is None else self._store.get_executions_by_context(run.id)
        )
        return sorted(executions, key=lambda each: each.id)

    def _record(self, execution: metadata_store_pb2.Execution) -> NodeRecord:
        updated = execution.last_update_time_since_epoch / 1000
        return NodeRecord(
            node=self._node_id(execution),
            state=_state(execution),
            # The clock may have been put back meanwhile.
            seconds=max(0.0, updated - _began(execution)),
            outputs=self._outputs(execution),
            began=datetime.fromtimestamp(_began(execution), timezone.utc),
        )

    def _node_id(self, execution: metadata_store_pb2.Execution) -> str:
        # TFX names the context `<pipeline>.<node>`; neither of ours has a dot.
        name = self._context_name(execution, _NODE_CONTEXT) or execution.type
        return name.rpartition(".")[2]

    def _context_name(
        self, execution: metadata_store_pb2.Execution, type_name: str
    ) -> str | None:
        contexts = self._store.get_contexts_by_execution(execution.id)
        return next((each.name for each in contexts if each.type == type_name), None)

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
        ids = [event.artifact_id for event in events]
        artifacts = {a.id: a for a in self._store.get_artifacts_by_id(ids)}
        outputs: dict[str, list[MadeArtifact]] = {}
        for event in events:
            artifact = artifacts[event.artifact_id]
            outputs.setdefault(event.path.steps[0].key, []).append(
                MadeArtifact(artifact.uri, _properties(artifact))
            )
        return outputs


@dataclass(frozen=True)
class FinishedRun:
    """A run whose nodes all ended well, whether its model was pushed or refused.

    Attributes:
        run_id: Its name in ML Metadata.
        fingerprint: What it depended on, as `pipeline.runs.lifecycle` sums it up.
        span: Name of the span it read; empty if the data has none.
        ended: When, in UTC.
    """

    run_id: str
    fingerprint: str
    span: str
    ended: datetime


class FinishedRuns:
    """The runs of one pipeline whose nodes all ended well.

    Args:
        store: Of ML Metadata.
        pipeline: Name of the pipeline there.
    """

    def __init__(self, store: mlmd.MetadataStore, pipeline: str) -> None:
        self._store, self._pipeline = store, pipeline

    def latest(self) -> FinishedRun | None:
        """Returns the run that ended last, or None."""
        ours = [
            each
            for each in self._store.get_contexts_by_type(_FINISHED_CONTEXT)
            if each.custom_properties[_PIPELINE].string_value == self._pipeline
        ]
        if not ours:
            return None
        context = max(ours, key=lambda each: each.id)
        seconds = context.create_time_since_epoch / 1000
        return FinishedRun(
            run_id=context.name,
            fingerprint=context.custom_properties[_FINGERPRINT].string_value,
            span=context.custom_properties[_SPAN].string_value,
            ended=datetime.fromtimestamp(seconds, timezone.utc),
        )

    def span_of(self, run_id: str) -> str:
        """Returns the name of the span that a run read; empty: none, or not known."""
        context = self._store.get_context_by_type_and_name(_FINISHED_CONTEXT, run_id)
        return "" if context is None else context.custom_properties[_SPAN].string_value

    def record(self, run_id: str, fingerprint: str, span: str) -> None:
        """Records that a run has ended well; doing it again changes nothing."""
        context_type = metadata_store_pb2.ContextType(name=_FINISHED_CONTEXT)
        context = metadata_store_pb2.Context(
            type_id=self._store.put_context_type(context_type), name=run_id
        )
        context.custom_properties[_FINGERPRINT].string_value = fingerprint
        context.custom_properties[_SPAN].string_value = span
        context.custom_properties[_PIPELINE].string_value = self._pipeline
        if self._store.get_context_by_type_and_name(_FINISHED_CONTEXT, run_id) is None:
            self._store.put_contexts([context])


def _state(execution: metadata_store_pb2.Execution) -> str:
    state = _STATES.get(execution.last_known_state, "running")
    # TFX records a Resolver as cached although it looks anew in every run.
    if state == UNCHANGED and execution.type == _RESOLVER:
        return DONE
    return state


def _ended_well(execution: metadata_store_pb2.Execution) -> bool:
    return _STATES.get(execution.last_known_state) in _ENDED_WELL


def _began(execution: metadata_store_pb2.Execution) -> float:
    """Returns when an execution was registered, in seconds since 1970."""
    return execution.create_time_since_epoch / 1000


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
