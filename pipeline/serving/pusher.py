"""TFX's Pusher, which also writes down what it has pushed."""

from __future__ import annotations

from typing import Any

from absl import logging
from tfx import types
from tfx.components.pusher import component, executor
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs

from pipeline.metadata.pushed_models import WITHDRAWN
from pipeline.serving.manifest import manifest_path, write_manifest


class Executor(executor.Executor):
    """Pushes to `serving/<version>`, and writes `manifests/<version>.sha256`.

    It is for `elmo-tfx predict --model-sha256`, and for `sha256sum --check` inside
    the version's folder.
    """

    def CheckBlessing(self, input_dict: dict[str, list[types.Artifact]]) -> bool:
        """Whether both checks have passed, and no rollback has withdrawn the model."""
        model = artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY])
        if model.get_int_custom_property(WITHDRAWN) == 1:
            logging.warning("%s was withdrawn by a rollback; not pushed", model.uri)
            return False
        return super().CheckBlessing(input_dict)

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs TFX's executor, then takes the sums of the model that it pushed."""
        super().Do(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict[specs.PUSHED_MODEL_KEY])
        place = pushed.get_string_custom_property("pushed_destination")
        if place:
            # Of the archived copy: from now on, others may reach the pushed one.
            write_manifest(pushed.uri, manifest_path(place))


class Pusher(component.Pusher):
    """TFX's component, with that executor."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
