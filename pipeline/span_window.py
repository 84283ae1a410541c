"""Finds the spans that a run trains and tests on: the newest one and some before it."""

from __future__ import annotations

from collections.abc import Iterable

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.common import resolver
from tfx.types import artifact

from components.drift_check.spans import span_of

EXAMPLES = "examples"
NEWEST = "newest"


class SpanWindowStrategy(resolver.ResolverStrategy):
    """Resolves the examples of the last spans, each span once.

    TFX's SpanRangeStrategy gives all examples that a span ever brought: where a span
    was ingested again, its old rows would be trained on beside the new ones. Here the
    ingestion that ended last counts, and of the newest span that of this run.

    A span that the gate has refused is not trained on later either, unless the gate has
    let it pass since. The newest one has its turn at the gate after this.

    Channels of the Resolver: `examples`, what TextExampleGen made in any run; and
    `newest`, what it made in this one.

    Args:
        spans: Width of the window, in numbers of spans: spans that never came leave
            gaps.
        gate: Full class name of the component that examples must have passed.
    """

    def __init__(self, spans: int, gate: str) -> None:
        self._spans, self._gate = spans, gate

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[artifact.Artifact]]
    ) -> dict[str, list[artifact.Artifact]]:
        """Returns `examples`, one artifact a span in any order; `newest` is empty."""
        (newest,) = input_dict[NEWEST]
        last = span_of(newest)
        within = [
            each
            for each in input_dict[EXAMPLES]
            if last - self._spans < span_of(each) < last
        ]
        passed = _passed(store, self._gate, [each.id for each in within])
        ended = _last_made(store, passed)
        by_span = {}
        cleared = [each for each in within if each.id in passed]
        for each in sorted(cleared, key=lambda each: (ended.get(each.id, 0), each.id)):
            by_span[span_of(each)] = each
        return {EXAMPLES: [newest, *by_span.values()], NEWEST: []}


def _passed(store: mlmd.MetadataStore, gate: str, ids: Iterable[int]) -> set[int]:
    """Which of these artifacts the gate let pass, the last time it saw them."""
    readers: dict[int, set[int]] = {}  # execution -> artifacts
    for event in store.get_events_by_artifact_ids(list(ids)):
        if event.type == metadata_store_pb2.Event.INPUT:
            readers.setdefault(event.execution_id, set()).add(event.artifact_id)
    states = metadata_store_pb2.Execution
    found: set[int] = set()
    executions = store.get_executions_by_id(list(readers))
    for execution in sorted(executions, key=lambda each: each.id):
        if execution.type == gate:
            if execution.last_known_state in (states.COMPLETE, states.CACHED):
                found |= readers[execution.id]
            elif execution.last_known_state == states.FAILED:
                found -= readers[execution.id]
    return found


def _last_made(store: mlmd.MetadataStore, ids: Iterable[int]) -> dict[int, int]:
    """When each artifact was last an output, of a cached execution too (ms)."""
    last: dict[int, int] = {}
    for event in store.get_events_by_artifact_ids(list(ids)):
        if event.type == metadata_store_pb2.Event.OUTPUT:
            before = last.get(event.artifact_id, 0)
            last[event.artifact_id] = max(before, event.milliseconds_since_epoch)
    return last
