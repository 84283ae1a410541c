"""What each step asks of a cluster: its own options, `default`'s, and ours."""

from __future__ import annotations

from pipeline.config import Config
from pipeline.config_kubeflow import EVERY_STEP, StepConfig

_OURS = StepConfig(cpu="1", memory="4Gi", retries=1)
_OURS_BY_STEP = {"Trainer": StepConfig(cpu="2", memory="8Gi")}
"""Beside data and weights the Trainer holds up to `train.cache_gib` of vectors."""


def options_of(config: Config, step: str) -> StepConfig:
    """Returns the options of a step: the first of these that has one decides.

    `kubeflow.steps.<step>`, what we set for this step, `kubeflow.steps.default`, what
    we set for all.
    """
    given = config.kubeflow.steps
    chosen: dict[str, object] = {}
    for options in (
        _OURS,
        given.get(EVERY_STEP),
        _OURS_BY_STEP.get(step),
        given.get(step),
    ):
        if options is not None:
            chosen |= options.model_dump(exclude_none=True)
    return StepConfig.model_validate(chosen)
