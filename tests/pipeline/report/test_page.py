"""The page of a run as HTML: what it shows, and that data cannot become markup."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from pipeline.evaluation.facts import Evaluation
from pipeline.report.page import Review, evaluation_page, run_page
from pipeline.runs.summary import RunSummary
from tests.pipeline.report import summaries
from tests.pipeline.report.reading import Page, page_of

_PAGES: dict[str, Callable[[], RunSummary]] = {
    "two classes": summaries.summary,
    "thirty classes": summaries.thirty_classes,
    "refused": summaries.refused,
    "several labels": summaries.several_labels,
    "a span": lambda: summaries.of_span(3),
    "hostile": summaries.hostile,
}
_SECTIONS = [
    "why", "data", "training", "test", "errors", "words", "labels", "trust", "run",
    "next", "runs",
]  # fmt: skip


def _at(summary: dict, path: str):
    value = summary
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


@pytest.fixture(scope="module")
def usual() -> Page:
    """The page of a run with two classes."""
    return _made("two classes")[1]


@functools.cache
def _made(name: str) -> tuple[RunSummary, Page]:
    summary = _PAGES[name]()
    return summary, page_of(summary)


@pytest.mark.parametrize("name", _PAGES)
def test_a_page_is_well_formed_and_has_its_sections_in_order(name):
    _, page = _made(name)
    assert page.open == []
    assert [a["id"] for tag, a in page.elements if tag == "section"] == _SECTIONS
    assert all(page.text[section].strip() for section in _SECTIONS)


@pytest.mark.parametrize("name", list(_PAGES)[:-1])
def test_each_figure_is_that_of_the_summary(name):
    summary, page = _made(name)
    facts = json.loads(summary.to_json())
    assert len(page.facts) > 60
    for path, value in page.facts:
        expected = _at(facts, path)
        shown = None if value == "" else float(value)
        assert shown == expected, path


@pytest.mark.parametrize("name", _PAGES)
def test_a_page_asks_for_nothing_and_runs_nothing(name):
    _, page = _made(name)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "form"}
    for tag, attributes in page.elements:
        assert not any(each.startswith("on") for each in attributes), tag
        for link in ("href", "xlink:href", "src"):
            assert (attributes.get(link) or "#").startswith("#"), attributes


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("why", "AUC at least 0.600 0.900 met"),
        ("why", "accuracy at most 1.0 point less than the last model's: it need not"),
        ("why", "answers in a process of its own yes met"),
        ("why", "both models get 930 right, this one alone 40, the last one alone 26"),
        ("why", "changed by −0.2 to +2.8 points: these rows are too few to tell"),
        ("why", "It decides nothing."),
        ("data", "10,617 rows read = 10,605 used + 12 rejected"),
        ("data", "2026-11.csv, row 396"),
        ("data", "3 files read as csv, windows-1252, “;”, header"),
        ("data", "positive\\u200b is read as positive"),
        ("training", "epoch 4 is kept"),
        ("errors", "dull +1.90"),
        ("errors", "2026-09.csv, row 17"),
        ("test", "short up to 14 tokens"),
        ("test", "long 27 tokens and more"),
        ("words", "in "),
        ("labels", "Of 9,545 train and eval texts, these 30 look least like"),
        ("labels", "labelled positive looks like negative 99% 2026-11.csv, row 100"),
        ("labels", "10 more"),
        ("labels", "--set data.corrections=/data/out/review.csv"),
        ("trust", "off by 1.4 points on average"),
        ("trust", "answers 86.8% of the test rows, and 95.3% of these answers are"),
        ("run", "data.text_column"),
        ("next", "score --model /data/out/serving/1795852985 "),
        ("next", "serves the model of version 1795766585 again"),
        ("next", "elmo-tfx rollback --output /data/out"),
        ("runs", "This is the only run that is kept here."),
    ],
)
def test_the_page_says(usual, section, line):
    assert line in " ".join(usual.text[section].split())


def test_a_reason_is_shown_with_its_rows_and_examples_of_them(usual):
    text = " ".join(usual.text["data"].split())
    assert "too_many_fields 4 2026-11.csv, row 398 — 4 fields, not 3:" in text


def test_the_worst_class_stands_first():
    text = page_of(summaries.thirty_classes()).text["test"]
    assert text.index("topic 27") < text.index("topic 24") < text.index("topic 01")


def test_the_words_that_decided_are_marked_in_the_text_they_come_from():
    page = run_page(summaries.summary())
    marked = '<span class="for-2">Not</span> a <span class="for-5">dull</span>'
    assert marked in page
    assert 'ca<span class="for-1">n&#39;t</span>' in page
    assert '<span class="against-4">adore</span>' in page
    assert "to the bone — and" in page, "the tokenizer writes -- for the dash"


def test_a_missing_part_leaves_a_word_why():
    page = page_of(
        summaries.summary(
            rows=None, training=None, evaluation=None, tfidf=None, push=None,
            serving_check=None, score_command=None, options={}, versions={}, doubted=[],
        )
    )  # fmt: skip
    assert "No model was tested." in page.text["test"]
    assert "No model was trained." in page.text["training"]
    assert "No rows were counted." in page.text["data"]
    assert "No model of this run is served." in page.text["next"]


def test_the_facts_of_an_earlier_version_make_a_page():
    facts = summaries.run_facts()
    for name in (
        "report", "model_bytes", "versions", "options", "doubted", "length_limits",
    ):  # fmt: skip
        del facts[name]
    del facts["push"]["before"]
    for name in ("temperature", "words", "certain", "doubts"):
        del facts["training"][name]
    for name in (
        "accuracy_interval", "confused", "bins", "curves", "wrong", "certain", "change",
    ):  # fmt: skip
        del facts["evaluation"][name]
    for one in facts["evaluation"]["classes"]:
        del one["precision_interval"], one["recall_interval"]
    page = page_of(RunSummary.model_validate(facts))
    assert "An earlier version" in page.text["errors"]
    assert "An earlier version kept none." in page.text["run"]


def test_drift_and_the_runs_are_shown_over_the_last_spans():
    runs = [summaries.of_span(number) for number in range(1, 15)]
    page = page_of(runs[-1], runs=runs)
    plots = [a["aria-label"] for tag, a in page.elements if tag == "svg"]
    assert "Drift of label over the spans" in plots
    assert "Accuracy of the runs" in plots
    assert page.text["runs"].count("pushed") >= 14
    assert "language=de" in page.text["test"]


@pytest.mark.parametrize("with_spans", [True, False])
def test_runs_have_a_column_of_spans_only_if_there_are_spans(with_spans):
    of_span = summaries.of_span(2)
    other = of_span if with_spans else of_span.model_copy(update={"spans": None})
    page = page_of(other, runs=[other, other])
    assert "test rows" in page.text["runs"]
    assert ("span" in page.text["runs"]) == with_spans


def test_no_label_is_doubted_where_rows_have_several():
    _, page = _made("several labels")
    assert "No label was doubted: rows may have several" in page.text["labels"]


def test_what_a_person_has_reviewed_is_shown():
    review = Review(["row", "text", "label"], [["7", "A <b> film", "positive"]])
    page = page_of(summaries.summary(), review=review)
    assert "A <b> film" in page.text["labels"]


def test_text_of_the_data_is_shown_and_never_markup():
    _, page = _made("hostile")
    for section in ("data", "test", "errors", "words", "labels", "run"):
        assert "<script>hit = 1</script>" in page.text[section], section
    assert "{{ 7 * 7 }}" in page.text["errors"]
    assert sum(tag == "style" for tag, _ in page.elements) == 1


def test_control_characters_become_visible():
    page = run_page(summaries.hostile("a\x00b\u202ec\x1b[31m"))
    assert not set("\x00\u202e\x1b") & set(page)
    assert "a\\u0000b\\u202ec" in page


def test_a_page_stays_small_whatever_the_data():
    assert len(run_page(summaries.many_classes()).encode()) < 2_000_000
    long = run_page(summaries.hostile("<&x " * 50_000)).encode()
    assert len(long) < 2_000_000


def test_the_same_facts_make_the_same_page():
    assert run_page(summaries.summary()) == run_page(summaries.summary())


def test_the_page_of_an_evaluation_has_no_run_yet():
    evaluation = summaries.of_span(3).evaluation
    assert evaluation is not None
    page = Page(evaluation_page(evaluation))
    assert "The model is blessed, on 1,000 test rows." in page.text[""]
    assert "language=de" in page.text["test"]


def test_a_refused_evaluation_of_no_rows_has_a_page_all_the_same():
    facts = summaries.evaluation(["1.0", "2"], 100, 0.9, rows=0, blessed=False)
    nothing = {"classes": [], "by_length": {}, "confused": [], "bins": [], "curves": []}
    undefined = {"metrics": dict.fromkeys(facts["metrics"]), "baseline": None}
    failures = {"failures": ["the test split is empty"], "wrong": []}
    empty = Evaluation.model_validate(facts | nothing | undefined | failures)
    page = Page(evaluation_page(empty))
    assert "The model is refused, on 0 test rows. the test split is" in page.text[""]
    assert " – " in " ".join(page.text[""].split())


def test_facts_at_their_limits_have_a_page():
    facts = summaries.run_facts(nodes=[])
    facts["rows"]["labels"] = {"train": {}, "eval": {}, "test": {}}
    facts["training"]["epochs"] = facts["training"]["epochs"][:1]
    facts["training"]["best_epoch"] = 1
    measured = facts["evaluation"]
    measured["curves"] = [{"name": "a", "roc": [], "precision_recall": []}]
    unseen = {"low": 0, "high": 1, "rows": 0, "confidence": None, "accuracy": None}
    measured["bins"] = [unseen]
    for one in measured["classes"]:
        one |= {"precision": None, "recall_interval": (1.0, 1.0), "support": 0}
    measured["wrong"][0] |= {"labels": [], "predicted": [], "text": "", "source": ""}
    measured["wrong"][1]["words"] = [
        {"token": "", "weight": 1.0},
        {"token": "film", "weight": float("nan")},
    ]
    page = page_of(RunSummary.model_validate(facts))
    assert [a["id"] for tag, a in page.elements if tag == "section"] == _SECTIONS


def test_a_class_that_is_named_as_a_number_keeps_its_name():
    page = page_of(
        summaries.summary(evaluation=summaries.evaluation(["1.00", "2"], 100, 0.9))
    )
    assert " 1.00 50 " in page.text["test"]


def test_neither_tensorflow_nor_tfx_is_imported_for_a_page():
    program = (
        "import sys; import pipeline.report.files; "
        "from pipeline.commands.report import command; "
        "heavy = {'tensorflow', 'tfx', 'apache_beam', 'ml_metadata', 'matplotlib'}; "
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
