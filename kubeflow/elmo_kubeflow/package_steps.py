"""The steps of the package: what each takes, makes, and starts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kfp import dsl

from elmo_kubeflow import step_names as names
from elmo_kubeflow.step_options import options_of
from pipeline.config import Config

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
