"""Launches single nodes of a run, by TFX's portable launcher."""

from __future__ import annotations

import logging
from pathlib import Path

from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils

from pipeline.metadata.runs import NodeRecord, RunRecords
from pipeline.metadata.store import connection_config, open_store

_LOGGER = logging.getLogger(__name__)


def upstream_nodes(definition: pipeline.Pipeline) -> dict[str, list[str]]:
    """Returns node id -> ids of the nodes that must end before it.

    The nodes come in an order in which they can run.
    """
    nodes = [
        each.pipeline_node for each in compiler.Compiler().compile(definition).nodes
    ]
    return {node.node_info.id: list(node.upstream_nodes) for node in nodes}


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
        launching.launch()
        runs = RunRecords(open_store(self._store), self._pipeline.pipeline_info.id)
        record = runs.completed(self._run_id, node)
        _LOGGER.info("%s has ended: %s", node, record.state)
        return record
