"""Tests of run_plan: what makes a run new, and what does not."""

from __future__ import annotations

import pytest

from pipeline import run_plan
from pipeline.checked_config import checked_config
from pipeline.config import load_config
from pipeline.finished_runs import FinishedRuns
from pipeline.metadata_store import open_store
from pipeline.run_plan import plan_run


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


def test_a_curated_schema_counts_by_its_content(spans):
    (spans / "schema.pbtxt").write_text("")
    before = _plan("data.schema_path=schema.pbtxt")
    (spans / "schema.pbtxt").write_text("# changed\n")
    assert _plan("data.schema_path=schema.pbtxt") != before


def test_our_own_code_counts(spans, monkeypatch):
    before = _plan()
    monkeypatch.setattr(run_plan, "code_version", lambda module: "another")
    assert _plan() != before


def test_only_the_last_run_makes_a_repeat_needless(spans, tmp_path):
    store = open_store(tmp_path / "metadata.sqlite")
    newest, older = _plan(), _plan("data.span=1")
    assert newest.nothing_new(store) is None
    FinishedRuns(store).record("run-2", newest.fingerprint, newest.span)
    said = str(newest.nothing_new(store))
    assert said.startswith("nothing new in span 2 since the run that ended 20")
    assert said.endswith("UTC (run-2): same data, options and code")
    # Span 1 is read again: the window of span 2 has changed.
    FinishedRuns(store).record("run-1", older.fingerprint, older.span)
    assert newest.nothing_new(store) is None
