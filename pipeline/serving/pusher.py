"""TFX's Pusher, whose versions appear whole, in rising order, and are written down."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import logging
from tfx import types
from tfx.components.pusher import component, executor
from tfx.dsl.components.base import executor_spec
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import io_utils, proto_utils

from pipeline.files import is_local
from pipeline.metadata.pushed_models import WITHDRAWN
from pipeline.serving.manifest import manifest_path, write_manifest
from pipeline.serving.publish import claim_version, publish
from pipeline.serving.versions import GRAPH, next_version

clock: Callable[[], float] = time.time
"""Seconds since 1970; for tests."""


class Executor(executor.Executor):
    """Pushes to `serving/<version>`, and writes `manifests/<version>.sha256`.

    The manifest is for `elmo-tfx predict --model-sha256`, and for `sha256sum --check`
    inside the version's folder.
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
        """Pushes the model under a number above all others, if it is blessed.

        TFX's own executor takes the time as the number, even if it is below that of the
        served version or taken; and it copies file by file to where servers look.

        Args:
            input_dict: `model`, `model_blessing` and perhaps `infra_blessing`.
            output_dict: `pushed_model`, which gets a copy of the model and the
                properties that TFX's executor gives it.
            exec_properties: `push_destination`, a folder.

        Raises:
            ModelError: No number is left above those of the folder.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict[specs.PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model = self.GetModelPath(input_dict)
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(
            exec_properties[specs.PUSH_DESTINATION_KEY], destination
        )
        serving = destination.filesystem.base_directory
        io_utils.copy_dir(model, pushed.uri)
        if is_local(serving):
            execution = posixpath.basename(pushed.uri)
            claimed = claim_version(Path(serving), clock(), execution, Path(pushed.uri))
            place = str(claimed)
        else:
            place = posixpath.join(serving, str(next_version(serving, clock())))
        version = posixpath.basename(place)
        if is_local(place):
            publish(Path(pushed.uri), Path(place))
        else:
            # Of the archived copy, before the version is there for others.
            write_manifest(pushed.uri, manifest_path(place))
            _copy_graph_last(model, place)
        self._MarkPushed(pushed, pushed_destination=place, pushed_version=version)
        logging.info("pushed version %s to %s", version, place)


def _copy_graph_last(model: str, place: str) -> None:
    """Copies to an object store, which cannot rename a folder in one step.

    A server takes the graph as the sign that the version is whole.
    """
    io_utils.copy_dir(model, place, deny_regex_patterns=[r"saved_model\.pb"])
    io_utils.copy_file(posixpath.join(model, GRAPH), posixpath.join(place, GRAPH))


class Pusher(component.Pusher):
    """TFX's component, with that executor."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
