"""What the page says of a model: better, why pushed, when to be trusted."""

from __future__ import annotations

import pytest

from tests.pipeline.report import summaries
from tests.pipeline.report.reading import page_of


def test_each_run_stands_beside_the_model_before_it_on_its_own_rows():
    runs = [summaries.of_span(number) for number in (1, 2, 3)]
    page = page_of(runs[-1], runs=runs)
    text = " ".join(page.text["runs"].split())
    assert "88.9% 87.6%" in text
    assert "88.3% 87.0%" in text
    assert "that pushed last: as many rows, and the same options." in page.text["why"]
    assert "Both models are measured on the same 1,000 test rows. The last one was" in (
        " ".join(page.text["why"].split())
    )


def test_what_has_changed_since_the_last_model_is_said():
    before = summaries.of_span(1)
    options = {**before.options, "train.epochs": 4}
    del options["evaluation.precision"]
    now = summaries.summary(options=options, rows=summaries.rows({"a": 70, "b": 50}))
    refused = summaries.refused()
    text = " ".join(page_of(now, runs=[before, refused, now]).text["why"].split())
    assert (
        "Since the run of 2026-11-01 03:00 that pushed last: 120 rows used, before "
        "10,605; other options: evaluation.precision, train.epochs."
    ) in text


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"data.test_fraction": 0.3}},
        {"data": {"pattern": "a.csv", "held_out": {"test": "b.csv"}}},
        {"data": {"pattern": "a.csv", "split_column": "split"}},
    ],
)
def test_rows_that_were_held_out_in_another_way_may_have_been_trained_on(change):
    before, now = summaries.of_span(1), summaries.summary(**change)
    text = " ".join(page_of(now, runs=[before, now]).text["why"].split())
    assert "on the same 1,062 test rows." in text
    assert "not trained on them" not in text


def test_acting_on_high_probabilities_is_said_row_by_row():
    facts = summaries.evaluation(["a", "b"], 1000, 0.9)
    counts = [(0, None), (30, 0.5), (70, 0.8), (900, 0.95)]
    facts["bins"] = [
        {
            "low": place / 4,
            "high": (place + 1) / 4,
            "rows": rows,
            "confidence": right,
            "accuracy": right,
        }
        for place, (rows, right) in enumerate(counts)
    ]
    facts["metrics"]["accuracy"] = 0.926
    for name, right, rows in (("short", 0.93, 330), ("medium", 0.95, 330)):
        facts["by_length"][name] |= {"accuracy": right, "rows": rows}
    facts["by_length"]["long"] |= {"accuracy": 0.85, "rows": 340}
    text = " ".join(page_of(summaries.summary(evaluation=facts)).text["trust"].split())
    # 900 * 0.95 = 855, + 70 * 0.8 = 911, + 30 * 0.5 = 926
    assert "75% 900 90% 95.0% 93% to 96% 50% 970 97% 93.9%" in text
    assert "50% 1,000 100% 92.6%" in text
    assert (
        "Weaker than on the whole: long texts (27 tokens and more), of whose 340"
        in (text)
    )


def test_a_small_slice_is_not_called_weak():
    facts = summaries.evaluation(["a", "b"], 1000, 0.9)
    facts["slices"] = [{**facts["metrics"], "name": "x=y", "accuracy": 0.6, "rows": 5}]
    for third in facts["by_length"].values():
        third["accuracy"] = 0.9
    text = page_of(summaries.summary(evaluation=facts)).text["trust"]
    assert "Weaker" not in text
    facts["slices"][0]["rows"] = 50
    text = page_of(summaries.summary(evaluation=facts)).text["trust"]
    assert "Weaker than on the whole: x=y, of whose 50" in " ".join(text.split())


def test_the_verdict_stands_beside_the_last_model_and_the_baseline():
    text = page_of(summaries.summary()).text[""].replace("\u2011", "-")
    assert (
        "Pushed as version 1795852985. 91.3% of 1,062 test rows are right, 1.3 points "
        "more than with the last model (−0.2 to +2.8 with 95% confidence: "
        "may be chance) and 14.2 points more than with TF-IDF"
    ) in text


def test_a_refused_model_says_why():
    text = page_of(summaries.refused()).text[""]
    assert "Not pushed: accuracy changed by -0.0310 against the last" in text
    assert "3.1 points fewer than with the last model (−4.5 to −1.7 with" in text
    assert "chance" not in text
