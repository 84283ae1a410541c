"""One typed, validated configuration: a YAML file, then overrides on top."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from components.text_example_gen.values import kept_value
from pipeline.config.data import DataConfig
from pipeline.config.kubeflow import KubeflowConfig, StepConfig, VertexConfig
from pipeline.config.sections import (
    BeamConfig,
    DriftConfig,
    ElmoConfig,
    EvaluationConfig,
    GateConfig,
    ModelConfig,
    PushConfig,
    Section,
    TrainConfig,
    TransformConfig,
    slice_of,
)
from pipeline.config.yaml_text import MOST_BYTES, load_yaml
from pipeline.errors import UserError
from pipeline.files import FileTooLarge, read_bounded

__all__ = [
    "BeamConfig",
    "Config",
    "ConfigError",
    "DataConfig",
    "DriftConfig",
    "ElmoConfig",
    "EvaluationConfig",
    "GateConfig",
    "KubeflowConfig",
    "ModelConfig",
    "PushConfig",
    "TrainConfig",
    "TransformConfig",
    "VertexConfig",
    "load_config",
    "option_names",
]


_STEPS = "kubeflow.steps"
_TABLES = ("evaluation.thresholds", "evaluation.max_drop", "evaluation.slices", _STEPS)
_SECRET = "push.webhook"
_TEXT_OR_LIST = ("data.text_column",)  # options that take one name or several
_CHARACTERS = ("data.label_separator",)  # what YAML has a use for, such as `#` and `|`


class Config(Section):
    """Everything that one run of the pipeline depends on."""

    output: str = Field(min_length=1, description="Folder that the run writes into.")
    data: DataConfig
    transform: TransformConfig = Field(default_factory=TransformConfig)
    elmo: ElmoConfig = Field(default_factory=ElmoConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)
    push: PushConfig = Field(default_factory=PushConfig)
    gate: GateConfig = Field(default_factory=GateConfig)
    drift: DriftConfig = Field(default_factory=DriftConfig)
    beam: BeamConfig = Field(default_factory=BeamConfig)
    kubeflow: KubeflowConfig = Field(default_factory=KubeflowConfig)
    vertex: VertexConfig = Field(default_factory=VertexConfig)

    @model_validator(mode="after")
    def _judge_slices_of_columns_that_are_kept(self) -> Config:
        for name in self.evaluation.slices:
            found = slice_of(name, self.data.keep_columns)
            if found and kept_value(found[1]) != found[1]:
                raise ValueError(
                    "evaluation.slices must name values as examples have them: "
                    f"{found[0]}={kept_value(found[1])}. Received: {name!r}"
                )
            if found is None:
                kept = ", ".join(self.data.keep_columns) or "none"
                raise ValueError(
                    "evaluation.slices must name slices as column=value, of columns "
                    f"in data.keep_columns ({kept}). Received: {name!r}"
                )
        return self

    @model_validator(mode="after")
    def _ask_for_precision_only_where_a_row_has_one_label(self) -> Config:
        if self.evaluation.precision is not None and self.data.has_several_labels:
            raise ValueError(
                "evaluation.precision must be none where a row may have several labels "
                "(data.label_separator, data.multi_label), as there a threshold for "
                "each label decides. "
                f"Received: {self.evaluation.precision}"
            )
        return self

    @model_validator(mode="after")
    def _tune_only_what_trains_a_fresh_head_on_a_frozen_elmo(self) -> Config:
        for is_set, name, why in (
            (self.elmo.trainable, "elmo.trainable", "a trial would train ELMo anew"),
            (self.train.warm_start, "train.warm_start", "the head found may differ"),
            (
                self.train.cache_gib == 0,
                "train.cache_gib=0",
                "each trial would encode its texts anew",
            ),
        ):
            if self.train.tune is not None and is_set:
                raise ValueError(
                    f"train.tune must be none with {name}: {why}. "
                    f"Received: {self.train.tune!r}"
                )
        return self

    @model_validator(mode="after")
    def _encode_with_beam_only_what_is_kept(self) -> Config:
        for keeps_none, name in (
            (self.elmo.trainable, "elmo.trainable"),
            (self.train.cache_gib == 0, "train.cache_gib=0"),
        ):
            if self.train.encode_with_beam and keeps_none:
                raise ValueError(
                    f"train.encode_with_beam must be false with {name}: no embeddings "
                    "are kept. Received: true"
                )
        return self


class ConfigError(UserError):
    """A configuration cannot be used; the message is one line that names the option."""


def load_config(
    path: str | Path | None = None,
    overrides: Iterable[str] = (),
    *,
    options: Mapping[str, Any] | None = None,
) -> Config:
    """Returns the configuration of a YAML file with overrides put on top.

    Args:
        path: A YAML file whose sections are those of `Config`, or None. Relative
            paths inside it are relative to the working directory of the run.
        overrides: Strings `section.option=value`; the value is read as YAML. Later
            ones win over earlier ones, and all of them over the file and `options`.
        options: Names `section.option` and their values; they win over the file.

    Raises:
        ConfigError: The file cannot be read, an option does not exist, or a value
            is outside what the option allows. One line, naming the option.
    """
    values = {} if path is None else _read_file(Path(path))
    for name, value in (options or {}).items():
        _put(values, name, value)
    for override in overrides:
        _put(values, *_parsed(override))
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_first_problem(error)) from error


def option_names() -> list[str]:
    """Returns the name of every option, most as `section.option`."""
    names = []
    for name, field in Config.model_fields.items():
        section = _section_of(field.annotation)
        if section is None:
            names.append(name)
        else:
            names.extend(f"{name}.{option}" for option in section.model_fields)
    return names


def _section_of(annotation: Any) -> type[Section] | None:
    is_section = isinstance(annotation, type) and issubclass(annotation, Section)
    return annotation if is_section else None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        values = load_yaml(read_bounded(path, MOST_BYTES))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(
            f"configuration file cannot be read: {path}: {reason}"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"configuration file is not UTF-8 text: {path}") from error
    except FileTooLarge as error:
        raise ConfigError(f"configuration file cannot be read: {error}") from error
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise ConfigError(f"configuration file is not YAML: {path}: {where}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(
            f"configuration file must hold sections such as `train:`. "
            f"Received: {type(values).__name__} in {path}"
        )
    return values


def _parsed(override: str) -> tuple[str, Any]:
    name, equals, text = override.partition("=")
    name = name.strip()
    if not equals or not name:
        raise ConfigError(
            "an override must have the form section.option=value. "
            f"Received: {override!r}"
        )
    try:
        value = load_yaml(text)
    except yaml.YAMLError as error:
        if _takes_text(name):
            return name, text
        raise ConfigError(
            f"option {name}: the value is not YAML. Received: {text!r} "
            f"({getattr(error, 'problem', None) or error})"
        ) from error
    if name in _CHARACTERS and not value and text.strip() not in ("", "null"):
        return name, text
    # YAML would make a bool of the column name `no`, and a mapping of `a: b`.
    kept = (str, type(None), list) if name in _TEXT_OR_LIST else (str, type(None))
    if _takes_text(name) and not isinstance(value, kept):
        value = text
    return name, value


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    *sections, option = name.split(".")
    for section in sections:
        if values.get(section) is None:
            values[section] = {}
        values = values[section]
        if not isinstance(values, dict):
            raise ConfigError(_unknown_option(name))
    values[option] = value


def _takes_text(name: str) -> bool:
    section, _, option = name.rpartition(".")
    fields: Mapping[str, Any] = Config.model_fields
    if section:
        outer = fields.get(section)
        model = _section_of(outer.annotation) if outer is not None else None
        fields = model.model_fields if model is not None else {}
    field = fields.get(option)
    if field is None:
        return False
    return name in _TEXT_OR_LIST or field.annotation in (str, str | None)


def _first_problem(error: ValidationError) -> str:
    details = error.errors(include_url=False)
    # An option that does not exist explains why another one is missing.
    details.sort(key=lambda detail: detail["type"] != "extra_forbidden")
    detail = details[0]
    name = _name_of(detail["loc"])
    received = detail["input"]
    if detail["type"] == "extra_forbidden":
        return _unknown_option(name)
    if detail["type"] == "missing":
        if name == "data":
            name = "data.pattern"
        return f"option {name} is required and is not set"
    # An option of two types, such as a number or `auto`, has a problem for each.
    same = [other for other in details if _name_of(other["loc"]) == name]
    # A rule for options of several sections names them itself.
    rules = " or ".join(map(_rule_of, same))
    message = f"option {name}: {rules}" if name else f"option {rules}"
    if isinstance(received, Mapping) and detail["type"] == "value_error":
        return message
    if name == _SECRET:  # somebody may have put the address there
        return f"{message} (hint: the address stands in the environment alone)"
    return f"{message}. Received: {received!r}"


def _rule_of(detail: Mapping[str, Any]) -> str:
    if detail["type"] in ("model_type", "dict_type"):
        return "should be a section of options"
    if detail["type"] == "string_unicode":
        return "has bytes that are not UTF-8 (hint: give it another name)"
    rule = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    rule = rule.removesuffix(", unable to parse string as an integer")
    return rule[:1].lower() + rule[1:]


def _name_of(location: Sequence[int | str]) -> str:
    """Returns the dotted name, without the parts that only pydantic knows."""
    known = option_names()
    name = ""
    for part in location:
        longer = f"{name}.{part}" if name else str(part)
        if name in known and not _is_table(name):
            break  # a branch of a union or a place in a list
        if part == "[key]":
            break
        name = longer
    return name


def _is_table(name: str) -> bool:
    return name in _TABLES


def _unknown_option(name: str) -> str:
    known = option_names()
    if name.startswith(f"{_STEPS}."):
        step = name.rpartition(".")[0]
        known = [f"{step}.{option}" for option in StepConfig.model_fields]
    message = f"option {name} does not exist"
    close = difflib.get_close_matches(name, known, n=1)
    if not close:
        last = name.rpartition(".")[2]
        close = [option for option in known if option.rpartition(".")[2] == last][:1]
    if close:
        return f"{message} (hint: did you mean {close[0]}?)"
    sections = ", ".join(Config.model_fields)
    return f"{message}; the sections are: {sections}"
