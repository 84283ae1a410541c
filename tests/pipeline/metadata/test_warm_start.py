"""The model that a training starts from, found by TFX in what real runs have left."""

import json
from pathlib import Path

import pytest
from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.common.resolver import Resolver
from tfx.types import Channel, standard_artifacts

from pipeline.metadata.pushed_models import PushedModels
from pipeline.metadata.resolvers import WarmStartStrategy
from tests.pipeline.run_nodes import run_nodes

CACHED = "taken from the cache"


@component
def Transform(
    transformed: OutputArtifact[standard_artifacts.Examples], content: Parameter[str]
):
    """Makes examples that are nothing but their content."""
    Path(transformed.uri, "content").write_text(content)


@component
def Train(
    examples: InputArtifact[standard_artifacts.Examples],
    model: OutputArtifact[standard_artifacts.Model],
    name: Parameter[str],
    to: Parameter[str],
    base_model: InputArtifact[standard_artifacts.Model] = None,
):
    """Writes a model that is nothing but its name, and what it started from."""
    Path(model.uri, "name").write_text(name)
    base = base_model and Path(base_model.uri, "name").read_text()
    Path(to).write_text(json.dumps(base))


@component
def Bless(
    model: InputArtifact[standard_artifacts.Model],
    blessing: OutputArtifact[standard_artifacts.ModelBlessing],
    blessed: Parameter[int],
    ids: Parameter[str],
):
    """Blesses a model or refuses it; notes its id."""
    name = Path(model.uri, "name").read_text()
    Path(ids, name).write_text(str(model.id))
    blessing.set_int_custom_property("blessed", blessed)
    blessing.set_int_custom_property("current_model_id", model.id)


class Runs:
    """Runs of one small pipeline into one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.ids = folder / "ids"  # of each model, in a file of its name
        self.ids.mkdir()

    def train(self, name, *, on, blessed=True):
        """Trains a model on data; gives the name of the one it started from."""
        transform = Transform(content=on)
        base = Resolver(
            strategy_class=WarmStartStrategy,
            model=Channel(type=standard_artifacts.Model),
            model_blessing=Channel(type=standard_artifacts.ModelBlessing),
            examples=transform.outputs["transformed"],
        ).with_id("WarmStart")
        shown = self.folder / "shown.json"
        shown.unlink(missing_ok=True)
        train = Train(
            examples=transform.outputs["transformed"],
            base_model=base.outputs["model"],
            name=name,
            to=str(shown),
        )
        bless = Bless(
            model=train.outputs["model"], blessed=int(blessed), ids=str(self.ids)
        )
        run_nodes([transform, base, train, bless], self.folder)
        return json.loads(shown.read_text()) if shown.exists() else CACHED

    def withdraw(self, name, *, serve):
        records = PushedModels(self.folder / "metadata.sqlite")
        gone, served = (int((self.ids / n).read_text()) for n in (name, serve))
        records.withdraw([gone], but=served)


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path)


def test_new_data_starts_from_the_last_blessed_model(runs):
    assert runs.train("one", on="monday") is None
    assert runs.train("two", on="tuesday") == "one"
    assert runs.train("bad", on="wednesday", blessed=False) == "two"
    assert runs.train("three", on="thursday") == "two"


def test_a_repeat_takes_the_model_from_the_cache_and_not_as_its_base(runs):
    assert runs.train("one", on="monday") is None
    assert runs.train("one", on="monday") == CACHED
    assert runs.train("two", on="tuesday") == "one"
    assert runs.train("two", on="tuesday") == CACHED
    assert runs.train("two", on="tuesday") == CACHED


def test_other_options_on_the_same_data_start_from_the_same_base(runs):
    runs.train("one", on="monday")
    assert runs.train("two", on="tuesday") == "one"
    assert runs.train("two, other options", on="tuesday") == "one"
    assert runs.train("three", on="wednesday") == "two, other options"


def test_a_withdrawn_model_is_passed_over(runs):
    runs.train("one", on="monday")
    runs.train("two", on="tuesday")
    runs.withdraw("two", serve="one")
    assert runs.train("three", on="wednesday") == "one"


def test_a_rollback_does_not_make_its_run_train_again(runs):
    runs.train("one", on="monday")
    runs.train("two", on="tuesday")
    runs.withdraw("two", serve="one")
    assert runs.train("two", on="tuesday") == CACHED
