"""Which artifacts of earlier runs a node gets: strategies of TFX's Resolver nodes.

TFX's own strategies serve a run that is repeated badly: it would be compared with
itself, or train again from its own model. These give it the inputs of the first time,
so that its nodes are taken from the cache. None gives a model that a rollback withdrew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.common import resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.types.artifact import Artifact
from tfx.utils import path_utils

from components.drift_check.spans import span_of
from pipeline.metadata.pushed_models import WITHDRAWN, PushedModels
from pipeline.training.saved_weights import has_several_labels

# Channels of the Resolvers.
_MODEL = "model"
_BLESSING = "model_blessing"
_CANDIDATE = "candidate"
_EXAMPLES = "examples"  # also the Trainer's input
_NEWEST = "newest"

_EVENT = metadata_store_pb2.Event
_EXECUTION = metadata_store_pb2.Execution


class PreviousBlessedModelStrategy(resolver.ResolverStrategy):
    """Resolves the latest blessed model that is not the candidate itself.

    TFX's LatestBlessedModelStrategy returns the candidate when a pipeline runs again
    over the same data: the model would be compared with itself, evaluated again and
    pushed a second time.

    A model that gives a text one label cannot be compared with one that gives it any
    number of them, and is passed over.

    Channels of the Resolver: `model` and `model_blessing` of any run, and
    `candidate`, the model of this run. All three are empty if no other model was ever
    blessed.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Returns `model` and `model_blessing` with one artifact each, or none."""
        candidates = input_dict[_CANDIDATE]
        kinds = {_has_several_labels(each) for each in candidates}
        without = {artifact.id for artifact in candidates}
        while True:
            resolved = _latest_blessed(store, input_dict, without=without)
            others = [
                model.id
                for model in resolved[_MODEL]
                if kinds and _has_several_labels(model) not in kinds
            ]
            if not others:
                return {**resolved, _CANDIDATE: []}
            without.update(others)


class WarmStartStrategy(resolver.ResolverStrategy):
    """Resolves the latest blessed model that was trained on other examples.

    Without the models of the same examples, a run that is repeated starts from the
    model from which it started the first time.

    Channels of the Resolver: `model` and `model_blessing` of any run, and `examples`,
    the transformed examples of this run. All three are empty if no model fits.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Returns `model` and `model_blessing` with one artifact each, or none."""
        examples = frozenset(artifact.id for artifact in input_dict[_EXAMPLES])
        trainings = _trainings(store, [model.id for model in input_dict[_MODEL]])
        same = {model for model, inputs in trainings.items() if examples in inputs}
        return {**_latest_blessed(store, input_dict, without=same), _EXAMPLES: []}


class SpanWindowStrategy(resolver.ResolverStrategy):
    """Resolves the examples of the last spans, each span once.

    TFX's SpanRangeStrategy returns all examples that were ever made of a span: if a
    span was ingested again, its old rows would be trained on beside the new ones. Here
    the ingestion that ended last counts, and of the newest span that of this run.

    A span that the gate has refused is not trained on later either, unless the gate has
    let it pass since. The newest one comes to the gate after this node.

    Channels of the Resolver: `examples`, what TextExampleGen made in any run; and
    `newest`, what it made in this one.

    Args:
        spans: Width of the window, in numbers of spans; numbers for which no data came
            count too.
        gate: Full class name of the component that examples must have passed.
    """

    def __init__(self, spans: int, gate: str) -> None:
        self._spans, self._gate = spans, gate

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Returns `examples`, one artifact a span in any order; `newest` is empty."""
        (newest,) = input_dict[_NEWEST]
        last = span_of(newest)
        earlier = {
            artifact.id: artifact
            for artifact in input_dict[_EXAMPLES]
            if last - self._spans < span_of(artifact) < last
        }
        passed = _passed(store, self._gate, earlier)
        made = _last_made(store, passed)
        by_span = {
            span_of(earlier[each]): earlier[each]
            for each in sorted(passed, key=lambda each: (made.get(each, 0), each))
        }
        return {_EXAMPLES: [newest, *by_span.values()], _NEWEST: []}


def _has_several_labels(model: Artifact) -> bool:
    return has_several_labels(path_utils.serving_model_dir(model.uri))


def _latest_blessed(
    store: mlmd.MetadataStore,
    input_dict: dict[str, list[Artifact]],
    *,
    without: set[int],
) -> dict[str, list[Artifact]]:
    """Returns the blessed model that came into use last, and its blessing.

    Both lists are empty if there is none in service.

    Args:
        store: Of ML Metadata.
        input_dict: Channels of a Resolver, `model` and `model_blessing` among them.
        without: Ids of models that are passed over.
    """
    models = [
        model
        for model in input_dict[_MODEL]
        if model.id not in without and model.get_int_custom_property(WITHDRAWN) != 1
    ]
    recency = PushedModels(store).recency()
    # TFX itself would take the one that was made last, whatever is served.
    for model in sorted(models, key=lambda each: recency(each.id), reverse=True):
        channels = {_MODEL: [model], _BLESSING: list(input_dict[_BLESSING])}
        resolved = LatestBlessedModelStrategy().resolve_artifacts(store, channels)
        if resolved and resolved[_MODEL]:
            return resolved
    return {_MODEL: [], _BLESSING: []}


def _trainings(
    store: mlmd.MetadataStore, models: Iterable[int]
) -> dict[int, set[frozenset[int]]]:
    """Returns model -> the ids of the examples of each execution that made it.

    There are several where it was taken from the cache: they may have had other ids
    for the same examples.
    """
    makers: dict[int, set[int]] = {model: set() for model in models}
    for event in store.get_events_by_artifact_ids(list(makers)):
        if event.type == _EVENT.OUTPUT:
            makers[event.artifact_id].add(event.execution_id)
    inputs: dict[int, set[int]] = defaultdict(set)  # execution -> examples
    for event in store.get_events_by_execution_ids(list(set().union(*makers.values()))):
        steps = event.path.steps
        if event.type == _EVENT.INPUT and steps and steps[0].key == _EXAMPLES:
            inputs[event.execution_id].add(event.artifact_id)
    return {
        model: {frozenset(inputs[each]) for each in executions}
        for model, executions in makers.items()
    }


def _passed(store: mlmd.MetadataStore, gate: str, examples: Iterable[int]) -> set[int]:
    """Returns the examples that the gate let pass when it saw them last."""
    readers: dict[int, set[int]] = defaultdict(set)  # execution -> examples
    for event in store.get_events_by_artifact_ids(list(examples)):
        if event.type == _EVENT.INPUT:
            readers[event.execution_id].add(event.artifact_id)
    passed: set[int] = set()
    executions = store.get_executions_by_id(list(readers))
    for execution in sorted(executions, key=lambda each: each.id):
        if execution.type == gate:
            if execution.last_known_state in (_EXECUTION.COMPLETE, _EXECUTION.CACHED):
                passed |= readers[execution.id]
            elif execution.last_known_state == _EXECUTION.FAILED:
                passed -= readers[execution.id]
    return passed


def _last_made(store: mlmd.MetadataStore, examples: Iterable[int]) -> dict[int, int]:
    """Returns the last execution whose output examples were, a cached one too.

    Executions are numbered in their order; a clock may have been put back.
    """
    made: dict[int, int] = {}
    for event in store.get_events_by_artifact_ids(list(examples)):
        if event.type == _EVENT.OUTPUT:
            before = made.get(event.artifact_id, 0)
            made[event.artifact_id] = max(before, event.execution_id)
    return made
