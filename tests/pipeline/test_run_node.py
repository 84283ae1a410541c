"""Tests of run_node: one node of a real pipeline, in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import pipeline
from tfx.types import Channel, standard_artifacts

from pipeline import run_node as module
from pipeline.config import ConfigError, load_config
from pipeline.metadata.store import open_store
from pipeline.run_node import main, run_node
from pipeline.runs.outcomes import RunFailed
from tests.texts import real_sentences, write_csv

_STATES = metadata_store_pb2.Execution


@pytest.fixture
def config(tmp_path):
    path = write_csv(tmp_path / "texts.csv", real_sentences())
    given = {"output": str(tmp_path / "out"), "data.pattern": str(path)}
    return load_config(options=given)


def _states(tmp_path, run_id):
    store = open_store(tmp_path / "out" / "metadata.sqlite")
    run = store.get_context_by_type_and_name("pipeline_run", run_id)
    executions = store.get_executions_by_context(run.id)
    return [e.last_known_state for e in sorted(executions, key=lambda e: e.id)]


def test_a_node_runs_once_and_again_from_what_it_left(config, tmp_path):
    first = run_node(config, "TextExampleGen", "r1")
    assert first.state == "done"
    (examples,) = first.outputs["examples"]
    again = run_node(config, "TextExampleGen", "r1")
    assert again == first
    assert Path(examples.uri).is_dir()
    assert _states(tmp_path, "r1") == [_STATES.COMPLETE]


def test_another_run_takes_it_from_the_first(config, tmp_path):
    first = run_node(config, "TextExampleGen", "r1")
    other = run_node(config, "TextExampleGen", "r2")
    assert other.state == "unchanged"
    assert other.outputs == first.outputs


def test_a_node_whose_inputs_are_missing_fails(config):
    with pytest.raises(RunFailed, match="StatisticsGen failed: .*inputs are missing"):
        run_node(config, "StatisticsGen", "r1")


def test_what_a_killed_try_left_is_removed_before_the_next(
    config, tmp_path, monkeypatch
):
    class _Killed(BaseException):
        pass

    def killed(*args, **kwargs):
        raise _Killed

    from components.text_example_gen.executor import Executor

    with monkeypatch.context() as patch:
        patch.setattr(Executor, "Do", killed)
        with pytest.raises(_Killed):
            run_node(config, "TextExampleGen", "r1")
    store = open_store(tmp_path / "out" / "metadata.sqlite")
    (execution,) = store.get_executions()
    execution.last_known_state = _STATES.RUNNING  # as a kill leaves it
    store.put_executions([execution])
    outputs = tmp_path / "out" / "pipeline" / "TextExampleGen" / "examples"
    torn = outputs / str(execution.id) / "Split-train" / "torn-00000-of-00009.gz"
    beside = outputs / "999" / "of-another-run"
    for path in (torn, beside):
        path.parent.mkdir(parents=True)
        path.touch()

    record = run_node(config, "TextExampleGen", "r1")
    assert _states(tmp_path, "r1") == [_STATES.COMPLETE]
    assert record.outputs["examples"][0].uri == str(outputs / str(execution.id))
    assert torn.parent.is_dir()
    assert not torn.exists()
    assert beside.exists()


def test_a_resolver_may_fail_once(config, tmp_path, monkeypatch):
    from pipeline.metadata.resolvers import PreviousBlessedModelStrategy

    def fail(*args, **kwargs):
        raise OSError("the server went away")

    resolver = Resolver(
        strategy_class=PreviousBlessedModelStrategy,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        candidate=Channel(type=standard_artifacts.Model),
    ).with_id("PreviousModel")
    monkeypatch.setattr(
        "pipeline.pipeline.create_pipeline", lambda config: _only(resolver)
    )
    with monkeypatch.context() as patch:
        patch.setattr(PreviousBlessedModelStrategy, "resolve_artifacts", fail)
        with pytest.raises(RunFailed, match="PreviousModel failed"):
            run_node(config, "PreviousModel", "r1")
    assert run_node(config, "PreviousModel", "r1").state == "done"


def _only(node):
    return pipeline.Pipeline("elmo_tfx", pipeline_root="unused", components=[node])


def test_files_that_change_their_class_only_are_new(tmp_path):
    for number in range(12):
        name = "pos" if number % 2 else "neg"
        path = tmp_path / "texts" / name / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text number {number:02d}")
    given = {
        "output": str(tmp_path / "out"),
        "data.pattern": str(tmp_path / "texts" / "*" / "*.txt"),
        "data.format": "folder",
    }
    config = load_config(options=given)
    run_node(config, "TextExampleGen", "r1")
    # Number, sizes and times stay the same.
    (tmp_path / "texts/neg/2.txt").rename(tmp_path / "texts/pos/2.txt")
    again = run_node(config, "TextExampleGen", "r2")
    assert again.state == "done"
    counts = json.loads(
        Path(again.outputs["examples"][0].uri, "counts.json").read_text()
    )
    assert sum(each.get("pos", 0) for each in counts["labels"].values()) == 7


def test_a_node_that_fails_says_why(config, monkeypatch):
    from components.text_example_gen.executor import Executor

    def fail(*args, **kwargs):
        raise OSError("the disk is on fire")

    monkeypatch.setattr(Executor, "Do", fail)
    with pytest.raises(RunFailed, match="TextExampleGen failed: OSError: the disk"):
        run_node(config, "TextExampleGen", "r1")


def test_a_node_that_does_not_exist_is_refused_with_those_that_do(config):
    with pytest.raises(ConfigError, match="one of TextExampleGen, .*Received: 'X'"):
        run_node(config, "X", "r1")


def test_the_command_prints_what_was_made_and_uses_exit_codes(
    config, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "log_to_stderr", lambda: None)
    path = tmp_path / "run.yaml"
    path.write_text(config.model_dump_json())

    def command(node):
        given = ["--config", str(path), "--node", node, "--run-id", "r1"]
        return CliRunner().invoke(main, given)

    done = command("TextExampleGen")
    assert done.exit_code == 0, done.output
    assert "TextExampleGen: done in " in done.output
    assert f"  examples: {tmp_path}/out/pipeline/TextExampleGen/" in done.output
    assert command("X").exit_code == 2
    listed = CliRunner().invoke(main, ["--config", str(path), "--list"])
    nodes = listed.stdout.split()
    assert nodes.index("Transform") < nodes.index("Trainer") < nodes.index("Pusher")
    neither = CliRunner().invoke(main, ["--config", str(path)])
    assert "give --node and --run-id, or --list" in neither.output
    assert command("Trainer").exit_code == 1
