"""Pushing and rolling back in an output that was moved, copied or begun anew."""

import os
import shutil

import pytest
from click.testing import CliRunner

from pipeline.commands.rollback import command
from pipeline.output_folder import OutputUnusable
from pipeline.serving.rollback import roll_back
from tests.pipeline.pushing_pipeline import PushingOutput
from tests.pipeline.report.summaries import summary


def test_a_moved_output_pushes_compares_and_rolls_back_as_before(output, clock):
    output.push(1)
    output.push(2)
    moved = PushingOutput(output.path.rename(output.path.with_name("moved")))
    assert moved.follow_move() == output.path
    assert moved.clean_after_kill() == []
    before = moved.versions()
    assert roll_back(moved, None, clock=clock).withdrawn == (before[1],)
    moved.push(3)
    assert moved.last_baseline() == "1"
    assert not output.path.exists()


def test_the_command_says_that_the_output_was_moved(output):
    output.push(1)
    output.push(2)
    first, second = output.versions()
    moved = output.path.rename(output.path.with_name("moved"))
    done = CliRunner().invoke(command, ["--output", f"{moved}/../moved/"])
    assert done.exit_code == 0, done.output
    was, served = sorted(done.output.splitlines())  # two streams
    assert (
        was == f"this output was at {output.path}: its records now lead to where it is"
    )
    assert served.endswith(f"model of version {first}; withdrawn: {second}")


def test_a_run_is_refused_where_the_model_to_beat_is_gone(output, clock):
    output.refuse_without_last_model()
    output.push(1)
    output.push(2)
    output.refuse_without_last_model()
    *_, second = sorted((output.artifacts / "MakeServing" / "model").iterdir())
    second.rename(second.with_name("elsewhere"))
    with pytest.raises(OutputUnusable, match=f"is gone: {second} .hint: bring it back"):
        output.refuse_without_last_model()
    output.refuse_without_last_model(makes_again=str(second))
    second.mkdir()  # there, but emptied
    missing = output.missing_results()
    with pytest.raises(OutputUnusable, match=f"is gone: {second} "):
        output.refuse_without_last_model(missing)
    roll_back(output, None, clock=clock)
    output.refuse_without_last_model(missing)  # the first is to beat again


def test_an_output_that_begins_anew_keeps_what_is_served(output):
    output.push(1)
    shutil.rmtree(output.artifacts)
    output.metadata.unlink()
    assert output.clean_after_kill() == []
    output.push(2)
    assert output.served() == "2"
    assert len(output.versions()) == 2


def test_a_summary_is_known_as_a_runs_own_without_its_records(output):
    output.path.mkdir(exist_ok=True)
    output.summary.write_text('{"rows": 5}')
    with pytest.raises(OutputUnusable, match="summary.json is not of a run, and"):
        output.locked()
    output.summary.write_text(summary().model_dump_json())
    with output.locked():
        pass


def test_artifacts_without_a_record_of_them_are_refused(output):
    assert output.follow_move() is None
    output.push(1)
    output.metadata.unlink()
    for _ in range(2):
        with pytest.raises(
            OutputUnusable, match="has no record .hint: choose another "
        ):
            output.locked()
        output.metadata.touch()  # a store without anything is none


def test_a_copy_of_hard_links_leaves_its_original_alone(output):
    output.push(1)
    copy = PushingOutput(output.path.with_name("copy"))
    shutil.copytree(output.path, copy.path, copy_function=os.link)
    before = _files_of(output.path)
    assert copy.follow_move() == output.path
    copy.push(2)
    assert _files_of(output.path) == before
    assert output.follow_move() is None
    output.push(3)
    assert len(list(output.serving.iterdir())) == 2


def _files_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["serving", "pipeline"])
def test_a_copy_that_shares_a_folder_with_the_original_is_refused(output, name):
    output.push(1)
    elsewhere = (output.path / name).rename(output.path.parent / "elsewhere")
    (output.path / name).symlink_to(elsewhere)
    copy = PushingOutput(output.path.with_name("copy"))
    shutil.copytree(output.path, copy.path, symlinks=True)
    for _ in range(2):
        with pytest.raises(
            OutputUnusable, match=f"copy/{name} is a link to that of .*/out,"
        ):
            copy.follow_move()
    (copy.path / name).unlink()
    shutil.copytree(elsewhere, copy.path / name)
    assert copy.follow_move() == output.path
