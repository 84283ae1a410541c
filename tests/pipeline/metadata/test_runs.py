"""Tests of run_records and previous_model on a tiny pipeline that TFX really runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import ml_metadata as mlmd
import pytest
from ml_metadata.proto import metadata_store_pb2

from pipeline.metadata.runs import RunRecord, RunRecords


@pytest.fixture(scope="module")
def tiny():
    path = Path(__file__).with_name("tiny_pipeline.py")
    spec = importlib.util.spec_from_file_location("tiny_pipeline", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        # The launcher imports executors by the name of their module.
        patch.syspath_prepend(str(path.parent))
        patch.setitem(__import__("sys").modules, "tiny_pipeline", module)
        spec.loader.exec_module(module)
        yield module


def _latest(output: Path) -> RunRecord:
    record = RunRecords(output / "metadata.sqlite").latest()
    assert record is not None
    return record


def _states(output: Path) -> list[tuple[str, str]]:
    return [(node.node, node.state) for node in _latest(output).nodes]


def test_a_run_is_recorded_node_by_node_with_its_outputs(tiny, tmp_path):
    tiny.run(tmp_path)
    assert _states(tmp_path) == [
        ("MakeModel", "done"),
        ("PreviousModel", "done"),
        ("Bless", "done"),
    ]
    record = _latest(tmp_path)
    assert Path(record.output("MakeModel", "model").uri, "seed.txt").read_text() == "1"
    assert record.output("Bless", "blessing").properties["blessed"] == 1
    assert record.output("PreviousModel", "model") is None
    assert record.output("NoSuchNode", "model") is None
    assert all(0 <= node.seconds < 60 for node in record.nodes)


def test_the_same_run_again_is_unchanged_and_still_has_all_outputs(tiny, tmp_path):
    tiny.run(tmp_path)
    first = _latest(tmp_path).output("Bless", "blessing")
    tiny.run(tmp_path)
    assert _states(tmp_path) == [
        ("MakeModel", "unchanged"),
        ("PreviousModel", "done"),
        ("Bless", "unchanged"),
    ]
    assert _latest(tmp_path).output("Bless", "blessing").uri == first.uri


def test_another_model_is_compared_with_the_blessed_one_before_it(tiny, tmp_path):
    tiny.run(tmp_path, seed=1)
    first = _latest(tmp_path).output("MakeModel", "model")
    tiny.run(tmp_path, seed=2)
    assert _latest(tmp_path).output("PreviousModel", "model").uri == first.uri
    tiny.run(tmp_path, seed=2)
    assert _latest(tmp_path).output("PreviousModel", "model").uri == first.uri
    assert _states(tmp_path)[2] == ("Bless", "unchanged")


def test_a_failed_node_is_recorded_as_failed(tiny, tmp_path):
    with pytest.raises(OSError, match="No space left"):
        tiny.run(tmp_path, fail=True)
    assert _states(tmp_path)[-1] == ("Bless", "failed")


def test_an_output_without_a_run_has_no_record(tmp_path):
    assert RunRecords(tmp_path / "metadata.sqlite").latest() is None


@pytest.fixture
def store(tmp_path) -> mlmd.MetadataStore:
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path / "metadata.sqlite")
    config.sqlite.connection_mode = 3
    return mlmd.MetadataStore(config)


def _put_execution(store, type_name: str, state: int) -> int:
    execution_type = metadata_store_pb2.ExecutionType(name=type_name)
    type_id = store.put_execution_type(execution_type)
    execution = metadata_store_pb2.Execution(type_id=type_id, last_known_state=state)
    [execution_id] = store.put_executions([execution])
    return execution_id


def test_executions_that_a_kill_left_running_are_closed(store, tmp_path):
    states = metadata_store_pb2.Execution
    killed = _put_execution(store, "Pusher", states.RUNNING)
    other = _put_execution(store, "Trainer", states.RUNNING)
    done = _put_execution(store, "Pusher", states.COMPLETE)
    records = RunRecords(tmp_path / "metadata.sqlite")
    began = records.close_interrupted("Pusher")
    [execution] = store.get_executions_by_id([killed])
    assert began == execution.create_time_since_epoch / 1000
    after = {e.id: e.last_known_state for e in store.get_executions()}
    assert after[killed] == after[other] == states.FAILED
    assert after[done] == states.COMPLETE
    assert records.close_interrupted("Pusher") is None
