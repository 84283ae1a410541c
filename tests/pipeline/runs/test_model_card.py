"""Tests of model_card on facts made by hand, and on texts that look like markup."""

from __future__ import annotations

import copy
import re

import pytest
import yaml

from pipeline.runs.model_card import model_card
from pipeline.runs.summary import RunSummary
from tests.pipeline.runs.small_facts import FACTS

_EVIL = "<script>alert(1)</script> | [x](y) `z` https://a.b\n# Heading"


@pytest.fixture
def facts():
    facts = copy.deepcopy(FACTS)
    facts.update(run_id="2026-11-26T03:00:00", began="2026-11-26T03:00:00Z")
    return facts


def _card(facts: dict) -> tuple[dict, str]:
    """Returns the metadata of a card and its text."""
    text = model_card(RunSummary.model_validate(facts), "17")
    _, front_matter, body = text.split("---\n", 2)
    return yaml.safe_load(front_matter), body


def test_the_card_has_the_headings_of_both_and_the_facts(facts):
    facts["evaluation"]["accuracy_interval"] = [0.9, 0.98]
    metadata, body = _card(facts)
    headings = re.findall(r"^## (.+)$", body, re.MULTILINE)
    assert headings == [
        "Model Details",
        "Uses",
        "Considerations",
        "How to Get Started with the Model",
        "Training Details",
        "Evaluation",
        "Quantitative Analysis",
    ]
    assert "1,010 rows read = 1,000 used + 10 rejected (no\\_text 3" in body
    assert "| accuracy | 0.950 (0.900 to 0.980) | 0.940 |" in body
    assert "| ham | 0.900 | 1.000 | 0.950 | 88 |" in body
    assert "| all | AUC | at least 0.600 | 0.900 | yes |" in body
    assert "| first pushed as version | 17 |" in body
    assert "2 of 100 test rows have a label that is unknown" in body
    [index] = metadata["model-index"]
    values = {m["type"]: m["value"] for m in index["results"][0]["metrics"]}
    assert values == {"accuracy": 0.95, "roc_auc": 0.987, "f1": 0.9}


def test_what_the_run_does_not_know_is_not_claimed(facts):
    metadata, body = _card(facts)
    assert not {"language", "license", "datasets"} & metadata.keys()
    assert "unsure" not in body
    assert "Words that speak" not in body
    assert "labelled opinions" not in body
    for part in ("evaluation", "training", "rows", "tfidf", "push"):
        facts[part] = None
    facts["data"] = {"pattern": ""}
    metadata, body = _card(facts)
    assert "model-index" not in metadata
    assert "The model was not tested." in body
    assert "Nothing is known of its rows." in body


def test_what_is_measured_beside_is_said(facts):
    facts["training"]["words"] = {"ham": [{"word": "dear", "weight": 1, "texts": 9}]}
    facts["training"]["certain"] = {"precision": 0.9, "threshold": 0.7, "coverage": 0.6}
    facts["training"]["pretrained_branch"] = True
    facts["training"] |= {"word_vectors": True, "ngram_weight": 0.5}
    facts["training"]["embedding_cache"] = {
        **dict.fromkeys(("bytes", "bound_bytes", "examples", "cached_examples"), 1),
        **{"first_epoch_seconds": 2.0, "later_epoch_seconds": 1.0},
        "precision": "bfloat16",
    }
    facts["evaluation"]["certain"] = {
        **facts["training"]["certain"],
        "accuracy": 0.91,
    }
    one = {"accuracy": 0.4, "auc": None, "macro_f1": 0.3, "rows": 12}
    facts["evaluation"]["slices"] = [{"name": "language=de", **one}]
    _, body = _card(facts)
    assert "- ham: dear\n" in body
    assert "A part of it began from 94,185 labelled opinions" in body
    assert "| ELMo computed | in bfloat16 to train, and in float32 in use |" in body
    assert "What it learnt of a word counts for words like it, too." in body
    assert "it answers 0.600 of the test rows" in body
    assert "Of the slices it is worst at language=de: accuracy 0.400 on 12 rows" in body
    assert "| language=de | 0.400 | - | 0.300 | 12 |" in body


def test_text_of_the_data_never_becomes_markup(facts):
    facts["data"]["pattern"] = facts["data"]["source"] = _EVIL
    facts["rows"]["labels"]["train"][_EVIL] = 1
    facts["rows"]["notes"] = [_EVIL]
    facts["training"]["class_counts"] = {_EVIL: 1}
    facts["training"]["words"] = {_EVIL: [{"word": _EVIL, "weight": 1, "texts": 1}]}
    facts["evaluation"]["classes"][0]["name"] = _EVIL
    metadata, body = _card(facts)
    assert metadata["model-index"][0]["results"][0]["dataset"]["name"].startswith("<s")
    for markup in (r"<", r"\|(?= \\\[)", r"\[x", r"`z", r"(?<!\\)://"):
        assert not re.search(rf"(?<!\\){markup}", body.replace("```", "")), markup
    assert "\n# Heading" not in body


def test_of_many_classes_the_first_are_shown_and_the_others_counted(facts):
    one = facts["evaluation"]["classes"][0]
    facts["evaluation"]["classes"] = [{**one, "name": f"c{n}"} for n in range(130)]
    _, body = _card(facts)
    assert "| c99 |" in body
    assert "| c100 |" not in body
    assert "And 30 more." in body
