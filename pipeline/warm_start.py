"""Finds the model whose weights a training starts from."""

from __future__ import annotations

from collections.abc import Sequence

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.common import resolver
from tfx.types import artifact

from pipeline.previous_model import PreviousBlessedModelStrategy

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
