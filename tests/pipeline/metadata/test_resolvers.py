"""Tests of pipeline.metadata.resolvers: resolved by TFX from what real runs have left.

The runs of a chain go into one folder, one after another; each test looks at some.
"""

import json
from pathlib import Path
from typing import List  # noqa: UP035  # TFX accepts no other

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.common.resolver import Resolver
from tfx.types import Channel, standard_artifacts
from tfx.utils import name_utils

from pipeline.metadata.metadata import Metadata
from pipeline.metadata.resolvers import SpanWindowStrategy, WarmStartStrategy
from pipeline.metadata.store import open_store
from tests.pipeline.run_nodes import run_nodes

CACHED = "taken from the cache"


@component
def Ingest(
    examples: OutputArtifact[standard_artifacts.Examples],
    span: Parameter[int],
    content: Parameter[str],
):
    """Makes the examples of a span."""
    examples.set_int_custom_property("span", span)
    Path(examples.uri, "content").write_text(content)


@component
def Gate(examples: InputArtifact[standard_artifacts.Examples], strict: Parameter[int]):
    """Refuses what is odd."""
    if strict and "odd" in Path(examples.uri, "content").read_text():
        raise ValueError("odd")


@component
def Show(
    examples: InputArtifact[List[standard_artifacts.Examples]],  # noqa: UP006
    to: Parameter[str],
):
    """Writes down which examples came; TFX promises no order."""
    content = [Path(each.uri, "content").read_text() for each in examples]
    Path(to).write_text(json.dumps(content))


def _ingest(folder: Path, span: int, content: str, *, strict: bool = True):
    """Ingests a span; returns the window of three spans that a later node sees."""
    made = Ingest(span=span, content=content)
    window = Resolver(
        strategy_class=SpanWindowStrategy,
        config={"spans": 3, "gate": name_utils.get_full_name(Gate)},
        examples=Channel(
            type=standard_artifacts.Examples, producer_component_id="Ingest"
        ),
        newest=made.outputs["examples"],
    ).with_id("SpanWindow")
    shown = folder / "shown.json"
    shown.unlink(missing_ok=True)
    show = Show(examples=window.outputs["examples"], to=str(shown))
    gate = Gate(examples=made.outputs["examples"], strict=int(strict))
    show.add_upstream_node(gate)
    run_nodes([made, window, gate, show], folder)
    return set(json.loads(shown.read_text())) if shown.exists() else CACHED


@pytest.fixture(scope="module")
def windows(tmp_path_factory) -> list:
    """The window of each ingestion of a chain."""
    folder = tmp_path_factory.mktemp("spans")
    chain = [
        (1, "one"),
        (2, "two"),
        (2, "two"),
        (3, "three"),
        (4, "four"),
        (1, "one, mended"),
        (6, "six"),
        (6, "six, mended"),
        (7, "seven"),
        (7, "seven, spoilt"),
        (7, "seven"),  # from the cache: the first artifact again
        (8, "eight"),
    ]
    return [_ingest(folder, span, content) for span, content in chain]


def test_the_last_spans_come_and_older_ones_stay_out(windows):
    assert windows[:2] == [{"one"}, {"two", "one"}]
    assert windows[3:5] == [{"three", "two", "one"}, {"four", "three", "two"}]


def test_a_window_that_was_seen_before_is_nothing_new(windows):
    assert windows[2] == CACHED


def test_an_old_span_sees_no_later_ones(windows):
    assert windows[5] == {"one, mended"}


def test_a_gap_is_no_reason_to_reach_further_back(windows):
    assert windows[6] == {"six", "four"}


def test_a_span_ingested_again_replaces_what_it_brought_before(windows):
    assert windows[7] == {"six, mended", "four"}
    assert windows[8] == {"seven", "six, mended"}


def test_a_span_that_went_back_to_its_first_content_has_that(windows):
    assert windows[9] == {"seven, spoilt", "six, mended"}
    assert windows[11] == {"eight", "seven", "six, mended"}


def test_a_span_is_in_the_window_if_the_gates_last_verdict_let_it_pass(tmp_path):
    assert _ingest(tmp_path, 1, "one") == {"one"}
    with pytest.raises(ValueError, match="odd"):
        _ingest(tmp_path, 2, "two is odd")
    assert _ingest(tmp_path, 3, "three") == {"three", "one"}
    passed = _ingest(tmp_path, 2, "two is odd", strict=False)
    assert passed == {"two is odd", "one"}
    assert _ingest(tmp_path, 4, "four") == {"four", "three", "two is odd"}
    with pytest.raises(ValueError, match="odd"):
        _ingest(tmp_path, 2, "two is odd")
    assert _ingest(tmp_path, 3, "three, mended") == {"three, mended", "one"}


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
    """Blesses a model or refuses it; notes its id in a file of its name."""
    name = Path(model.uri, "name").read_text()
    Path(ids, name).write_text(str(model.id))
    blessing.set_int_custom_property("blessed", blessed)
    blessing.set_int_custom_property("current_model_id", model.id)


def _train(folder: Path, name: str, on: str, *, blessed: bool = True):
    """Trains a model on data; returns the name of the model it started from."""
    transform = Transform(content=on)
    base = Resolver(
        strategy_class=WarmStartStrategy,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        examples=transform.outputs["transformed"],
    ).with_id("WarmStart")
    shown = folder / "shown.json"
    shown.unlink(missing_ok=True)
    train = Train(
        examples=transform.outputs["transformed"],
        base_model=base.outputs["model"],
        name=name,
        to=str(shown),
    )
    bless = Bless(model=train.outputs["model"], blessed=int(blessed), ids=str(folder))
    run_nodes([transform, base, train, bless], folder)
    return json.loads(shown.read_text()) if shown.exists() else CACHED


@pytest.fixture(scope="module")
def bases(tmp_path_factory) -> list:
    """The base of each training of a chain; before the last two, four is withdrawn."""
    folder = tmp_path_factory.mktemp("trainings")
    bases = [
        _train(folder, "one", "monday"),
        _train(folder, "one", "monday"),
        _train(folder, "two", "tuesday"),
        _train(folder, "two", "tuesday"),
        _train(folder, "two", "tuesday"),
        _train(folder, "bad", "wednesday", blessed=False),
        _train(folder, "three", "thursday"),
        _train(folder, "three, other options", "thursday"),
        _train(folder, "four", "friday"),
    ]
    store = open_store(folder / "metadata.sqlite")
    store.put_artifact_type(metadata_store_pb2.ArtifactType(name="PushedModel"))
    metadata = Metadata(store, "tiny")
    four = int((folder / "four").read_text())
    served = int((folder / "three, other options").read_text())
    pushed = metadata.pushed
    pushed.record_rollback(pushed.begin_rollback(), served, "/out/serving/9", [four])
    return [
        *bases,
        _train(folder, "four", "friday"),
        _train(folder, "five", "saturday"),
    ]


def test_new_data_starts_from_the_last_blessed_model(bases):
    assert bases[0] is None
    assert bases[2] == "one"
    assert bases[5] == "two"
    assert bases[6] == "two"


def test_a_repeat_takes_the_model_from_the_cache_and_not_as_its_base(bases):
    assert bases[1] == bases[3] == bases[4] == CACHED


def test_other_options_on_the_same_data_start_from_the_same_base(bases):
    assert bases[7] == bases[6]
    assert bases[8] == "three, other options"


def test_a_rollback_does_not_make_its_run_train_again(bases):
    assert bases[9] == CACHED


def test_a_withdrawn_model_is_passed_over(bases):
    assert bases[10] == "three, other options"
