"""Runs a few nodes with TFX, for tests of what stands between runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.types import Channel, standard_artifacts

from pipeline.metadata.resolvers import PreviousBlessedModelStrategy


def run_nodes(nodes: Sequence[Any], output: Path) -> None:
    """Runs nodes one after another into a folder that earlier runs may have used."""
    LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name="tiny",
            pipeline_root=str(output / "pipeline"),
            components=list(nodes),
            enable_cache=True,
            metadata_connection_config=metadata.sqlite_metadata_connection_config(
                str(output / "metadata.sqlite")
            ),
        )
    )


def previous_model(candidate: Any) -> Any:
    """The node that finds the model which a candidate is compared with."""
    return Resolver(
        strategy_class=PreviousBlessedModelStrategy,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        candidate=candidate,
    ).with_id("PreviousModel")
