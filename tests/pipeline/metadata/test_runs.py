"""Tests of pipeline.metadata.runs: five runs of TFX, and what a real store keeps."""

from __future__ import annotations

from pathlib import Path

import ml_metadata as mlmd
import pytest
from ml_metadata.proto import metadata_store_pb2

from pipeline.metadata.metadata import Metadata
from pipeline.metadata.runs import FinishedRuns, NodeIncomplete, RunRecord
from pipeline.metadata.store import open_store
from tests.pipeline import tiny_pipeline
from tests.pipeline.newest_run import newest_run


@pytest.fixture(scope="module")
def metadata(tmp_path_factory):
    """What ML Metadata knows of the runs below; there is a folder for each module."""
    folder = tmp_path_factory.mktemp("tiny")
    return folder, Metadata(open_store(folder / "metadata.sqlite"), "tiny")


@pytest.fixture(scope="module")
def runs(metadata) -> dict[str, RunRecord]:
    """Name -> the record of a run; they ran one after another into one folder."""
    folder, records = metadata
    runs = {}
    for name, seed in (("first", 1), ("first again", 1), ("other", 2), ("again", 2)):
        tiny_pipeline.run(folder, seed=seed)
        runs[name] = newest_run(records)
    with pytest.raises(OSError, match="No space left"):
        tiny_pipeline.run(folder, seed=3, fail=True)
    runs["failed"] = newest_run(records)
    return runs


def _states(run: RunRecord) -> list[tuple[str, str]]:
    return [(node.node, node.state) for node in run.nodes]


def test_a_run_is_recorded_node_by_node_with_its_outputs(runs):
    run = runs["first"]
    assert _states(run) == [
        ("MakeModel", "done"),
        ("PreviousModel", "done"),
        ("Bless", "done"),
    ]
    assert Path(run.output("MakeModel", "model").uri, "seed.txt").read_text() == "1"
    assert run.output("Bless", "blessing").properties["blessed"] == 1
    assert run.output("PreviousModel", "model") is None
    assert run.output("NoSuchNode", "model") is None
    assert all(0 <= node.seconds < 60 for node in run.nodes)


def test_the_same_run_again_is_unchanged_and_still_has_all_outputs(runs):
    again = runs["first again"]
    assert again.run_id != runs["first"].run_id
    assert _states(again) == [
        ("MakeModel", "unchanged"),
        ("PreviousModel", "done"),
        ("Bless", "unchanged"),
    ]
    blessing = runs["first"].output("Bless", "blessing")
    assert again.output("Bless", "blessing").uri == blessing.uri


def test_another_model_is_compared_with_the_blessed_one_before_it(runs):
    first = runs["first"].output("MakeModel", "model")
    assert runs["other"].output("PreviousModel", "model").uri == first.uri
    assert runs["again"].output("PreviousModel", "model").uri == first.uri
    assert _states(runs["again"])[2] == ("Bless", "unchanged")


def test_a_failed_node_is_recorded_as_failed(runs):
    assert _states(runs["failed"])[-1] == ("Bless", "failed")


def test_one_node_is_read_as_it_is_in_its_run(runs, metadata):
    records = metadata[1].runs
    for name in ("first", "again"):
        for node in runs[name].nodes:
            assert records.completed(runs[name].run_id, node.node) == node


def test_a_node_that_did_not_end_well_is_not_complete(runs, metadata):
    records, failed = metadata[1].runs, runs["failed"]
    with pytest.raises(NodeIncomplete, match="records it as failed"):
        records.completed(failed.run_id, "Bless")
    for run_id, node in ((failed.run_id, "Pusher"), ("no such run", "Bless")):
        with pytest.raises(NodeIncomplete, match="its inputs are missing"):
            records.completed(run_id, node)


def test_the_try_that_failed_is_the_unfinished_one(runs, metadata):
    records, failed = metadata[1].runs, runs["failed"]
    assert records.unfinished(failed.run_id, "MakeModel") is None
    bless = records.unfinished(failed.run_id, "Bless")
    [execution] = metadata[0].glob(f"pipeline/Bless/.system/*/{bless}")
    assert execution.exists()
    assert records.did_not_end_well(bless)
    assert not records.did_not_end_well(bless - 1)
    assert not records.did_not_end_well(bless + 1)  # there is none
    assert records.last_execution(failed.run_id) == bless
    assert records.last_execution("no such run") == 0


@pytest.fixture
def store(tmp_path) -> mlmd.MetadataStore:
    return open_store(tmp_path / "metadata.sqlite")


def test_an_output_without_a_run_has_no_record(store):
    metadata = Metadata(store, "ours")
    assert newest_run(metadata) is None
    assert metadata.runs.of("r1") == RunRecord("r1", [])


def _put_execution(store, type_name: str, state: int) -> int:
    execution_type = metadata_store_pb2.ExecutionType(name=type_name)
    type_id = store.put_execution_type(execution_type)
    execution = metadata_store_pb2.Execution(type_id=type_id, last_known_state=state)
    [execution_id] = store.put_executions([execution])
    return execution_id


def test_executions_that_a_kill_left_running_are_closed(store):
    states = metadata_store_pb2.Execution
    other = _put_execution(store, "Trainer", states.RUNNING)
    killed = _put_execution(store, "Pusher", states.RUNNING)
    done = _put_execution(store, "Pusher", states.COMPLETE)
    runs = Metadata(store, "ours").runs
    runs.close_interrupted()
    after = {e.id: e.last_known_state for e in store.get_executions()}
    assert after[killed] == after[other] == states.FAILED
    assert after[done] == states.COMPLETE


@pytest.fixture
def finished(store) -> FinishedRuns:
    return Metadata(store, "ours").finished


def test_finished_runs_of_another_pipeline_do_not_count(finished, store):
    finished.record("a", "print-1", "1")
    others = Metadata(store, "theirs").finished
    assert others.latest() is None
    others.record("b", "print-2", "2")
    assert finished.latest().run_id == "a"


def test_there_is_no_finished_run_at_first(finished):
    assert finished.latest() is None


def test_the_last_run_that_ended_counts(finished):
    finished.record("b", "print-1", "1")
    finished.record("a", "print-2", "2")
    latest = finished.latest()
    assert (latest.run_id, latest.fingerprint, latest.span) == ("a", "print-2", "2")
    assert latest.ended.tzinfo is not None


def test_recording_a_run_again_changes_nothing(finished):
    finished.record("a", "print-1", "1")
    finished.record("b", "print-2", "2")
    ended = finished.latest().ended
    finished.record("a", "print-1", "1")
    assert (finished.latest().run_id, finished.latest().ended) == ("b", ended)
