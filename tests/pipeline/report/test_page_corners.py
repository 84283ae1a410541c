"""What the page says of runs that are rare: nothing on it may be untrue."""

from __future__ import annotations

import pytest

from pipeline.report.page import Review
from tests.pipeline.report import summaries
from tests.pipeline.report.reading import page_of


def said(section, **changes):
    return " ".join(page_of(summaries.summary(**changes)).text[section].split())


def facts_of(**changes):
    return summaries.evaluation(["a", "b"], 1000, 0.9) | changes


def test_a_bound_of_another_measure_is_no_bound_of_the_accuracy():
    bound = {"measure": "macro_f1", "kind": "change", "bound": -0.05,
             "value": -0.01, "ok": True}  # fmt: skip
    worse = facts_of(baseline=summaries.measures(0.91), thresholds=[bound])
    text = said("", evaluation=worse)
    assert "No bound says how much its accuracy may fall." in text


def test_a_long_list_of_reasons_is_cut_in_the_sentence_alone():
    failures = [f"reason {n}" for n in range(60)]
    refused = facts_of(failures=failures, blessed=False)
    push = {"pushed": False, "path": None, "now": False}
    page = page_of(summaries.summary(evaluation=refused, push=push))
    assert "reason 2; and 57 more (below). 90.0% of" in page.text[""]
    assert "reason 59" in page.text["test"]


def test_a_refusal_without_a_reason_is_no_rollback():
    refused = facts_of(blessed=False)
    push = {"pushed": False, "path": None, "now": False}
    text = said("", evaluation=refused, push=push)
    assert "Not pushed: the Evaluator did not bless it." in text
    assert "rollback" not in text


def test_a_model_that_does_not_serve_was_not_blessed():
    check = {"blessed": False, "reasons": ["it took 70 s"]}
    page = page_of(summaries.summary(push=None, serving_check=check))
    assert "Not pushed: it took 70 s." in page.text[""]
    assert page.text["why"].strip().startswith("Why it was not blessed")


def test_a_version_that_this_run_pushed_and_that_is_gone_is_that_of_this_run():
    push = {"pushed": True, "path": None, "now": True}
    assert "that this run pushed is no longer there" in said("", push=push)
    push["now"] = False
    assert "that an earlier run pushed is no longer there" in said("", push=push)


def test_what_is_not_pushed_is_not_said_to_be_served():
    push = {"pushed": False, "path": None, "now": False}
    text = said("trust", push=push)
    assert "The exported model gives these probabilities" in text
    assert "served" not in text


def test_what_the_page_cannot_know_of_later_runs_it_does_not_claim():
    text = said("next")
    assert "As it was at the end of this run." in text
    assert "takes back the newest model; if that is still this one, it serves" in text
    facts = summaries.run_facts()
    del facts["push"]["before"]  # as an earlier version wrote it
    assert "earlier model to go back to" not in said("next", **facts)
    facts["push"]["before"] = None
    assert "There is no earlier model to go back to." in said("next", **facts)


def test_after_a_rollback_nothing_is_said_of_the_run_that_was_taken_back():
    taken_back = summaries.of_span(5)
    now = summaries.of_span(6)
    assert "Since the run of" in why_of(now, taken_back)
    push = now.push.model_copy(update={"before": "/data/out/serving/99"})
    assert "Since the run of" not in why_of(
        now.model_copy(update={"push": push}), taken_back
    )


def why_of(now, *earlier):
    return " ".join(page_of(now, runs=[*earlier, now]).text["why"].split())


def test_a_class_without_held_out_rows_may_be_divided_anew():
    before, now = summaries.of_span(1), summaries.of_span(2)
    assert "the text alone decides" in why_of(now, before)
    labels = {"train": {"a": 9, "b": 1}, "eval": {"a": 1}, "test": {"a": 1}}
    rows = before.rows.model_copy(update={"labels": labels})
    rare = before.model_copy(update={"rows": rows})
    assert "may have been trained on some of them" in why_of(now, rare)
    old = before.model_copy(update={"options": {}})
    assert "may have been trained on some of them" in why_of(
        now.model_copy(update={"options": {}}), old
    )


def test_rows_that_leak_are_not_said_to_be_unknown_to_the_model():
    facts = summaries.run_facts()
    facts["data"]["examples"] = ["/data/out/examples/1"]
    facts["rows"]["leaked"] = 40
    now = summaries.summary(**facts)
    text = why_of(now, now)
    assert "may have been trained on some of them" in text
    assert "Some held-out rows have a text of an earlier split, too." in text


def test_where_some_probabilities_are_no_numbers_shares_are_of_all_rows():
    undefined = dict.fromkeys(summaries.measures(0.9))
    one = {"low": 0.9, "high": 1.0, "rows": 20, "confidence": 0.95, "accuracy": 1.0}
    facts = facts_of(rows=23, invalid_predictions=3, wrong=[], bins=[one])
    facts |= {"metrics": undefined, "accuracy_interval": None}
    facts["certain"] |= {"coverage": None}
    assert "20 87% 100.0%" in said("trust", evaluation=facts)
    assert "An earlier version" not in said("errors", evaluation=facts)


def test_a_model_that_answers_no_test_row_says_so():
    facts = summaries.run_facts()
    facts["training"]["certain"]["threshold"] = 0.9999
    facts["evaluation"]["certain"] |= {"coverage": 0.0, "accuracy": None}
    text = said("trust", **facts)
    assert "from a probability of 99.99% on" in text
    assert "So it answers none of the test rows." in text


def test_one_wrong_row_is_one():
    facts = facts_of()
    facts["wrong"] = facts["wrong"][:1]
    text = said("errors", evaluation=facts)
    assert "The only test row that is wrong. The label may be wrong" in text


def test_rows_with_several_labels_are_not_sent_to_a_review():
    page = page_of(summaries.several_labels())
    assert "elmo-tfx review" not in page.text["errors"]
    assert "of train’s labels" in page.text["data"]


@pytest.mark.parametrize(
    ("gained", "lost", "interval", "expected"),
    [
        (3, 2, (-0.0016, 0.0024), "about as many as with the last model (−0.2 to +0.2"),
        (
            40,
            0,
            (0.00003, 0.00005),
            "about as many as with the last model (+0.003 to",
        ),
    ],
)
def test_nearly_as_many_are_not_as_many(gained, lost, interval, expected):
    change = {"gained": gained, "lost": lost, "both": 900, "neither": 95}
    facts = facts_of(
        baseline=summaries.measures(0.8996), change=change | {"interval": interval}
    )
    assert expected in said("", evaluation=facts)


def test_one_of_a_thing_is_one():
    facts = summaries.run_facts()
    facts["rows"] |= {"read": 1, "used": 1, "rejected": 0, "reasons": {}, "leaked": 1}
    facts["rows"]["replaced_utf8"] = 1
    facts["evaluation"]["rows"] = 1
    facts["nodes"] = facts["nodes"][:1]
    facts["doubted"] = facts["doubted"][:1]
    text = " ".join(" ".join(page_of(summaries.summary(**facts)).text.values()).split())
    for each in (
        "1 row read =", "1 row with U+FFFD", "1 held-out row has", "1 test row",
        "in 1 node", "this 1 looks least like its label", "of 1 test row is right",
    ):  # fmt: skip
        assert each in text


def test_unknown_times_of_the_serving_check_are_left_out():
    check = {"blessed": True, "facts": {"load_seconds": None}}
    assert "ServingCheck: ." in said("run", serving_check=check)


def test_the_conditions_say_the_same_points_as_the_verdict():
    bound = {"measure": "accuracy", "kind": "change", "bound": -0.01,
             "value": 0.0416, "ok": True}  # fmt: skip
    facts = facts_of(
        metrics=summaries.measures(0.8522),
        baseline=summaries.measures(0.8106),
        thresholds=[bound],
    )
    page = page_of(summaries.summary(evaluation=facts))
    assert "4.1 points more than with the last model" in page.text[""]
    assert "need not be better 4.1 points more met" in " ".join(
        page.text["why"].split()
    )


def test_a_refused_run_says_what_is_served_and_what_to_do():
    push = {
        "pushed": False,
        "path": None,
        "now": False,
        "instead": "/data/out/serving/17",
        "before": "/data/out/serving/12",
    }
    missed = {
        "measure": "auc",
        "kind": "least",
        "bound": 0.9,
        "value": 0.8,
        "ok": False,
    }
    text = said(
        "next",
        push=push,
        score_command=None,
        program=".venv/bin/elmo-tfx",
        evaluation=facts_of(thresholds=[missed], blessed=False),
    )
    assert "No model of this run is served. Servers take version 17." in text
    assert "loosen the bounds that it missed" in text
    assert '.venv/bin/elmo-tfx score --model /data/out/serving/17 "Type' in text
    assert "source=/data/out/serving,target" in text
    assert "if that is still version 17, it serves the model of version 12" in text
    assert ".venv/bin/elmo-tfx rollback --output /data/out" in text


def test_a_first_run_that_is_refused_has_nothing_to_serve():
    push = {"pushed": False, "path": None, "now": False}
    text = said("next", push=push, score_command=None)
    assert text.startswith("What next No model of this run is served.")
    assert "loosen" not in text  # no bound was missed
    assert "score" not in text and "docker" not in text


def test_that_nothing_is_weaker_is_said():
    facts = facts_of()
    for third in facts["by_length"].values():
        third["accuracy"] = 0.9
    assert "No length is surely weaker than the whole." in said(
        "trust", evaluation=facts
    )
    facts["slices"] = [{**facts["metrics"], "name": "x=y", "rows": 500}]
    assert "No slice or length is surely weaker" in said("trust", evaluation=facts)


def test_a_refused_run_is_compared_with_the_version_that_is_served():
    before = summaries.of_span(2)
    refused = summaries.refused()
    push = {"pushed": False, "path": None, "now": False, "before": "/data/out/1"}
    served = {**push, "instead": before.push.path}
    model = type(before.push)
    now = refused.model_copy(update={"push": model.model_validate(served)})
    assert "Since the run of 2026-11-02 03:00" in why_of(now, before)
    served["instead"] = "/data/out/serving/99"  # a rollback's
    now = refused.model_copy(update={"push": model.model_validate(served)})
    assert "Since the run of" not in why_of(now, before)


def test_a_change_that_rounding_makes_is_none():
    bound = {"measure": "accuracy", "kind": "change", "bound": -0.01,
             "value": -0.0001, "ok": True}  # fmt: skip
    change = {"gained": 0, "lost": 2, "both": 18_009, "neither": 1_989}
    facts = facts_of(
        rows=20_000,
        metrics=summaries.measures(0.90045),
        baseline=summaries.measures(0.90055),
        thresholds=[bound],
        change=change | {"interval": (-0.0003, 0.0001)},
    )
    page = page_of(summaries.summary(evaluation=facts))
    assert "about as many as with the last model (−0.03 to +0.01 with" in page.text[""]
    assert "A loss of" not in page.text[""]
    assert "0.01 points less met" in " ".join(page.text["why"].split())


def test_an_end_of_an_interval_that_is_not_0_does_not_read_so():
    change = {"gained": 5, "lost": 0, "both": 900, "neither": 95}
    facts = facts_of(
        baseline=summaries.measures(0.895), change=change | {"interval": (2e-4, 0.0092)}
    )
    assert "(+0.02 to +0.92 with 95% confidence: hardly chance)" in said(
        "", evaluation=facts
    )


def test_probabilities_that_are_no_numbers_are_a_condition_that_was_missed():
    facts = facts_of(invalid_predictions=5, blessed=False, thresholds=[])
    push = {"pushed": False, "path": None, "now": False}
    page = page_of(summaries.summary(evaluation=facts, push=push))
    assert "numbers 5 test rows have others missed" in " ".join(
        page.text["why"].split()
    )


def test_a_review_without_rows_leaves_the_reason_why_no_label_is_shown():
    page = page_of(summaries.summary(doubted=[]), review=Review([], []))
    text = " ".join(page.text["labels"].split())
    assert "No label is doubted" in text and "review.csv is empty." in text
