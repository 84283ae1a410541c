"""An output folder, and a TFX pipeline of four small nodes that pushes into it."""

import json
from pathlib import Path

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.proto.pusher_pb2 import PushDestination
from tfx.types import standard_artifacts

from pipeline.output_folder import OutputFolder
from pipeline.runs.node_launcher import cache_of_what_is_served
from pipeline.serving.pusher import Pusher
from pipeline.serving.versions import newest_model
from tests.pipeline.run_nodes import previous_model, run_nodes


@component
def MakeServing(model: OutputArtifact[standard_artifacts.Model], seed: Parameter[int]):
    """Writes a model whose graph is its seed."""
    folder = Path(model.uri, "Format-Serving")
    folder.mkdir()
    (folder / "saved_model.pb").write_text(str(seed))


@component
def BlessAgainst(
    model: InputArtifact[standard_artifacts.Model],
    blessing: OutputArtifact[standard_artifacts.ModelBlessing],
    baseline: InputArtifact[standard_artifacts.Model] = None,
):
    """Blesses any model; notes which one it was compared with."""
    seed = None
    if baseline is not None:
        seed = Path(baseline.uri, "Format-Serving", "saved_model.pb").read_text()
    Path(blessing.uri, "baseline.json").write_text(json.dumps(seed))
    blessing.set_int_custom_property("blessed", 1)
    blessing.set_int_custom_property("current_model_id", model.id)


class PushingOutput(OutputFolder):
    """An output folder, and a pipeline that pushes into it."""

    def push(self, seed: int) -> None:
        """Runs the nodes MakeServing, PreviousModel, BlessAgainst and Pusher."""
        make = MakeServing(seed=seed)
        previous = previous_model(make.outputs["model"])
        bless = BlessAgainst(
            model=make.outputs["model"], baseline=previous.outputs["model"]
        )
        folder = PushDestination.Filesystem(base_directory=str(self.serving))
        pusher = Pusher(
            model=make.outputs["model"],
            model_blessing=bless.outputs["blessing"],
            push_destination=PushDestination(filesystem=folder),
        )
        self.serving.mkdir(parents=True, exist_ok=True)
        with cache_of_what_is_served():
            run_nodes([make, previous, bless, pusher], self.path)

    def served(self) -> str:
        """The seed of the model that a server takes."""
        newest = newest_model(str(self.serving))
        assert newest is not None
        return Path(newest, "saved_model.pb").read_text()

    def versions(self) -> list[int]:
        return sorted(int(each.name) for each in self.serving.iterdir())

    def last_baseline(self) -> str | None:
        """The seed of the model that the last run was compared with."""
        noted = self.artifacts.glob("BlessAgainst/blessing/*/baseline.json")
        newest = max(noted, key=lambda path: int(path.parent.name))
        return json.loads(newest.read_text())
