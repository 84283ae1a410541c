"""Tests of run_plan: what makes a run new, and what does not."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ml_metadata.proto import metadata_store_pb2

from components.text_example_gen.corrections import row_id
from pipeline.config import load_config
from pipeline.config.checked import checked_config
from pipeline.metadata.metadata import Metadata
from pipeline.metadata.pushed_models import ROLLBACK, PushedModels
from pipeline.metadata.store import open_store
from pipeline.runs import lifecycle
from pipeline.runs.lifecycle import RunPlan, end_run, plan_run, prepare_run
from pipeline.runs.past_runs import PastRun, write_run
from tests.pipeline.pushing_pipeline import PushingOutput


@pytest.fixture
def spans(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "a.csv").write_text("text,label\ngood,1\nbad,0\n")
    return tmp_path


def _plan(*overrides: str):
    given = ["output=out", "data.pattern={SPAN}/*.csv", *overrides]
    return plan_run(checked_config(load_config(None, given)).config)


def test_the_same_data_and_options_are_nothing_new(spans):
    assert _plan() == _plan()
    assert _plan().span == "2"
    assert _plan("data.span=2") == _plan("data.span=latest")


@pytest.mark.parametrize(
    "change", ["push.keep_versions=3", "kubeflow.image=other", "output=elsewhere"]
)
def test_how_a_run_is_carried_out_does_not_matter(spans, change):
    assert _plan(change) == _plan()


@pytest.mark.parametrize(
    "change", ["train.seed=9", "data.span=1", "evaluation.max_drop={}", "drift.label=1"]
)
def test_options_that_make_another_model_or_verdict_do(spans, change):
    assert _plan(change).fingerprint != _plan().fingerprint


def test_a_changed_file_of_the_span_does_and_one_of_another_span_does_not(spans):
    before = _plan()
    (spans / "1" / "a.csv").write_text("text,label\nfine,1\nbad,0\n")
    assert _plan() == before
    (spans / "2" / "b.csv").write_text("text,label\nfine,1\nbad,0\n")
    assert _plan() != before


def test_files_of_held_out_rows_count(spans):
    (spans / "test.csv").write_text("text,label\nfine,1\n")
    held_out = f"data.test_pattern={spans}/test.csv"
    before = _plan(held_out)
    assert _plan(held_out) == before != _plan()
    (spans / "test.csv").write_text("text,label\nfine,1\nbad,0\n")
    assert _plan(held_out) != before


def test_a_curated_schema_counts_by_its_content(spans):
    (spans / "schema.pbtxt").write_text("feature {}")
    before = _plan("data.schema_path=schema.pbtxt")
    (spans / "schema.pbtxt").write_text("feature {} # changed\n")
    assert _plan("data.schema_path=schema.pbtxt") != before


def test_a_table_of_corrections_counts_by_its_content(spans):
    line = "row_id,label,corrected_label\n"
    for name in ("a.csv", "b.csv"):
        (spans / name).write_text(line)
    before = _plan("data.corrections=a.csv")
    assert _plan("data.corrections=b.csv") == before != _plan()
    (spans / "a.csv").write_text(f"{line}{row_id('good')},1,0\n")
    assert _plan("data.corrections=a.csv") != before


def test_a_run_that_could_not_say_that_it_ended_is_repeated(spans):
    checked = checked_config(load_config(None, ["output=out", "data.pattern={SPAN}/*"]))
    prepared = prepare_run(checked, alone=True)
    store = open_store(prepared.output.metadata)
    _begin(store, "run-1", prepared.output.pipeline_name)
    prepared.output.open_metadata().finished.record(
        "run-1", prepared.plan.fingerprint, prepared.plan.span
    )
    began = datetime.now(timezone.utc)
    for verdict, alone, is_new in (
        ("interrupted", False, True),
        ("running", True, True),
        ("running", False, False),
        ("failed", True, True),
        ("pushed", True, False),
    ):
        run = PastRun(run_id="run-1", verdict=verdict, began=began)
        write_run(prepared.output.path, run)
        nothing_new = prepare_run(checked, alone=alone).nothing_new
        assert (nothing_new is None) == is_new, (verdict, alone)


def test_our_own_code_counts(spans, monkeypatch):
    before = _plan()
    monkeypatch.setattr(lifecycle, "code_version", lambda *modules: "another")
    assert _plan() != before


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "metadata.sqlite")


def _begin(store, run_id: str, pipeline: str = "ours") -> None:
    """What TFX records when the first node of a run begins."""
    contexts = []
    for type_name, name in (("pipeline", pipeline), ("pipeline_run", run_id)):
        of_type = metadata_store_pb2.ContextType(name=type_name)
        type_id = store.put_context_type(of_type)
        contexts.append(metadata_store_pb2.Context(type_id=type_id, name=name))
    execution_type = metadata_store_pb2.ExecutionType(name="Node")
    execution = metadata_store_pb2.Execution(
        type_id=store.put_execution_type(execution_type)
    )
    store.put_execution(execution, [], contexts, reuse_context_if_already_exist=True)


def _end(store, run_id: str, plan) -> None:
    Metadata(store, "ours").finished.record(run_id, plan.fingerprint, plan.span)


def test_a_repeat_of_the_last_run_is_needless(spans, store):
    assert _plan().nothing_new(Metadata(store, "ours")) is None
    _begin(store, "run-2")
    _end(store, "run-2", _plan())
    said = str(_plan().nothing_new(Metadata(store, "ours")))
    assert said.startswith("nothing new in span 2 since the run that ended 20")
    assert said.endswith("UTC (run-2): same data, options and code")
    assert _plan().nothing_new(Metadata(store, "theirs")) is None


@pytest.mark.parametrize("ended_well", [True, False])
def test_a_run_in_between_may_have_changed_the_window(spans, store, ended_well):
    _begin(store, "run-2")
    _end(store, "run-2", _plan())
    _begin(store, "run-1")
    if ended_well:
        _end(store, "run-1", _plan("data.span=1"))
    assert _plan().nothing_new(Metadata(store, "ours")) is None


def test_a_rollback_in_between_has_changed_the_model_to_beat(spans, store):
    _begin(store, "run-2")
    _end(store, "run-2", _plan())
    kind = metadata_store_pb2.ExecutionType(name=ROLLBACK)
    states = metadata_store_pb2.Execution
    rollback = states(type_id=store.put_execution_type(kind))
    rollback.last_known_state = states.FAILED  # it was killed
    [rollback.id] = store.put_executions([rollback])
    assert _plan().nothing_new(Metadata(store, "ours")) is not None
    rollback.last_known_state = states.COMPLETE
    store.put_executions([rollback])
    assert _plan().nothing_new(Metadata(store, "ours")) is None
    _begin(store, "run-3")
    _end(store, "run-3", _plan())
    assert _plan().nothing_new(Metadata(store, "ours")) is not None


def test_nothing_is_new_only_if_its_model_is_served_or_that_is_said(
    spans, tmp_path, monkeypatch
):
    output = PushingOutput(tmp_path / "pushing")
    output.push(1)
    metadata = Metadata(open_store(output.metadata), "tiny")
    metadata.finished.record(metadata.runs.newest(), _plan().fingerprint, "2")
    assert _plan().nothing_new(metadata).warnings == ()
    by_hand = output.serving / "99999999999"
    by_hand.mkdir()
    (by_hand / "saved_model.pb").touch()
    assert str(_plan().nothing_new(metadata)).endswith(
        f"options and code; not served: {by_hand} is newer"
    )
    # By a run whose record another version of ours has made.
    monkeypatch.setattr(PushedModels, "superseded", lambda self, path: True)
    assert _plan().nothing_new(metadata) is None


def test_a_span_that_waits_for_its_file_is_named(spans, store):
    (spans / "1" / "_SUCCESS").touch()
    plan = _plan("data.done_file=_SUCCESS")
    assert (plan.span, plan.waiting) == ("1", "waiting for _SUCCESS: span 2")
    _begin(store, "run-1")
    _end(store, "run-1", plan)
    said = str(plan.nothing_new(Metadata(store, "ours")))
    assert said.endswith("options and code; waiting for _SUCCESS: span 2")
    (spans / "2" / "_SUCCESS").touch()
    assert _plan("data.done_file=_SUCCESS").waiting == ""


def test_the_version_of_an_unchanged_run_stays_beside_a_higher_one(tmp_path):
    output = PushingOutput(tmp_path / "out")
    for seed in (1, 2, 2):
        output.push(seed)
    first, own = output.versions()
    by_hand = output.serving / "99999999999"
    by_hand.mkdir()
    (by_hand / "saved_model.pb").touch()
    run_id = Metadata(open_store(output.metadata), "tiny").runs.newest()
    given = [f"output={output.path}", "data.pattern=a.csv", "push.keep_versions=1"]
    removed = end_run(load_config(None, given), run_id, RunPlan("f", ""))
    assert removed == [first]
    assert output.versions() == [own, 99999999999]
