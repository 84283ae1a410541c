"""From a configuration to a package of Kubeflow Pipelines: one step per TFX node.

TFX's own runner for Kubeflow writes a package that the open-source Kubeflow Pipelines
cannot run: it knows no resolvers, so no windows of spans and no model to compare with.
Here every step starts one node in its own container by TFX's portable launcher
(`pipeline.run_node`), which resolves inputs in ML Metadata as a local run does.
"""

from __future__ import annotations

import inspect
import posixpath
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from kfp import compiler, dsl

from elmo_kubeflow import step_names as names
from elmo_kubeflow.platforms import PLATFORMS, Platform, options_of
from pipeline.config import Config, ConfigError
from pipeline.output_folder import OutputFolder
from pipeline.pipeline import create_pipeline
from pipeline.runs.node_launcher import upstream_nodes

_COMMAND = ["python", "-m", "elmo_kubeflow.step"]
_EXECUTOR_INPUT = "{{$}}"  # KFP puts the message ExecutorInput there

_RUN = {names.CONFIG: str, names.RUN_ID: str}
_SHOWN: Mapping[str, Mapping[str, Any]] = {
    "StatisticsGen": {names.REPORT: dsl.Output[dsl.HTML]},
    "Evaluator": {
        names.METRICS: dsl.Output[dsl.Metrics],
        names.REPORT: dsl.Output[dsl.HTML],
    },
    "Pusher": {names.MODEL: dsl.Output[dsl.Model]},
}


def start_step(config: Config) -> Any:
    """Returns the component that finds the span, and says whether there is work."""
    takes = {
        **_RUN,
        names.SPAN: str,
        names.DATA_PATTERN: str,
        names.TRAINING_STEPS: int,
        names.FORCE: bool,
    }
    made = (names.RESOLVED_CONFIG, names.FINGERPRINT, names.SPAN_NAME, names.IS_NEW)
    makes = {name: dsl.OutputPath(str) for name in made}
    return _component(config, names.START, ["start"], takes, makes)


def node_step(config: Config, node: str) -> Any:
    """Returns the component that runs one node of the pipeline."""
    return _component(config, node, ["node", node], _RUN, _SHOWN.get(node, {}))


def end_step(config: Config) -> Any:
    """Returns the component that ends a run whose nodes have all ended well."""
    takes = {**_RUN, names.FINGERPRINT: str, names.SPAN_NAME: str}
    makes = {names.SUMMARY: dsl.Output[dsl.Markdown]}
    return _component(config, names.END, ["end"], takes, makes)


def _component(
    config: Config,
    step: str,
    arguments: Sequence[str],
    takes: Mapping[str, Any],
    makes: Mapping[str, Any],
) -> Any:
    """Returns a component of kfp; its name is the step's.

    Args:
        config: Gives the image and the step's time limit.
        step: Name of the step.
        arguments: What its command is told, before what all steps are told.
        takes: Name -> type of its parameters.
        makes: Name -> annotation of its outputs, as kfp wants it.
    """
    image = config.kubeflow.image
    minutes = options_of(config, step).timeout_minutes

    def component(*given: Any) -> dsl.ContainerSpec:
        placeholders = dict(zip([*takes, *makes], given, strict=True))
        more: list[Any] = ["--executor-input", _EXECUTOR_INPUT]
        if minutes is not None:
            more += ["--timeout-minutes", f"{minutes:g}"]
        for name in names.OPTIONS_OF_PATHS:
            if name in makes:
                more += [f"--{name}", placeholders[name].path]
        return dsl.ContainerSpec(
            image=image, command=_COMMAND, args=[*arguments, *more]
        )

    return dsl.container_component(_with_signature(component, step, takes, makes))


def _with_signature(
    function: Callable[..., Any],
    name: str,
    takes: Mapping[str, Any],
    makes: Mapping[str, Any],
) -> Callable[..., Any]:
    """Makes a function look as if it were written out, which kfp reads."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    annotations = {**takes, **makes}
    function.__name__ = name
    function.__annotations__ = annotations
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(each, kind, annotation=annotation)
            for each, annotation in annotations.items()
        ]
    )
    return function


# Without `from __future__ import annotations`: kfp reads types, not their names.


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
