"""Tests of summary_text on facts made by hand."""

from __future__ import annotations

import copy
import json

import pytest

from pipeline.evaluation.facts import Evaluation
from pipeline.runs.evaluation_text import evaluation_lines
from pipeline.runs.summary import RunSummary
from pipeline.runs.summary_text import _shown_epochs, as_text

_FACTS = {
    "output": "/out",
    "log": "/out/logs/x.log",
    "data": {"pattern": "/data/*.csv", "source": "10,605 snippets"},
    "spans": None,
    "rows": {
        "read": 1010,
        "used": 1000,
        "rejected": 10,
        "reasons": {"no_text": 3, "bad_quotes": 7},
        "duplicates": 4,
        "rejected_folder": "/out/pipeline/TextExampleGen/examples/1/rejected",
        "labels": {
            "train": {"ham": 700, "spam": 100},
            "eval": {"ham": 90, "spam": 10},
            "test": {"ham": 88, "spam": 12},
        },
        "left_out_files": ["/data/LICENSE", "/data/x/README"],
        "cleaned": {"label_invisible": 12, "label_whole_number": 3},
        "cleaned_labels": {"ham": {"ham\u200b": 8, "ha\u00adm": 4}, "1": {"1.0": 3}},
    },
    "drift": None,
    "anomalies": {"verdict": "clear", "found": []},
    "training": {
        "epochs": [
            {
                "epoch": n,
                "train_loss": 1 / n,
                "eval_loss": abs(5 - n) + 0.5,
                "eval_accuracy": 0.9,
                "seconds": 40.0 if n == 1 else 2.0,
            }
            for n in range(1, 9)
        ],
        "best_epoch": 5,
        "steps": 8 * 32,
        "ended_by": "patience",
        "stopped_early": True,
        "warm_start": None,
        "resumed_after": 2,
        "embedding_cache": {
            "bytes": 50 << 20,
            "bound_bytes": 4 << 30,
            "examples": 900,
            "cached_examples": 900,
            "encoded_examples": 700,
            "first_epoch_seconds": 40.0,
            "later_epoch_seconds": 2.0,
        },
    },
    "evaluation": {
        "metrics": {
            "accuracy": 0.95,
            "auc": 0.987,
            "macro_f1": 0.9,
            "calibration_error": None,
        },
        "baseline": None,
        "rows": 100,
        "ok": True,
        "classes": [
            {"name": "ham", "precision": 0.9, "recall": 1, "f1": 0.95, "support": 88}
        ],
        "by_length": {
            "short": {"accuracy": 0.91, "auc": None, "macro_f1": 0.8, "rows": 40}
        },
        "notes": ["2 of 100 test rows have a label that is unknown"],
        "failures": [],
        "thresholds": [
            {"measure": "auc", "kind": "least", "bound": 0.6, "value": 0.9, "ok": True},
            {
                "measure": "accuracy",
                "kind": "change",
                "bound": -0.01,
                "value": None,
                "ok": True,
            },
        ],
        "blessed": True,
    },
    "tfidf": {
        "metrics": {
            "accuracy": 0.94,
            "auc": 0.98,
            "macro_f1": 0.89,
            "calibration_error": None,
        },
        "notes": [],
        "seconds": 0.1,
    },
    "serving_check": {"blessed": True, "reasons": [], "facts": {}},
    "push": {"pushed": True, "path": "/out/serving/17", "now": True},
    "nodes": [
        {"node": "TextExampleGen", "state": "unchanged", "seconds": 0.0},
        {"node": "Trainer", "state": "done", "seconds": 61.5},
    ],
    "score_command": 'elmo-tfx score --model out/serving/17 "Type a text here."',
}


def _text(facts: dict) -> str:
    return as_text(RunSummary.model_validate(facts))


@pytest.fixture
def facts():
    return copy.deepcopy(_FACTS)


@pytest.mark.parametrize(
    "line",
    [
        "1,010 read = 1,000 used + 10 rejected; 4 of the used are repeated texts",
        "rejected: bad_quotes 7, no_text 3",
        "they lie in /out/pipeline/TextExampleGen/examples/1/rejected",
        "10,605 snippets",
        "train      800: ham 700 (87.5%), spam 100 (12.5%)",
        "not read, by their names: LICENSE, README\n",
        "read without invisible characters 12 rows, without .0 3 rows\n",
        "`ham\\u200b` is `ham` (8), `ha\\u00adm` is `ham` (4), `1.0` is `1` (3)\n",
        "stopped early after 8 epochs; epoch 5 is kept",
        "went on after 2 epochs of an interrupted run",
        "of 900 of 900 texts stored, 50 MiB (bound 4 GiB); 700 texts were new",
        "accuracy 95.0%, AUC 0.987 (at least 0.600), macro F1 0.900",
        "ham            0.900     1.000  0.950      88",
        "short          0.910      -       0.800      40",
        "2 of 100 test rows have a label that is unknown",
        "TF-IDF + logistic regression, same splits: accuracy 94.0%",
        "blessed by the Evaluator (no earlier model to compare with)",
        "pushed to /out/serving/17",
        "Trainer 61.5 s",
        "61.5 s in all nodes; 1 of 2 were unchanged",
        'Score texts elmo-tfx score --model out/serving/17 "Type a text here."',
    ],
)
def test_the_summary_says(facts, line):
    assert line in _text(facts)


@pytest.mark.parametrize(
    ("threshold", "measured", "line"),
    [
        (
            0.8,
            (0.625, 0.96),
            "the model answers 62.5% of the test rows, 96.0% of them rightly "
            "(asked for: 95.0%), and is unsure of the others\n",
        ),
        (0.8, (0.0, None), "answers no test row, and is unsure of all\n"),
        (1.5, (0.0, None), "answers no test row: no probability was right in 95.0% of"),
    ],
)
def test_how_sure_the_accuracy_and_the_model_are_is_told(
    facts, threshold, measured, line
):
    assert "answers" not in _text(facts)
    coverage, accuracy = measured
    facts["evaluation"] |= {
        "accuracy_interval": [0.888, 0.978],
        "certain": {
            "precision": 0.95,
            "threshold": threshold,
            "coverage": coverage,
            "accuracy": accuracy,
        },
    }
    facts["evaluation"]["metrics"]["coverage"] = coverage
    facts["evaluation"]["thresholds"].append(
        {
            "measure": "coverage",
            "kind": "least",
            "bound": 0.5,
            "value": coverage,
            "ok": True,
        }
    )
    text = _text(facts)
    assert f"macro F1 0.900, coverage {coverage:.1%} (at least 50.0%)\n" in text
    assert (
        "            with 100 test rows, the accuracy is between 88.8% and 97.8% "
        "(95% confidence)\n"
    ) in text
    assert line in text


def test_a_bound_on_steps_that_ended_the_training_is_told(facts):
    facts["training"] |= {"ended_by": "max_steps", "stopped_early": False}
    facts["training"]["steps"] = 1500
    text = _text(facts)
    assert "stopped after 1,500 steps; epoch 5 is kept" in text
    assert "stopped early" not in text


@pytest.mark.parametrize(
    ("warm_start", "line"),
    [
        (("/out/7", None, []), "started from the weights of /out/7\n"),
        (("/out/7", None, ["a", "b"]), "weights of /out/7; new classes: a, b\n"),
        ((None, "no model", []), "started fresh: no model\n"),
    ],
)
def test_what_a_training_started_from_is_told_where_it_matters(facts, warm_start, line):
    assert "started" not in _text(facts)
    keys = ("from", "reason", "new_classes")
    facts["training"]["warm_start"] = dict(zip(keys, warm_start, strict=True))
    assert line in _text(facts)


def test_a_refused_model_is_shown_with_the_reason_and_is_not_pushed(facts):
    facts["evaluation"] |= {
        "blessed": False,
        "baseline": {"auc": 0.9},
        "failures": ["auc 0.5500 is below 0.6"],
    }
    facts["push"] = {"pushed": False, "path": None, "now": False}
    facts["score_command"] = None
    text = _text(facts)
    assert "refused by the Evaluator (compared with the last blessed model)" in text
    assert "auc 0.5500 is below 0.6" in text
    assert "Model       not pushed" in text
    assert "Score texts" not in text


def test_a_push_that_was_made_before_is_called_unchanged(facts):
    facts["push"]["now"] = False
    assert "unchanged, at /out/serving/17" in _text(facts)
    assert "not served" not in _text(facts)
    facts["push"]["instead"] = "/out/serving/99"
    assert "not served: /out/serving/99 is newer; to serve this" in _text(facts)
    assert "elmo-tfx rollback --output /out --to 17" in _text(facts)
    facts["push"]["path"] = facts["score_command"] = None
    assert "unchanged; the version that an earlier run pushed is no l" in _text(facts)


def test_what_the_gate_let_pass_is_listed(facts):
    facts["anomalies"]["found"] = [
        {"split": "eval", "feature": "label", "short": "Unexpected value"}
    ]
    assert "eval, label: Unexpected value (let pass)" in _text(facts)


def test_sections_that_do_not_exist_are_left_out(facts):
    for name in ("rows", "training", "evaluation", "tfidf", "push", "anomalies"):
        facts[name] = None
    text = _text(facts)
    assert "Rows" not in text
    assert "Test" not in text
    assert "Log" in text


@pytest.mark.parametrize(("count", "best"), [(1, 1), (3, 2), (8, 5), (200, 180)])
def test_few_epochs_are_shown_and_the_best_always(count, best):
    shown = _shown_epochs(count, best)
    assert {1, best, count} <= set(shown)
    assert len(shown) <= 6
    assert shown == sorted(set(shown))


def test_a_span_and_its_window_are_told():
    facts = copy.deepcopy(_FACTS)
    facts["spans"] = {"newest": "2026-11-26", "window": {"2026-11-26": 1000}}
    assert "\nSpan        2026-11-26\nRows " in _text(facts)
    facts["spans"]["window"]["2026-11-25"] = 1200
    assert (
        "trained and tested on 2026-11-26 (1,000 rows), 2026-11-25 (1,200 rows)"
        in _text(facts)
    )


_DISTANCES = {
    "label": {"value": 0.02, "threshold": 0.1},
    "length": {"value": 0.3149, "threshold": 0.1},
    "unknown_words": {"value": 0.05, "threshold": 0.25},
    "unknown_characters": {"value": 0.01, "threshold": None},
}


@pytest.mark.parametrize(
    ("before", "against"),
    [
        (["2"], "span 2"),
        (["1", "2"], "spans 1 to 2"),
        (["2026-11-20", "2026-11-24", "2026-11-25"], "spans 2026-11-20 to 2026-11-25"),
    ],
)
def test_the_distances_of_the_newest_span_are_told(facts, before, against):
    facts["drift"] = {"before": before, "distances": _DISTANCES}
    assert (
        f"\nDrift       against {against}: label 0.02 (at most 0.10), "
        "length 0.31 (at most 0.10), unknown words 0.05 (at most 0.25)\n"
    ) in _text(facts)


def test_a_distance_that_could_not_be_measured_is_told_as_such(facts):
    words = {"unknown_words": {"value": None, "threshold": 0.1}}
    facts["drift"] = {"before": ["1"], "distances": words}
    assert "unknown words not measured (at most 0.10)" in _text(facts)


def test_without_spans_to_compare_with_nothing_is_said_of_drift(facts):
    assert "Drift" not in _text(facts)


def _class(name: str, f1: float | None) -> dict:
    return {"name": name, "precision": f1, "recall": f1, "f1": f1, "support": 1_234}


def _evaluation(*, classes=(), by_length=None, notes=()) -> Evaluation:
    return Evaluation.model_validate(
        {
            **_FACTS["evaluation"],
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


def test_the_summary_file_keeps_every_fact_under_its_name():
    facts = copy.deepcopy(_FACTS)
    facts["training"]["warm_start"] = {"from": "/m/1", "reason": None}
    anomaly = {
        "split": "eval",
        "feature": "label",
        "kind": "schema",
        "type": "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
        "severity": "ERROR",
        "short": "Unexpected string values",
        "description": "Examples contain values missing from the schema: x (~1%).",
    }
    words = {"measure": "difference", "value": 0.1, "threshold": 0.2}
    words |= {"newest": 0.3, "before": 0.2}
    facts["anomalies"]["found"] = [anomaly]
    facts["drift"] = {"before": ["1"], "distances": {"unknown_words": words}}
    written = json.loads(RunSummary.model_validate(facts).to_json())
    assert written["anomalies"]["found"] == [anomaly]
    assert written["drift"]["distances"]["unknown_words"] == words
    assert written["training"]["warm_start"]["from"] == "/m/1"
    new = {"examples": [], "given": {}, "leaked": 0, "notes": [], "replaced_utf8": 0}
    new |= {"corrections": None, "split_files": []}
    assert written["rows"] == facts["rows"] | new
    assert RunSummary.model_validate_json(json.dumps(written)).to_json() == (
        RunSummary.model_validate(facts).to_json()
    )


def _forged(facts):
    """Returns facts with a line break in every text that is data, label or path."""
    if isinstance(facts, dict):
        return {_forged_key(key): _forged(value) for key, value in facts.items()}
    if isinstance(facts, list):
        return [_forged(value) for value in facts]
    is_word = not isinstance(facts, str) or facts in _WORDS
    return facts if is_word else f"{facts}{_BREAK}"


def _forged_key(key: str) -> str:
    return f"{key}{_BREAK}" if key in ("ham", "spam", "no_text") else key


_BREAK = "\x1b[31mb\nModel       pushed to /evil\x85\u2028fake"
_WORDS = ("done", "unchanged", "patience", "auc", "accuracy", "least", "most", "change")


def test_no_label_or_path_makes_a_line_of_the_summary(facts):
    honest, text = _text(facts), _text(_forged(facts))
    assert text.count("\n") == honest.count("\n")
    assert len(text.splitlines()) == len(honest.splitlines())
    assert "\x1b" not in text
    [row] = [line for line in text.splitlines() if line.endswith(" 88")]
    assert row.split() == [
        "ham\\u001b[31mb\\nModel",
        "…",
        "0.900",
        "1.000",
        "0.950",
        "88",
    ]


def test_rows_that_the_data_holds_out_itself_are_said_to_be_so():
    facts = copy.deepcopy(_FACTS)
    facts["data"] |= {"held_out": {"test": "/data/test.tsv"}, "group_column": "user"}
    facts["rows"] |= {"given": {"test": 100}, "leaked": 2, "notes": ["unbalanced: x"]}
    corrections = {"path": "a.csv", "applied": 1, "rows": 2, "as_data": 3}
    corrections |= {"not_found": 0, "undecided": 4}
    facts["rows"]["corrections"] = corrections
    text = _text(facts)
    assert "Held out    eval: a fraction of the training rows, as none" in text
    assert "            test: the 100 rows of /data/test.tsv\n" in text
    assert "            rows with the same `user` are in the same split\n" in text
    assert "            2 rows of eval or test have a text that an earlier" in text
    assert "            unbalanced: x\n" in text
    assert "1 of 4 corrections changed 2 rows; 3 are in the data already; 4" in text
    assert "Held out" not in _text(_FACTS)


def test_slices_are_a_table_and_their_thresholds_not_those_of_all_rows():
    facts = copy.deepcopy(_FACTS)
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
    text = _text(facts)
    assert "the 20 of 25 slices with the lowest accuracy:\n" in text
    assert ["language=19", "0.633", "-", "0.500", "3"] in map(
        str.split, text.split("\n")
    )
    assert "language=20 " not in text
    assert "at least" not in text


def test_the_summary_says_how_sure_the_model_may_be(facts):
    assert "temperature" not in _text(facts)  # of an earlier version
    training = facts["training"]
    training |= {"temperature": 1.456, "certain": None}
    assert "probabilities calibrated on eval: temperature 1.46\n" in _text(facts)
    training["certain"] = {"precision": 0.95, "threshold": 0.8766, "coverage": 0.5}
    line = "sure from probability 0.877 on, for a precision of 0.95: 50.0% of the eval"
    assert line in _text(facts)
    training["certain"] = {"precision": 0.95, "threshold": 2.0, "coverage": 0.0}
    assert "unsure of every text: too little on eval says" in _text(facts)
