"""Runs a few nodes with TFX, for tests of what stands between runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfx import v1 as tfx
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.types import standard_artifacts

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
    return tfx.dsl.Resolver(
        strategy_class=PreviousBlessedModelStrategy,
        model=tfx.dsl.Channel(type=standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=standard_artifacts.ModelBlessing),
        candidate=candidate,
    ).with_id("PreviousModel")
