"""Tests of pipeline.scheduling.outcome: what a run's summary comes down to."""

from __future__ import annotations

import json

import pytest

from pipeline.errors import brief_line
from pipeline.runs.summary import RunSummary
from pipeline.scheduling.outcome import Outcome, failure, outcome_of

_BLESSED = {
    "blessed": True,
    "failures": [],
    "metrics": {"accuracy": 0.75},
    "baseline": None,
    "rows": 100,
    "classes": [],
    "by_length": {},
    "ok": True,
    "thresholds": [],
    "notes": [],
}


def _summary(**changed) -> RunSummary:
    push = {"pushed": True, "path": "/out/serving/17", "now": True}
    facts = {
        "output": "/out",
        "log": "/out/logs/a.log",
        "data": {"pattern": "/data/*.csv"},
        "rows": None,
        "anomalies": None,
        "training": None,
        "tfidf": None,
        "nodes": [],
        "spans": {"newest": "2026-11-26", "window": {}, "unread": []},
        "push": push,
        "drift": None,
        "evaluation": _BLESSED,
        "serving_check": {"blessed": True, "reasons": []},
    }
    return RunSummary.model_validate({**facts, **changed})


def test_a_pushed_model_has_its_version_and_those_it_replaced():
    outcome = outcome_of(_summary(), run_id="r1", removed=[15])
    assert outcome == Outcome(
        "pushed",
        "/out/logs/a.log",
        "r1",
        "2026-11-26",
        17,
        removed_versions=(15,),
        accuracy=0.75,
    )


def test_drift_that_was_let_pass_is_a_warning():
    distances = {
        "label": {"value": 0.23, "threshold": 0.1},
        "length": {"value": 0.05, "threshold": 0.1},
        "unknown_words": {"value": None, "threshold": 0.1},
        "unknown_characters": {"value": 0.9, "threshold": None},
    }
    outcome = outcome_of(
        _summary(drift={"before": ["1"], "distances": distances}), run_id="r1"
    )
    assert outcome.warnings == ("drift: label 0.23 (at most 0.10)",)


def test_spans_that_no_run_has_read_are_a_warning():
    spans = {"newest": "5", "window": {}, "unread": ["3", "4"]}
    outcome = outcome_of(_summary(spans=spans), run_id="r1")
    assert outcome.warnings == ("of the window, 3, 4 were not read or did not pass",)


def test_data_without_spans_names_none():
    assert outcome_of(_summary(spans=None), run_id="r1").span is None


@pytest.mark.parametrize(
    ("evaluation", "serving", "reasons"),
    [
        (
            {**_BLESSED, "blessed": False, "failures": ["auc 0.5 is below 0.6"]},
            None,
            ["auc 0.5"],
        ),
        (_BLESSED, {"blessed": False, "reasons": ["too slow"]}, ["too slow"]),
        (_BLESSED, {"blessed": True, "reasons": []}, ["withdrawn by a rollback"]),
    ],
    ids=["evaluator", "serving check", "rollback"],
)
def test_a_refused_model_has_the_reasons_of_who_refused_it(
    evaluation, serving, reasons
):
    push = {"pushed": False, "path": None, "now": False}
    outcome = outcome_of(
        _summary(push=push, evaluation=evaluation, serving_check=serving), run_id="r1"
    )
    assert outcome.outcome == "refused"
    assert len(outcome.reasons) == len(reasons)
    assert all(map(str.__contains__, outcome.reasons, reasons))


def test_a_model_that_was_pushed_before_is_nothing_new():
    push = {"pushed": True, "path": "/out/serving/17", "now": False}
    outcome = outcome_of(_summary(push=push), run_id="r1")
    assert (outcome.outcome, outcome.version) == ("nothing new", 17)
    gone = outcome_of(_summary(push={**push, "path": None}), run_id="r1")
    assert (gone.outcome, gone.version) == ("nothing new", None)


def test_a_failure_takes_one_line():
    outcome = failure("no such file\nhint: look there\n  and more", component="")
    assert outcome.reason == "no such file (hint: look there) and more"
    assert outcome.component is None
    assert len(brief_line("x" * 10_000)) == 500


def test_a_run_of_which_nothing_is_kept_is_told_by_its_outcome():
    pushed = Outcome("pushed", run_id="r", version=17, accuracy=0.8).past_run()
    assert (pushed.verdict, pushed.version, pushed.run_id) == ("pushed", 17, "r")
    assert pushed.measures == {"accuracy": 0.8}
    assert failure("no data", component="Trainer").past_run().reasons == ["no data"]


def test_an_outcome_survives_the_way_through_json():
    outcome = failure("why", log="x.log", component="Trainer")
    again = Outcome.from_json(json.dumps({**outcome.to_json(), "new": 1}))
    assert again == outcome
