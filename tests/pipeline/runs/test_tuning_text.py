"""What the summary, the model card and the page say of a search for better options."""

from __future__ import annotations

import copy

from pipeline.report.page import run_page
from pipeline.runs.model_card import model_card
from pipeline.runs.summary import RunSummary
from pipeline.runs.training_facts import Tuning
from pipeline.runs.tuning_text import tuning_lines
from tests.pipeline.runs.small_facts import FACTS, text_of

_BETTER = {
    "trials": 14,
    "seconds": 121.4,
    "texts": 6000,
    "compared_texts": 5999,
    "options": {"model.dropout": 0.4, "model.pretrained_branch": False},
    "is_better": True,
    "accuracy_change": 0.0123,
    "accuracy_error": 0.004,
    "loss_change": -0.02,
    "loss_error": 0.006,
}
_KEEP = "--set model.dropout=0.4 --set model.pretrained_branch=false"


def _lines(**changes):
    return list(tuning_lines(Tuning.model_validate({**_BETTER, **changes})))


def test_the_gain_and_how_to_keep_it_are_told():
    assert _lines() == [
        "better options of the head were searched in 14 trials with 6,000 texts, 121 s",
        "the best are trained with; on other folds of 5,999 texts: accuracy +1.23 ± "
        "0.40 points, log loss -0.0200 ± 0.0060",
        f"to keep them: {_KEEP}",
    ]


def test_that_nothing_better_was_found_is_told():
    _, kept = _lines(is_better=False)
    assert kept.startswith("the given ones are kept, as the best are not better on oth")
    none = {
        "options": {},
        "is_better": False,
        "loss_change": None,
        "accuracy_change": 0,
    }
    assert (
        _lines(**none)[1] == "none were better than the given options, which are kept"
    )
    assert "no time for another" in _lines(**none, trials=1)[1]
    assert "1 trial with" in _lines(**none, trials=1)[0]


def test_without_a_search_nothing_is_told():
    assert list(tuning_lines(None)) == []
    assert RunSummary.model_validate(FACTS).training.tuning is None


def test_the_summary_tells_it():
    facts = copy.deepcopy(FACTS)
    facts["training"]["tuning"] = _BETTER
    text = text_of(facts)
    assert "Training    better options of the head were searched in 14 trials" in text
    assert _KEEP in text
    summary = RunSummary.model_validate(facts)
    assert RunSummary.model_validate_json(summary.to_json()) == summary


def test_the_model_card_and_the_page_tell_it():
    facts = copy.deepcopy(FACTS)
    facts["training"]["tuning"] = _BETTER
    summary = RunSummary.model_validate(facts)
    card = model_card(summary, "17")
    assert f"\n\nto keep them: {_KEEP}\n" in card
    assert "searched in 14 trials" in run_page(summary)
    plain = model_card(RunSummary.model_validate(FACTS), "17")
    assert "searched" not in plain and "\n\n\n" not in card
