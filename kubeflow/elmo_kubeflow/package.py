"""From a configuration to a package of Kubeflow Pipelines: one step per TFX node.

TFX's own runner for Kubeflow writes a package that the open-source Kubeflow Pipelines
cannot run: it knows no resolvers, so no windows of spans and no model to compare with.
Here every step starts one node in its own container by TFX's portable launcher
(`pipeline.run_node`), which resolves inputs in ML Metadata as a local run does.
"""

# Without `from __future__ import annotations`: kfp reads types, not their names.

import posixpath
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from kfp import compiler, dsl

from elmo_kubeflow import step_names as names
from elmo_kubeflow.package_steps import end_step, node_step, start_step
from elmo_kubeflow.platforms import PLATFORMS, Platform
from pipeline.config import Config, ConfigError
from pipeline.node_launcher import upstream_nodes
from pipeline.output_folder import OutputFolder
from pipeline.pipeline import create_pipeline

# Nodes that only some configurations have.
_OPTIONAL = ("SpanWindow", "DriftCheck", "WarmStart")


def compile_package(
    config: Config,
    path: Path,
    *,
    platform: Literal["kubeflow", "vertex"] = "kubeflow",
) -> None:
    """Writes the YAML that Kubeflow Pipelines, or Vertex AI, runs.

    A run has the parameters `span` (a number, a day or `latest`), `data_pattern`,
    `training_steps` (0: no bound) and `force` (run also where nothing is new). Its
    first step finds the span, and where nothing is new since the last run that ended
    well, the others are left out.

    Args:
        config: What is run. `data.pattern`, `output` and the like are paths as the
            steps see them.
        path: The file to write.
        platform: Who runs it.

    Raises:
        ConfigError: An option is missing that a cluster needs, or names a step that
            does not exist.
    """
    chosen = PLATFORMS[platform]
    config = chosen.checked(config)
    if config.kubeflow.image is None:
        raise ConfigError("option kubeflow.image is required and is not set")
    upstream = upstream_nodes(create_pipeline(config))
    known = {"default", names.START, names.END, *_OPTIONAL, *upstream}
    unknown = sorted(set(config.kubeflow.steps) - known)
    if unknown:
        raise ConfigError(
            f"option kubeflow.steps: there is no step {unknown[0]}; the steps are: "
            f"{', '.join(sorted(known))}"
        )
    compiler.Compiler().compile(_pipeline(config, upstream, chosen), str(path))


def _pipeline(
    config: Config, upstream: Mapping[str, list[str]], platform: Platform
) -> Any:
    data, steps = config.data.pattern, config.train.max_steps or 0
    compiled = config.model_dump_json()

    def define(
        span: str = str(config.data.span),
        data_pattern: str = data,
        training_steps: int = steps,
        force: bool = False,
    ) -> None:
        run_id = dsl.PIPELINE_JOB_ID_PLACEHOLDER
        start = start_step(config)(
            config=compiled,
            run_id=run_id,
            span=span,
            data_pattern=data_pattern,
            training_steps=training_steps,
            force=force,
        )
        platform.equip(start, config, names.START)
        run = {"config": start.outputs[names.RESOLVED_CONFIG], "run_id": run_id}
        with dsl.If(start.outputs[names.IS_NEW] == names.YES, name="new"):
            tasks: dict[str, Any] = {}
            for node, before in upstream.items():
                tasks[node] = node_step(config, node)(**run)
                tasks[node].after(*(tasks[name] for name in before))
                platform.equip(tasks[node], config, node)
            end = end_step(config)(
                **run,
                fingerprint=start.outputs[names.FINGERPRINT],
                span_name=start.outputs[names.SPAN_NAME],
            )
            end.after(*tasks.values())
            platform.equip(end, config, names.END)

    return _named(define, config)


def _named(define: Callable[..., None], config: Config) -> Any:
    description = (
        "From labelled text to a pushed classifier on ELMo embeddings, in "
        f"{posixpath.basename(OutputFolder(config.output).path.as_posix())}."
    )
    return dsl.pipeline(name=config.kubeflow.pipeline_name, description=description)(
        define
    )
