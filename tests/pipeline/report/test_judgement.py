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
        "Since the run of 2026-11-01 03:00 that pushed last: 120 rows used (10,605 "
        "then); other options: evaluation.precision, train.epochs."
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
    assert "75.0% 900 90% 95.0% 93% to 96% 50.0% 970 97% 93.9%" in text
    assert "50.0% 1,000 100% 92.6%" in text
    # sqrt(2 / pi) * (sqrt(900 * .0475) + sqrt(70 * .16) + sqrt(30 * .25)) / 1000
    assert "it is off by 1.4 points on average" in text
    assert "exact, it would be about 1.0 points on so many rows" in text
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
    assert "Not pushed: accuracy is 0.031 lower than that of the last" in text
    assert "3.1 points fewer than with the last model (−4.5 to −1.7 with" in text
    assert ": hardly chance)" in text


def why_of(now, *earlier):
    return " ".join(page_of(now, runs=[*earlier, now]).text["why"].split())


def test_with_spans_the_text_alone_decides_the_split():
    runs = [summaries.of_span(number) for number in (1, 2, 3)]
    assert "not trained on them: the text alone decides which" in why_of(*runs[::-1])


@pytest.mark.parametrize(
    ("data", "options"),
    [
        # Of a class with few texts, the share of each split is exact.
        ({"examples": ["/data/out/examples/9"]}, {}),
        ({}, {"data.text_column": "title"}),
        ({"examples": []}, {}),
        ({"group_column": "author"}, {"data.group_column": "author"}),
    ],
)
def test_where_data_or_options_changed_the_last_model_may_know_the_rows(data, options):
    facts = summaries.run_facts()
    facts["data"]["examples"] = ["/data/out/examples/1"]
    before = summaries.summary(**facts)
    same = why_of(before, before)
    assert "which the last one was not trained on: the data is the same." in same
    facts["data"] = {**facts["data"], **data}
    facts["options"] = {**facts["options"], **options}
    if not data:
        facts["data"]["examples"] = ["/data/out/examples/2"]
    now = summaries.summary(**facts)
    if "group_column" in data:
        facts["spans"] = {"newest": "2", "window": {"2": 5}}
        facts["data"]["examples"] = ["/data/out/examples/2"]
        now = summaries.summary(**facts)
    assert "The last one may have been trained on some of them" in why_of(now, before)


def test_what_a_warm_start_is_tested_on_the_last_model_has_not_seen():
    options = {"data.pattern": "a.csv", "train.warm_start": "latest"}
    before, now = (
        summaries.summary(
            options=options, data={"pattern": "a.csv", "examples": [str(number)]}
        )
        for number in (1, 2)
    )
    assert "the text alone decides which" in why_of(now, before)
    before = before.model_copy(update={"options": {"data.pattern": "a.csv"}})
    assert "may have been trained on some" in why_of(now, before)


def test_an_unchanged_run_says_nothing_of_what_changed_since():
    before = summaries.of_span(1)
    push = {"pushed": True, "path": "/data/out/serving/1", "now": False}
    again = summaries.summary(push=push)
    text = why_of(again, before)
    assert "Since the run" not in text and "on the same 1,062 test rows." in text
    # Nor does it count as the run that pushed last.
    again = again.model_copy(update={"began": summaries.of_span(2).began})
    text = why_of(summaries.of_span(2), before, again)
    assert "Since the run of 2026-11-01 03:00 that pushed last" in text


def test_a_version_that_another_one_replaced_says_so_and_how_to_use_it():
    push = {
        "pushed": True,
        "path": "/data/out/serving/17",
        "now": False,
        "instead": "/data/out/serving/19",
    }
    page = page_of(summaries.summary(push=push))
    assert "Version 17 is the same model, but servers take version 19" in page.text[""]
    text = " ".join(page.text["next"].split())
    assert "predict --model /data/out/serving/17 " in text
    assert "Servers take version 19, which has another model" in text
    assert "docker" not in text and "no earlier model" not in text


def bound(**changes):
    facts = {"measure": "accuracy", "kind": "least", "bound": 0.9, "value": 0.8996}
    return facts | {"ok": False} | changes


@pytest.mark.parametrize(
    ("threshold", "said"),
    [
        (bound(), "at least 90.00% 89.96% missed"),
        (bound(value=0.9, ok=True), "at least 90.0% 90.0% met"),
        (bound(value=0.1 + 0.8, bound=0.9, ok=True), "at least 90.0% 90.0% met"),
        (bound(value=None), "at least 90.0% undefined missed"),
        (bound(measure="auc", bound=0.9, value=0.89996), "0.90000 0.89996 missed"),
        (
            bound(kind="change", bound=-0.01, value=-0.01004),
            "1.00 points less than the last model's: it need not be better "
            "1.00 points less missed",
        ),
        (
            bound(kind="change", bound=-0.01, value=0.0, ok=True),
            "1.0 point less than the last model's: it need not be better the same met",
        ),
        (
            bound(kind="change", bound=-0.01, value=-0.0004, ok=True),
            "1.00 points less than the last model's: it need not be better "
            "0.04 points less met",
        ),
    ],
)
def test_a_bound_and_what_was_measured_are_told_apart(threshold, said):
    facts = summaries.evaluation(["a", "b"], 1000, 0.9, thresholds=[threshold])
    if threshold["kind"] == "change":
        facts["baseline"] = summaries.measures(0.9 - threshold["value"])
    text = why_of(summaries.summary(evaluation=facts))
    if "1.00 points less missed" in said:
        said = said.replace("1.00 points", "1.000 points").replace(
            "better 1.000", "better 1.004"
        )
    assert said in text


def test_two_models_that_answer_alike_are_not_called_chance():
    alike = {"gained": 0, "lost": 0, "both": 900, "neither": 100}
    facts = summaries.evaluation(["a", "b"], 1000, 0.9)
    facts |= {
        "baseline": summaries.measures(0.9004),
        "change": {**alike, "interval": (-0.0004, 0.0004)},
        "thresholds": [],
    }
    page = page_of(summaries.summary(evaluation=facts))
    assert "about as many as with the last model and" in page.text[""]
    assert "chance" not in page.text[""] and "worse" not in page.text[""]
    why = " ".join(page.text["why"].split())
    assert "none 100." in why and "confidence" not in why
    facts["change"] = {"gained": 1, "lost": 1, "both": 900, "neither": 98,
                       "interval": (-0.0004, 0.0004)}  # fmt: skip
    page = page_of(summaries.summary(evaluation=facts))
    assert (
        "as many as with the last model (−0.04 to +0.04 with 95% confidence) and"
        in (page.text[""])
    )


def test_of_many_slices_one_that_is_low_by_chance_is_not_called_weak():
    facts = summaries.evaluation(["a", "b"], 1000, 0.9)
    for third in facts["by_length"].values():
        third["accuracy"] = 0.9
    slices = [
        {**facts["metrics"], "name": f"x={n}", "accuracy": 0.9, "rows": 50}
        for n in range(60)
    ]
    slices[7]["accuracy"] = 0.78  # below 0.9 with 95 %, if it were the only one
    for shown, is_weak in ((slices[7:8], True), (slices, False)):
        facts["slices"] = shown
        text = page_of(summaries.summary(evaluation=facts)).text["trust"]
        assert ("Weaker than on the whole: x=7" in " ".join(text.split())) is is_weak


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": 0, "bins": []}, "There is no test row."),
        (
            {"invalid_predictions": 1062},
            "No other rows are wrong than those whose prob",
        ),
    ],
)
def test_without_rows_or_numbers_nothing_is_compared(change, said):
    undefined = dict.fromkeys(summaries.measures(0.9))
    facts = summaries.evaluation(["a", "b"], 1062, 0.9) | change
    facts |= {"metrics": undefined, "wrong": [], "accuracy_interval": None}
    trained = summaries.training(["a", "b"]) | {"certain": None}
    text = page_of(summaries.summary(evaluation=facts, training=trained)).text
    assert said in text["errors"]
    assert "alone" not in text["why"]
    if not facts["rows"]:
        assert said in text["trust"]


def test_what_a_rollback_took_back_missed_a_condition():
    push = {"pushed": False, "path": None, "now": False}
    page = page_of(summaries.summary(push=push))
    assert "Not pushed: the model was withdrawn by a rollback." in page.text[""]
    text = " ".join(page.text["why"].split())
    assert text.startswith("Why it was not pushed")
    assert "no rollback took this model back one did missed" in text


def test_a_model_that_nobody_asked_to_push_is_blessed():
    text = page_of(summaries.summary(push=None)).text
    assert text["why"].strip().startswith("Why it was blessed")


def test_a_model_that_is_always_unsure_is_not_said_to_answer():
    facts = summaries.run_facts()
    facts["training"]["certain"] = {"precision": 0.95, "threshold": 2, "coverage": 0}
    facts["evaluation"]["certain"] = {
        "precision": 0.95, "threshold": 2, "coverage": 0, "accuracy": None
    }  # fmt: skip
    text = page_of(summaries.summary(**facts)).text["trust"]
    assert "it says of every text that it is unsure" in text
    assert "So it answers" not in text


@pytest.mark.parametrize(
    ("doubts", "said"),
    [
        ({"texts": 0, "all_texts": 9}, "that takes two classes of ten texts each"),
        ({"texts": 40, "all_texts": 90}, "No label is doubted: 40 of 90 train and"),
        ({"texts": 90, "all_texts": 90}, "No label is doubted: 90 of 90 train and"),
        ({"texts": 90}, "No label is doubted: 90 train and eval texts were looked at"),
        (
            {"texts": 90, "found": 2},
            "Labels are doubted (2), but their rows",
        ),
    ],
)
def test_why_no_label_is_shown_is_said(doubts, said):
    facts = summaries.run_facts(doubted=[])
    one = {
        "key": "00", "label": "a", "suggested": "b",
        "label_probability": 0.1, "suggested_probability": 0.9,
    }  # fmt: skip
    facts["training"]["doubts"] = {**doubts, "found": [one] * doubts.get("found", 0)}
    assert said in " ".join(page_of(summaries.summary(**facts)).text["labels"].split())


def test_which_texts_were_looked_at_for_wrong_labels_and_by_what_is_said():
    facts = summaries.run_facts()
    facts["training"]["doubts"] |= {"all_texts": 30_000, "models": ["words"]}
    text = " ".join(page_of(summaries.summary(**facts)).text["labels"].split())
    assert "Of 9,545 train and eval texts (there are 30,000: very rare" in text
    assert "to models of words that were trained without them" in text
    facts["training"]["doubts"] |= {"classes": 1}
    text = " ".join(page_of(summaries.summary(**facts)).text["labels"].split())
    assert "9,545 train and eval texts of 1 class (there are 30,000 of 2:" in text
    facts["training"]["doubts"] |= {"all_texts": None, "models": ["words", "vectors"]}
    text = " ".join(page_of(summaries.summary(**facts)).text["labels"].split())
    assert "some of all" not in text and "of words and mean ELMo vectors that" in text


def test_lengths_are_said_as_one_says_them():
    limits = {"short": (0, 1), "medium": (2, 2), "long": (3, None)}
    text = page_of(summaries.summary(length_limits=limits)).text["test"]
    for said in ("up to 1 token", "2 tokens", "3 tokens and more"):
        assert said in text
    limits = {"short": (0, 0), "long": (1, None)}
    text = page_of(summaries.summary(length_limits=limits)).text["test"]
    assert "no token" in text and "1 token and more" in text
