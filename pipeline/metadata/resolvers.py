"""Finds the spans that a run trains and tests on: the newest one and some before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.common import resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.types import artifact

from components.drift_check.spans import span_of
from pipeline.metadata.pushed_models import WITHDRAWN


class PreviousBlessedModelStrategy(resolver.ResolverStrategy):
    """Resolves the latest blessed model that is not the candidate itself.

    TFX's own strategy gives the candidate back when a pipeline runs again over the
    same data: the model is then measured against itself, evaluated anew and pushed
    a second time. Without the candidate the inputs are those of the first run, and
    every later node is taken from the cache.

    A model that a rollback has withdrawn is passed over, too.

    Channels of the Resolver: `model` and `model_blessing` of any run, and
    `candidate`, the model of this run. All three are empty where no other model
    was ever blessed.
    """

    def resolve_artifacts(self, store, input_dict):
        """Returns `model` and `model_blessing` with one artifact each, or none."""
        candidates = {artifact.id for artifact in input_dict["candidate"]}
        others = {
            "model": [
                artifact
                for artifact in input_dict["model"]
                if artifact.id not in candidates
                and artifact.get_int_custom_property(WITHDRAWN) != 1
            ],
            "model_blessing": list(input_dict["model_blessing"]),
        }
        resolved = LatestBlessedModelStrategy().resolve_artifacts(store, others)
        return {**(resolved or {"model": [], "model_blessing": []}), "candidate": []}


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


_EXAMPLES = "examples"  # the Trainer's input, and a channel here
_EVENT = metadata_store_pb2.Event


class WarmStartStrategy(resolver.ResolverStrategy):
    """Resolves the latest blessed model that was trained on other examples.

    A run that is repeated would else start from its own model: it would train again,
    and again after that. Without the models of the same examples it finds the base of
    the first time, and the Trainer is taken from the cache.

    A model that a rollback has withdrawn is passed over, too.

    Channels of the Resolver: `model` and `model_blessing` of any run, and `examples`,
    the transformed examples of this run. All three are empty where no model fits.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[artifact.Artifact]]
    ) -> dict[str, list[artifact.Artifact]]:
        """Returns `model` and `model_blessing` with one artifact each, or none."""
        examples = frozenset(each.id for each in input_dict[_EXAMPLES])
        models = input_dict["model"]
        trained_on = _trained_on(store, [model.id for model in models])
        resolved = PreviousBlessedModelStrategy().resolve_artifacts(
            store,
            {
                "model": models,
                "model_blessing": input_dict["model_blessing"],
                "candidate": [m for m in models if examples in trained_on[m.id]],
            },
        )
        return {
            "model": resolved["model"],
            "model_blessing": resolved["model_blessing"],
            _EXAMPLES: [],
        }


def _trained_on(
    store: mlmd.MetadataStore, models: Sequence[int]
) -> dict[int, set[frozenset[int]]]:
    """Gives the ids of the examples of each training that a model came out of.

    More than one, where executions were taken from the cache: they may have had other
    names for the same input.
    """
    made: dict[int, set[int]] = {model: set() for model in models}
    for event in store.get_events_by_artifact_ids(list(models)):
        if event.type == _EVENT.OUTPUT:
            made[event.artifact_id].add(event.execution_id)
    read: dict[int, set[int]] = {execution: set() for execution in _all(made)}
    for event in store.get_events_by_execution_ids(list(read)):
        steps = event.path.steps
        if event.type == _EVENT.INPUT and steps and steps[0].key == _EXAMPLES:
            read[event.execution_id].add(event.artifact_id)
    return {
        model: {frozenset(read[execution]) for execution in executions}
        for model, executions in made.items()
    }


def _all(made: dict[int, set[int]]) -> set[int]:
    return {execution for executions in made.values() for execution in executions}
