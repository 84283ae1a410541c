"""Runs of which only ML Metadata knows, and versions without a model card."""

from __future__ import annotations

import shutil

import pytest
from click.testing import CliRunner

from pipeline import output_folder
from pipeline.cli import main
from pipeline.runs.all_runs import past_runs
from pipeline.runs.model_card import write_model_cards
from pipeline.runs.past_runs import read_run
from pipeline.runs.summarize import gather
from pipeline.serving.publish import model_card_path
from pipeline.serving.rollback import roll_back
from tests.pipeline import tiny_pipeline
from tests.pipeline.pushing_pipeline import PushingOutput


@pytest.fixture(scope="module", autouse=True)
def tiny():
    """Lets an output have the runs of the pipelines of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output_folder, "_PIPELINE_NAME", "tiny")
        yield


@pytest.fixture(scope="module")
def pushed(tmp_path_factory) -> PushingOutput:
    """An output with two runs, each of which pushed a version."""
    output = PushingOutput(tmp_path_factory.mktemp("pushed") / "out")
    output.push(1)
    output.push(2)
    return output


@pytest.fixture
def output(pushed, tmp_path) -> PushingOutput:
    return PushingOutput(shutil.copytree(pushed.path, tmp_path / "copy"))


def test_their_facts_are_read_once_and_then_kept(output):
    counts = []
    runs = past_runs(output.path, before_slow=counts.append)
    assert [run.verdict for run in runs] == ["pushed", "pushed"]
    assert [run.version for run in runs] == output.versions()
    assert all(run.seconds > 0 and run.ended > run.began for run in runs)
    assert past_runs(output.path, before_slow=counts.append) == runs
    assert counts == [2]


def test_a_run_tells_that_its_version_was_withdrawn(output):
    output.follow_move()
    first, second = output.versions()

    def withdrawn() -> dict[int, bool]:
        return {run.version: run.withdrawn for run in past_runs(output.path)}

    assert withdrawn() == {first: False, second: False}
    roll_back(output, None, clock=lambda: 1_900_000_000)
    assert withdrawn() == {first: False, second: True}
    shown = CliRunner().invoke(main, ["runs", "--output", str(output.path)]).output
    assert f"{second} withdrawn" in shown and f"{first} withdrawn" not in shown
    roll_back(output, second, clock=lambda: 1_900_000_000)
    assert withdrawn() == {first: True, second: False}, "it is served again"


def test_a_damaged_file_of_a_run_is_made_again(output):
    first, _ = past_runs(output.path)
    folder = output.runs / first.run_id.replace(":", "-")
    (folder / "run.json").write_text("damaged")
    assert past_runs(output.path)[0] == first
    assert read_run(output.path, first.run_id) == first


def test_a_run_that_failed_has_its_node(tmp_path):
    with pytest.raises(OSError, match="No space left"):
        tiny_pipeline.run(tmp_path, fail=True)
    [run] = past_runs(tmp_path)
    assert (run.verdict, run.component, run.reasons) == ("failed", "Bless", [])


def test_each_version_that_a_run_pushed_gets_a_card_and_keeps_it(output):
    by_hand = output.serving / "5"
    shutil.copytree(output.serving / str(output.versions()[0]), by_hand)
    *_, last = past_runs(output.path)
    metadata = output.open_metadata()
    summary = gather(output, metadata.runs.of(last.run_id))

    def write() -> None:
        write_model_cards(output, summary, lambda run: gather(output, run))

    output.follow_move()
    write()
    _, first, second = [output.serving / str(n) for n in output.versions()]
    assert f"version {first.name}" in model_card_path(first).read_text()
    assert not model_card_path(by_hand).exists()
    model_card_path(first).write_text("a person has added to it")
    model_card_path(second).unlink()  # as if its run had been killed
    write()
    assert model_card_path(first).read_text() == "a person has added to it"
    assert f"version {second.name}" in model_card_path(second).read_text()


def test_a_version_that_is_served_again_has_its_card_and_no_file_of_ours(output):
    output.follow_move()
    first, _ = [output.serving / str(n) for n in output.versions()]
    model_card_path(first).parent.mkdir()
    model_card_path(first).write_text("the card")
    done = roll_back(output, None, clock=lambda: 1_900_000_000)
    version = output.serving / str(done.version)
    assert model_card_path(version).read_text() == "the card"
    assert [each.name for each in version.iterdir()] == ["saved_model.pb"]
