"""A TFX pipeline of three small nodes, run for real in a second."""

from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.types import standard_artifacts

from pipeline.previous_model import PreviousBlessedModelStrategy


@component
def MakeModel(model: OutputArtifact[standard_artifacts.Model], seed: Parameter[int]):
    """Writes a model that is nothing but its seed."""
    Path(model.uri, "seed.txt").write_text(str(seed))


@component
def Bless(
    model: InputArtifact[standard_artifacts.Model],
    blessing: OutputArtifact[standard_artifacts.ModelBlessing],
    fail: Parameter[int],
    baseline: InputArtifact[standard_artifacts.Model] = None,
):
    """Blesses any model, or fails."""
    if fail:
        raise OSError("No space left on device")
    blessing.set_int_custom_property("blessed", 1)
    blessing.set_int_custom_property("current_model_id", model.id)


def run(output: Path, *, seed: int = 1, fail: bool = False) -> None:
    """Runs the nodes MakeModel, PreviousModel and Bless into `output`."""
    make = MakeModel(seed=seed)
    previous = tfx.dsl.Resolver(
        strategy_class=PreviousBlessedModelStrategy,
        model=tfx.dsl.Channel(type=standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=standard_artifacts.ModelBlessing),
        candidate=make.outputs["model"],
    ).with_id("PreviousModel")
    bless = Bless(
        model=make.outputs["model"],
        baseline=previous.outputs["model"],
        fail=int(fail),
    )
    LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name="tiny",
            pipeline_root=str(output / "pipeline"),
            components=[make, previous, bless],
            enable_cache=True,
            metadata_connection_config=metadata.sqlite_metadata_connection_config(
                str(output / "metadata.sqlite")
            ),
        )
    )
