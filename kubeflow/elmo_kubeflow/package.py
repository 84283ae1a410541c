"""From a configuration to a package of Kubeflow Pipelines: one step per TFX node.

TFX's own runner for Kubeflow writes a package that the open-source Kubeflow Pipelines
cannot run: it knows no resolvers, so no windows of spans and no model to compare with.
Here every step starts one node in its own container by TFX's portable launcher
(`pipeline.run_node`), which resolves inputs in ML Metadata as a local run does.

This module must not import `annotations` from `__future__`: kfp needs the types
themselves, and that would make text of them.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from kfp import compiler, dsl

from elmo_kubeflow import step_names as names
from elmo_kubeflow.platforms import (
    PLATFORMS,
    Platform,
    checked_for,
    step_options,
)
from pipeline.config import Config, ConfigError
from pipeline.node_order import upstream_nodes

_OPTIONAL_NODES = ("SpanWindow", "DriftCheck", "WarmStart", "Tuner")
_COMMAND = ["python", "-m", "elmo_kubeflow.step"]
_EXECUTOR_INPUT = "{{$}}"  # KFP puts the message ExecutorInput there

# Name -> type of the parameters and outputs of steps.
_RUN = {names.CONFIG: str, names.RUN_ID: str}
_START_INPUTS = {
    **_RUN,
    names.SPAN: str,
    names.DATA_PATTERN: str,
    names.TRAINING_STEPS: int,
    names.FORCE: bool,
}
_START_OUTPUTS = {
    name: dsl.OutputPath(str)
    for name in (
        names.RESOLVED_CONFIG,
        names.FINGERPRINT,
        names.SPAN_NAME,
        names.IS_NEW,
    )
}
_NODE_OUTPUTS: Mapping[str, Mapping[str, Any]] = {
    "StatisticsGen": {names.REPORT: dsl.Output[dsl.HTML]},
    "Evaluator": {
        names.METRICS: dsl.Output[dsl.Metrics],
        names.REPORT: dsl.Output[dsl.HTML],
    },
    "Pusher": {names.MODEL: dsl.Output[dsl.Model]},
}
_END_INPUTS = {**_RUN, names.FINGERPRINT: str, names.SPAN_NAME: str}
_END_OUTPUTS = {
    names.SUMMARY: dsl.Output[dsl.Markdown],
    names.REPORT: dsl.Output[dsl.HTML],
}


def compile_package(
    config: Config,
    path: Path,
    *,
    platform: Literal["kubeflow", "vertex"] = "kubeflow",
) -> None:
    """Writes the YAML that Kubeflow Pipelines, or Vertex AI, runs.

    A run has the parameters `span` (a number, a day or `latest`), `data_pattern`,
    `training_steps` (0: no limit) and `force` (run even if nothing is new). Its first
    step finds the span; if nothing is new since the last run that ended well, the
    other steps are skipped.

    Args:
        config: What is run. `data.pattern`, `output` and the like are paths as the
            steps see them.
        path: The file to write.
        platform: What runs it.

    Raises:
        ConfigError: An option is missing that a cluster needs, or names a step that
            does not exist.
    """
    config = checked_for(platform, config)
    upstream = upstream_nodes(config)
    known = {"default", names.START, names.END, *_OPTIONAL_NODES, *upstream}
    unknown = sorted(set(config.kubeflow.steps) - known)
    if unknown:
        raise ConfigError(
            f"option kubeflow.steps: there is no step {unknown[0]}; the steps are: "
            f"{', '.join(sorted(known))}"
        )
    pipeline = _pipeline(config, upstream, PLATFORMS[platform])
    compiler.Compiler().compile(pipeline, str(path))


def _pipeline(
    config: Config, upstream: Mapping[str, list[str]], platform: Platform
) -> Any:
    def add(step: str, component: Any, **inputs: Any) -> Any:
        task = component(**inputs)
        platform.equip(task, config, step)
        return task

    def define(
        span: str = str(config.data.span),
        data_pattern: str = config.data.pattern,
        training_steps: int = config.train.max_steps or 0,
        force: bool = False,
    ) -> None:
        run_id = dsl.PIPELINE_JOB_ID_PLACEHOLDER
        start = add(
            names.START,
            _component(config, names.START, ["start"], _START_INPUTS, _START_OUTPUTS),
            config=config.model_dump_json(),
            run_id=run_id,
            span=span,
            data_pattern=data_pattern,
            training_steps=training_steps,
            force=force,
        )
        run = {"config": start.outputs[names.RESOLVED_CONFIG], "run_id": run_id}
        with dsl.If(start.outputs[names.IS_NEW] == names.YES, name="new"):
            tasks: dict[str, Any] = {}
            for node, before in upstream.items():
                outputs = _NODE_OUTPUTS.get(node, {})
                component = _component(config, node, ["node", node], _RUN, outputs)
                tasks[node] = add(node, component, **run)
                tasks[node].after(*(tasks[name] for name in before))
            end = add(
                names.END,
                _component(config, names.END, ["end"], _END_INPUTS, _END_OUTPUTS),
                **run,
                fingerprint=start.outputs[names.FINGERPRINT],
                span_name=start.outputs[names.SPAN_NAME],
            )
            end.after(*tasks.values())

    description = (
        "From labelled text to a pushed classifier on ELMo embeddings, in "
        f"{PurePosixPath(config.output).name}."
    )
    name = config.kubeflow.pipeline_name
    return dsl.pipeline(name=name, description=description)(define)


def _component(
    config: Config,
    step: str,
    arguments: Sequence[str],
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
) -> Any:
    """Returns a component of kfp; its name is the step's.

    Args:
        config: Has the image and the step's time limit.
        step: Name of the step.
        arguments: The first arguments of its command, before those of all steps.
        inputs: Name -> type of its parameters.
        outputs: Name -> annotation of its outputs, as kfp wants it.
    """
    options = step_options(config, step)

    def component(*placeholders: Any) -> dsl.ContainerSpec:
        by_name = dict(zip([*inputs, *outputs], placeholders, strict=True))
        args = [*arguments, "--executor-input", _EXECUTOR_INPUT]
        if options.timeout_minutes is not None:
            args += ["--timeout-minutes", f"{options.timeout_minutes:g}"]
        if options.retries:
            args += ["--retries", str(options.retries)]
        for name in names.OPTIONS_OF_PATHS:
            if name in outputs:
                args += [f"--{name}", by_name[name].path]
        image = config.kubeflow.image
        return dsl.ContainerSpec(image=image, command=_COMMAND, args=args)

    return dsl.container_component(
        _with_signature(component, step, {**inputs, **outputs})
    )


def _with_signature(
    function: Callable[..., Any], name: str, annotations: Mapping[str, Any]
) -> Callable[..., Any]:
    """Makes a function look as if its parameters were written out, for kfp to read."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    function.__name__ = name
    function.__annotations__ = dict(annotations)
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(each, kind, annotation=annotation)
            for each, annotation in annotations.items()
        ]
    )
    return function
