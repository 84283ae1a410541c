"""Finds the model that a newly trained one is measured against."""

from __future__ import annotations

from tfx.dsl.components.common import resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)

from pipeline.pushed_models import WITHDRAWN


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
