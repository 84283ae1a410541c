from __future__ import annotations

from pipeline.runs.summary_text import evaluation_lines


def _class(name: str, f1: float | None) -> dict:
    return {"name": name, "precision": f1, "recall": f1, "f1": f1, "support": 1_234}


def test_classes_and_lengths_become_tables():
    report = {
        "classes": [_class("negative", 0.75), _class("positive", None)],
        "by_length": {
            "short": {"accuracy": 0.5, "auc": None, "macro_f1": 0.25, "rows": 12}
        },
        "notes": ["a note"],
    }
    assert evaluation_lines(report) == [
        "class     precision  recall     F1    rows",
        "negative      0.750   0.750  0.750   1,234",
        "positive          -       -      -   1,234",
        "length  accuracy    AUC  macro F1    rows",
        "short      0.500      -     0.250      12",
        "a note",
    ]


def test_of_many_classes_those_with_the_lowest_f1_are_shown():
    classes = [_class(f"class {i:02}", 1 - i / 100) for i in range(30)]
    classes.append(_class("x" * 99, 0.0))
    report = {"classes": classes, "by_length": {}, "notes": []}
    lines = evaluation_lines(report)
    assert lines[0] == "the 10 of 31 classes with the lowest F1:"
    assert lines[2].startswith("x" * 23 + "…  ")
    assert lines[3].startswith("class 29 ")
    assert len(lines) == 12


def test_no_rows_make_no_lines():
    assert evaluation_lines({"classes": [], "by_length": {}, "notes": []}) == []
