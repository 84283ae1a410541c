"""What was measured, as tables for a person."""

from __future__ import annotations

import copy

from pipeline.evaluation.facts import Evaluation
from pipeline.runs.evaluation_text import evaluation_lines
from tests.pipeline.runs.small_facts import FACTS, text_of


def _class(name: str, f1: float | None) -> dict:
    return {"name": name, "precision": f1, "recall": f1, "f1": f1, "support": 1_234}


def _evaluation(*, classes=(), by_length=None, notes=()) -> Evaluation:
    return Evaluation.model_validate(
        {
            **FACTS["evaluation"],
            "classes": list(classes),
            "by_length": by_length or {},
            "notes": list(notes),
        }
    )


def test_classes_and_lengths_become_tables():
    evaluation = _evaluation(
        classes=[_class("negative", 0.75), _class("positive", None)],
        by_length={
            "short": {"accuracy": 0.5, "auc": None, "macro_f1": 0.25, "rows": 12}
        },
        notes=["a note"],
    )
    assert evaluation_lines(evaluation) == [
        "class       precision    recall     F1    rows",
        "negative        0.750     0.750  0.750   1,234",
        "positive            -         -      -   1,234",
        "length      accuracy    AUC    macro F1    rows",
        "short          0.500      -       0.250      12",
        "a note",
    ]


def test_of_many_classes_those_with_the_lowest_f1_are_shown():
    classes = [_class(f"class {i:02}", 1 - i / 100) for i in range(30)]
    classes.append(_class("x" * 99, 0.0))
    lines = evaluation_lines(_evaluation(classes=classes))
    assert lines[0] == "the 10 of 31 classes with the lowest F1:"
    assert lines[2].startswith("x" * 23 + "…  ")
    assert lines[3].startswith("class 29 ")
    assert len(lines) == 12


def test_no_rows_make_no_lines():
    assert evaluation_lines(_evaluation()) == []


def test_slices_are_a_table_and_their_thresholds_not_those_of_all_rows():
    facts = copy.deepcopy(FACTS)
    facts["evaluation"]["slices"] = [
        {
            "name": f"language={number}",
            "accuracy": number / 30,
            "auc": None,
            "macro_f1": 0.5,
            "rows": 3,
        }
        for number in range(25)
    ]
    threshold = facts["evaluation"]["thresholds"][0]
    facts["evaluation"]["thresholds"] = [{**threshold, "slice": "language=1"}]
    text = text_of(facts)
    assert "the 20 of 25 slices with the lowest accuracy:\n" in text
    assert ["language=19", "0.633", "-", "0.500", "3"] in map(
        str.split, text.split("\n")
    )
    assert "language=20 " not in text
    assert "at least" not in text
