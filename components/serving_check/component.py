"""ServingCheck: the contract of a node that tries the exported model alone."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.serving_check import executor


class ServingCheckSpec(types.ComponentSpec):
    """Inputs, output and parameters of `ServingCheck`."""

    INPUTS = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "examples": ChannelParameter(type=standard_artifacts.Examples, optional=True),
    }
    OUTPUTS = {"blessing": ChannelParameter(type=standard_artifacts.InfraBlessing)}
    PARAMETERS = {
        "text_feature": ExecutionParameter(type=str),
        "timeout_seconds": ExecutionParameter(type=int),
    }


class ServingCheck(base_component.BaseComponent):
    """Blesses the exported model if it can answer requests without this project.

    The model is loaded in a fresh process in which this project, TFX, tf.Transform
    and Keras cannot be imported. There it is asked its serving requests, those that TF
    Serving asks when it loads a model, and awkward texts. It takes the place of TFX's
    InfraValidator, which needs Docker or Kubernetes: the Pusher accepts the output
    `blessing` as its `infra_blessing`.

    A model that fails is not blessed, and the run goes on; the reasons are logged as
    errors and stand in `report.json` beside the blessing.

    The model must have the signatures
        `serving_default`: tf.Examples -> `probabilities` float32 `[batch, classes]`,
        `predict_text`: raw texts -> the same, `label` string `[batch]` and `classes`
        string `[batch, classes]`, and
        `transform_features`: tf.Examples -> any tensors `[batch, ...]`,
    each of one string tensor `[batch]` of any name. A model that gives a text
    any number of labels has `chosen` bool `[batch, classes]` in the first two, and
    `thresholds` float32 in the second. Its folder must hold serving
    requests in the form that the docstring of `replay/__main__.py` describes.

    Args:
        model: The Trainer's model.
        examples: Optional; `serving_default` and `transform_features` are asked about
            32 of them, of the test split if there is one.
        text_feature: Name of the text in the tf.Examples that `serving_default` takes.
        timeout_seconds: Time for all checks together, after TensorFlow's import.

    Raises:
        ValueError: `timeout_seconds` is not a positive int.
    """

    SPEC_CLASS = ServingCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        *,
        examples: types.BaseChannel | None = None,
        text_feature: str = "text",
        timeout_seconds: int = 600,
    ) -> None:
        if not isinstance(timeout_seconds, int) or timeout_seconds < 1:
            raise ValueError(
                "`timeout_seconds` must be a positive int. "
                f"Received: {timeout_seconds!r}"
            )
        super().__init__(
            ServingCheckSpec(
                model=model,
                examples=examples,
                blessing=types.Channel(type=standard_artifacts.InfraBlessing),
                text_feature=text_feature,
                timeout_seconds=timeout_seconds,
            )
        )
