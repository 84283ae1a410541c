"""Launches single nodes of a run, by TFX's portable launcher."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import (
    cache_utils,
    launcher,
    runtime_parameter_utils,
)

from pipeline.files import is_local
from pipeline.metadata.inventory import Inventory
from pipeline.metadata.place import first_place
from pipeline.metadata.pushed_models import PushedModels
from pipeline.metadata.runs import NodeRecord, RunRecords
from pipeline.metadata.store import connection_config, is_on_server, open_store

_LOGGER = logging.getLogger(__name__)


class NodeLauncher:
    """One run of a pipeline, whose nodes are launched one by one, in any process.

    TFX's own local runner does the same in one loop, but logs how it reaches ML
    Metadata, with the password.

    Args:
        definition: The pipeline.
        run_id: Name of the run in ML Metadata; launchers of one run share it.
        store: Path of ML Metadata's SQLite file, where the environment names no server.
    """

    def __init__(self, definition: pipeline.Pipeline, run_id: str, store: Path) -> None:
        self._pipeline = compiler.Compiler().compile(definition)
        runtime_parameter_utils.substitute_runtime_parameter(
            self._pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
        )
        self._deployment = runner_utils.extract_local_deployment_config(self._pipeline)
        self._run_id = run_id
        self._store = store
        self._nodes = {
            each.pipeline_node.node_info.id: each.pipeline_node
            for each in self._pipeline.nodes
        }
        self.nodes = tuple(self._nodes)
        """The ids of the nodes, in an order in which they can run."""

    def launch(self, node: str) -> NodeRecord:
        """Runs a node to its end, or takes its outputs from an earlier run.

        Args:
            node: Its id; those before it have ended.

        Returns:
            What it did and made.

        Raises:
            NodeIncomplete: Its inputs are missing, or it did not end.
            Exception: Whatever its driver or executor raises.
        """
        launching = launcher.Launcher(
            pipeline_node=self._nodes[node],
            mlmd_connection=metadata.Metadata(connection_config(self._store)),
            pipeline_info=self._pipeline.pipeline_info,
            pipeline_runtime_spec=self._pipeline.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(self._deployment, node),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(
                self._deployment, node
            ),
        )
        _LOGGER.info("%s begins", node)
        with cache_of_first_place(self._store), cache_of_what_is_served():
            launching.launch()
        store = open_store(self._store)
        runs = RunRecords(store, self._pipeline.pipeline_info.id)
        record = runs.completed(self._run_id, node)
        if not is_on_server():  # there results may lie where no folder of ours leads
            made = [each.uri for key in record.outputs.values() for each in key]
            Inventory(store).note(filter(is_local, made))
        _LOGGER.info("%s has ended: %s", node, record.state)
        return record


@contextlib.contextmanager
def cache_of_first_place(database: Path) -> Iterator[None]:
    """Lets TFX's cache know an output that was moved; of any other it changes nothing.

    A key of the cache is a digest of a node's inputs and parameters, with all paths in
    them. In the block TFX computes it as if the output were where it first was, so that
    what was made there is found.

    Args:
        database: The SQLite file of ML Metadata, in the output's folder.
    """
    here = str(database.parent)
    first = None if is_on_server() or not database.exists() else first_place(database)
    if first is None or first == here:
        yield
        return
    compute_key = cache_utils.get_cache_context

    def as_at_first(*args: Any, **given: Any) -> Any:
        inputs = given.get("input_artifacts") or {}
        parameters = given.get("parameters") or {}
        given["input_artifacts"] = {
            key: [_artifact_at(each, here, first) for each in artifacts]
            for key, artifacts in inputs.items()
        }
        given["parameters"] = {
            key: _text_at(str(value), here, first) for key, value in parameters.items()
        }
        return compute_key(*args, **given)

    cache_utils.get_cache_context = as_at_first
    try:
        yield
    finally:
        cache_utils.get_cache_context = compute_key


@contextlib.contextmanager
def cache_of_what_is_served() -> Iterator[None]:
    """Keeps TFX's cache from taking a push above which another model was pushed since.

    Whoever goes back to an earlier configuration has its nodes taken from the cache.
    With that of its Pusher, the model would be blessed, and another one served.
    """
    get_outputs = cache_utils.get_cached_outputs

    def unless_superseded(metadata_handle: Any, *args: Any, **given: Any) -> Any:
        outputs = get_outputs(metadata_handle, *args, **given)
        pushed = PushedModels(metadata_handle.store)
        for artifact in (outputs or {}).get("pushed_model", []):
            path = artifact.get_string_custom_property("pushed_destination")
            if path and pushed.superseded(path):
                _LOGGER.info("%s is not served any more: pushed again", path)
                return None
        return outputs

    cache_utils.get_cached_outputs = unless_superseded
    try:
        yield
    finally:
        cache_utils.get_cached_outputs = get_outputs


def _artifact_at(artifact: Any, here: str, first: str) -> Any:
    """Returns an artifact as its record was in the output's first place."""
    moved = copy.deepcopy(artifact)
    record = moved.mlmd_artifact
    record.uri = _text_at(record.uri, here, first)
    for value in record.custom_properties.values():
        if value.WhichOneof("value") == "string_value":
            value.string_value = _text_at(value.string_value, here, first)
    return moved


def _text_at(text: str, here: str, first: str) -> str:
    """Replaces `here` by `first` in a text that is a path, or JSON with paths in it."""
    if text.startswith(f"{here}/"):
        return first + text[len(here) :]
    old, new = (json.dumps(place)[:-1] for place in (here, first))
    return text.replace(f"{old}/", f"{new}/")
