"""DriftCheck: the contract of a node that compares the newest span with others."""

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.drift_check import executor
from components.drift_check.report import DriftReport


class DriftCheckSpec(types.ComponentSpec):
    """Inputs, output and parameters of `DriftCheck`."""

    INPUTS = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "window": ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {"drift": ChannelParameter(type=DriftReport)}
    PARAMETERS = {
        "label": ExecutionParameter(type=float),
        "length": ExecutionParameter(type=float),
        "unknown_words": ExecutionParameter(type=float),
        "tokenizer": ExecutionParameter(type=str),
        "text_feature": ExecutionParameter(type=str),
        "label_feature": ExecutionParameter(type=str),
    }


class DriftCheck(base_beam_component.BaseBeamComponent):
    """Measures how far the newest span lies from the spans of a window before it.

    Labels and lengths are compared over all texts. A word is unknown if no training
    text of the spans before has it; the mean share of such words in the held-out texts
    (all splits but `train`) of the newest span is compared with that in the held-out
    texts of the spans before. A distance of 0 means equal, 1 nothing in common.

    It only reports: give its output `drift` to AnomalyGate, which stops or warns.

    Args:
        examples: Examples of the newest span; its custom property `span` is its number.
        window: Examples of one span or more; may include the newest. Without
            any other span the report says that there is nothing to compare with.
        label: Most that the share of one label may change (L-infinity); no unit.
        length: Most Jensen-Shannon divergence of the texts' lengths in tokens; no unit.
        unknown_words: Most that the mean share of unknown words may change; no unit.
        tokenizer: What a word is, as `keras_elmo.text.tokenize` takes it.
        text_feature: Name of the text in the examples.
        label_feature: Name of the label in the examples, bytes or integers.

    Raises:
        ValueError: A threshold is not a number from 0 to 1.
    """

    SPEC_CLASS = DriftCheckSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        *,
        window: types.BaseChannel,
        label: float = 0.1,
        length: float = 0.1,
        unknown_words: float = 0.1,
        tokenizer: str = "elmo",
        text_feature: str = "text",
        label_feature: str = "label",
    ) -> None:
        super().__init__(
            DriftCheckSpec(
                examples=examples,
                window=window,
                drift=types.Channel(type=DriftReport),
                label=_threshold("label", label),
                length=_threshold("length", length),
                unknown_words=_threshold("unknown_words", unknown_words),
                tokenizer=tokenizer,
                text_feature=text_feature,
                label_feature=label_feature,
            )
        )


def _threshold(name: str, value: float) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:
        raise ValueError(f"`{name}` must be a number from 0 to 1. Received: {value!r}")
    return float(value)
