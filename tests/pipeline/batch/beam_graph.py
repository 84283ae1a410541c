"""Reads a graph in Beam's portable form, as runners get it."""

from __future__ import annotations

import base64
import bz2
from collections.abc import Collection, Iterable

from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2 as beam_api

PAR_DO = common_urns.primitives.PAR_DO.urn
GROUP_BY_KEY = common_urns.primitives.GROUP_BY_KEY.urn

# What Beam's runners carry out themselves: FlinkBatchPortablePipelineTranslator and
# SparkBatchPortablePipelineTranslator list these and the stage.
BY_RUNNER = frozenset(
    {
        common_urns.primitives.IMPULSE.urn,
        common_urns.primitives.FLATTEN.urn,
        common_urns.composites.RESHUFFLE.urn,
        GROUP_BY_KEY,
    }
)
STAGE = common_urns.executable_stage
# What fits into a stage for the workers: GreedyPCollectionFusers lists these, and parts
# of splittable DoFns, of which a job of ours has none.
BY_WORKERS = frozenset(
    {
        PAR_DO,
        common_urns.combine_components.COMBINE_PER_KEY_PRECOMBINE.urn,
        common_urns.combine_components.COMBINE_PER_KEY_MERGE_ACCUMULATORS.urn,
        common_urns.combine_components.COMBINE_PER_KEY_EXTRACT_OUTPUTS.urn,
    }
)


def steps(graph: beam_api.Pipeline) -> list[beam_api.PTransform]:
    """Returns the steps; those that a runner does itself are not taken apart."""
    leaves, waiting = [], list(graph.root_transform_ids)
    while waiting:
        step = graph.components.transforms[waiting.pop()]
        if step.subtransforms and step.spec.urn not in BY_RUNNER:
            waiting.extend(step.subtransforms)
        else:
            leaves.append(step)
    return leaves


def urns(transforms: Iterable[beam_api.PTransform]) -> set[str]:
    return {step.spec.urn for step in transforms}


def names(transforms: Iterable[beam_api.PTransform]) -> set[str]:
    return {step.unique_name.rpartition("/")[2] for step in transforms}


def pardos(graph: beam_api.Pipeline) -> dict[str, beam_api.ParDoPayload]:
    """Every ParDo by its label."""
    return {
        step.unique_name.rpartition("/")[2]: beam_api.ParDoPayload.FromString(
            step.spec.payload
        )
        for step in steps(graph)
        if step.spec.urn == PAR_DO
    }


def pickled(pardo: beam_api.ParDoPayload) -> bytes:
    """The pickle of its function, unpacked as Beam's cloudpickle_pickler packs it."""
    return bz2.decompress(base64.b64decode(pardo.do_fn.payload))


def stages(fused: beam_api.Pipeline) -> list[beam_api.PTransform]:
    """What the workers do in all stages of a graph that was fused."""
    transforms = fused.components.transforms
    payloads = [
        beam_api.ExecutableStagePayload.FromString(transforms[name].spec.payload)
        for name in fused.root_transform_ids
        if transforms[name].spec.urn == STAGE
    ]
    return [
        each.components.transforms[name]
        for each in payloads
        for name in each.transforms
    ]


def environment(graph: beam_api.Pipeline) -> beam_api.Environment:
    """The one environment of all that the workers do."""
    workers = [step for step in steps(graph) if step.spec.urn in BY_WORKERS]
    [name] = {step.environment_id for step in workers}
    return graph.components.environments[name]


def image(environment: beam_api.Environment) -> str:
    """The container image of an environment."""
    assert environment.urn == common_urns.environments.DOCKER.urn
    return beam_api.DockerPayload.FromString(environment.payload).container_image


def group_by_key_coders(graph: beam_api.Pipeline) -> Collection[str]:
    """The kinds of coders of what is grouped by key."""
    parts = graph.components
    inputs = [
        name
        for step in steps(graph)
        if step.spec.urn == GROUP_BY_KEY
        for name in step.inputs.values()
    ]
    return {parts.coders[parts.pcollections[name].coder_id].spec.urn for name in inputs}
