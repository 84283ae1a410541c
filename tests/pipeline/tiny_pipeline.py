"""A TFX pipeline of three small nodes, run for real in a second."""

from pathlib import Path

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from tests.pipeline.run_nodes import previous_model, run_nodes


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
    previous = previous_model(make.outputs["model"])
    bless = Bless(
        model=make.outputs["model"],
        baseline=previous.outputs["model"],
        fail=int(fail),
    )
    run_nodes([make, previous, bless], output)
