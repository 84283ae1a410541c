"""The settings that travel from the component to its executor through TFX."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from google.protobuf import any_pb2, struct_pb2
from tfx.proto import example_gen_pb2
from tfx.types import standard_component_specs
from tfx.utils import proto_utils

from components.text_example_gen.options import ReadOptions

_JSON_FIELD = "text_example_gen"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What TextExampleGen is told beyond what TFX's ExampleGens are told.

    Args:
        options: How the files are read.
        max_rejected_fraction: Share of rejected rows above which the run stops, from
            0 to 1, no unit.

    Raises:
        ValueError: `max_rejected_fraction` is out of range, or no label column is set.
    """

    options: ReadOptions
    max_rejected_fraction: float

    def __post_init__(self) -> None:
        if not 0 <= self.max_rejected_fraction <= 1:
            raise ValueError(
                "`max_rejected_fraction` must lie between 0 and 1. "
                f"Received: {self.max_rejected_fraction!r}"
            )
        if self.options.label_column is None:
            raise ValueError("`label_column` must be set. Received: None")

    def to_proto(self) -> example_gen_pb2.CustomConfig:
        """The settings as the custom config of an ExampleGen."""
        values = struct_pb2.Struct()
        # As one JSON string: a Struct has no integers and no None that survive.
        values[_JSON_FIELD] = json.dumps(
            {
                "options": self.options.to_dict(),
                "max_rejected_fraction": self.max_rejected_fraction,
            }
        )
        packed = any_pb2.Any()
        packed.Pack(values)
        return example_gen_pb2.CustomConfig(custom_config=packed)

    @classmethod
    def from_exec_properties(cls, exec_properties: dict[str, Any]) -> Settings:
        """The inverse of `to_proto`, after TFX made an execution property of it."""
        config = example_gen_pb2.CustomConfig()
        proto_utils.json_to_proto(
            exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY], config
        )
        values = struct_pb2.Struct()
        config.custom_config.Unpack(values)
        settings = json.loads(values[_JSON_FIELD])
        return cls(
            options=ReadOptions.from_dict(settings["options"]),
            max_rejected_fraction=settings["max_rejected_fraction"],
        )
