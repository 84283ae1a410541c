"""Tests of summary_text on facts made by hand."""

from __future__ import annotations

import copy
import json

import pytest

from pipeline.runs.summary import RunSummary
from pipeline.runs.summary_text import _shown_epochs
from tests.pipeline.runs.small_facts import FACTS, text_of


@pytest.fixture
def facts():
    return copy.deepcopy(FACTS)


@pytest.mark.parametrize(
    "line",
    [
        "1,010 read = 1,000 used + 10 rejected; 4 of the used are repeated texts",
        "rejected: bad_quotes 7, no_text 3",
        "they lie in /out/pipeline/TextExampleGen/examples/1/rejected",
        "10,605 snippets",
        "train      800: ham 700 (87.5%), spam 100 (12.5%)",
        "not read, by their names: LICENSE, x/README\n",
        "read without invisible characters 12 rows, without .0 3 rows\n",
        "`ham\\u200b` is `ham` (8), `ha\\u00adm` is `ham` (4), `1.0` is `1` (3)\n",
        "stopped early after 8 epochs; epoch 5 is kept",
        "went on after 2 epochs of an interrupted run",
        "vectors of 900 of 900 texts stored, 50 MiB (bound 4 GiB); 700 different texts",
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
    assert line in text_of(facts)


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
    assert "answers" not in text_of(facts)
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
    text = text_of(facts)
    assert f"macro F1 0.900, coverage {coverage:.1%} (at least 50.0%)\n" in text
    assert (
        "            with 100 test rows, the accuracy is between 88.8% and 97.8% "
        "(95% confidence)\n"
    ) in text
    assert line in text


def test_a_bound_on_steps_that_ended_the_training_is_told(facts):
    facts["training"] |= {"ended_by": "max_steps", "stopped_early": False}
    facts["training"]["steps"] = 1500
    text = text_of(facts)
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
    assert "started" not in text_of(facts)
    keys = ("from", "reason", "new_classes")
    facts["training"]["warm_start"] = dict(zip(keys, warm_start, strict=True))
    assert line in text_of(facts)


def test_a_refused_model_is_shown_with_the_reason_and_is_not_pushed(facts):
    facts["evaluation"] |= {
        "blessed": False,
        "baseline": {"auc": 0.9},
        "failures": ["auc 0.5500 is below 0.6"],
    }
    facts["push"] = {"pushed": False, "path": None, "now": False}
    facts["score_command"] = None
    text = text_of(facts)
    assert "refused by the Evaluator (compared with the last blessed model)" in text
    assert "auc 0.5500 is below 0.6" in text
    assert "Model       not pushed" in text
    assert "Score texts" not in text


def test_a_push_that_was_made_before_is_called_unchanged(facts):
    facts["push"]["now"] = False
    assert "unchanged, at /out/serving/17" in text_of(facts)
    assert "not served" not in text_of(facts)
    facts["push"]["instead"] = "/out/serving/99"
    assert "not served: /out/serving/99 is newer; to serve this" in text_of(facts)
    assert "elmo-tfx rollback --output /out --to 17" in text_of(facts)
    facts["push"]["path"] = facts["score_command"] = None
    assert "unchanged; the version that an earlier run pushed is no l" in text_of(facts)


def test_what_an_earlier_run_has_trained_is_told_as_its_own(facts):
    assert "of an earlier run" not in text_of(facts)
    (trainer,) = (node for node in facts["nodes"] if node["node"] == "Trainer")
    trainer["state"] = "unchanged"
    text = text_of(facts)
    assert "Training    of an earlier run:\n" in text
    assert "texts were new" not in text and "vectors of 900 of 900 texts" in text


def test_what_the_gate_let_pass_is_listed(facts):
    facts["anomalies"]["found"] = [
        {"split": "eval", "feature": "label", "short": "Unexpected value"}
    ]
    assert "eval, label: Unexpected value (let pass)" in text_of(facts)


def test_sections_that_do_not_exist_are_left_out(facts):
    for name in ("rows", "training", "evaluation", "tfidf", "push", "anomalies"):
        facts[name] = None
    text = text_of(facts)
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
    facts = copy.deepcopy(FACTS)
    facts["spans"] = {"newest": "2026-11-26", "window": {"2026-11-26": 1000}}
    assert "\nSpan        2026-11-26\nRows " in text_of(facts)
    facts["spans"]["window"]["2026-11-25"] = 1200
    assert (
        "trained and tested on 2026-11-26 (1,000 rows), 2026-11-25 (1,200 rows)"
        in text_of(facts)
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
    ) in text_of(facts)


def test_a_distance_that_could_not_be_measured_is_told_as_such(facts):
    words = {"unknown_words": {"value": None, "threshold": 0.1}}
    facts["drift"] = {"before": ["1"], "distances": words}
    assert "unknown words not measured (at most 0.10)" in text_of(facts)


def test_without_spans_to_compare_with_nothing_is_said_of_drift(facts):
    assert "Drift" not in text_of(facts)


def test_the_summary_file_keeps_every_fact_under_its_name():
    facts = copy.deepcopy(FACTS)
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
    honest, text = text_of(facts), text_of(_forged(facts))
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
    facts = copy.deepcopy(FACTS)
    facts["data"] |= {"held_out": {"test": "/data/test.tsv"}, "group_column": "user"}
    facts["rows"] |= {"given": {"test": 100}, "leaked": 2, "notes": ["unbalanced: x"]}
    corrections = {"path": "a.csv", "applied": 1, "rows": 2, "as_data": 3}
    corrections |= {"not_found": 0, "undecided": 4}
    facts["rows"]["corrections"] = corrections
    text = text_of(facts)
    assert "Held out    eval: a fraction of the training rows, as none" in text
    assert "            test: the 100 rows of /data/test.tsv\n" in text
    assert "            rows with the same `user` are in the same split\n" in text
    assert "            2 rows of eval or test have a text that an earlier" in text
    assert "            unbalanced: x\n" in text
    assert "1 of 4 corrections changed 2 rows; 3 are in the data already; 4" in text
    assert "Held out" not in text_of(FACTS)


def test_the_summary_says_how_sure_the_model_may_be(facts):
    assert "temperature" not in text_of(facts)  # of an earlier version
    training = facts["training"]
    training |= {"temperature": 1.456, "certain": None}
    assert "probabilities calibrated on eval: temperature 1.46\n" in text_of(facts)
    assert "beside ELMo's vectors" not in text_of(facts)
    training["ngram_weight"] = 0.25
    assert "words and pairs count 0.25 times beside ELMo's vectors" in text_of(facts)
    training["certain"] = {"precision": 0.95, "threshold": 0.8766, "coverage": 0.5}
    line = "sure from probability 0.877 on, for a precision of 0.95: 50.0% of the eval"
    assert line in text_of(facts)
    training["certain"] = {"precision": 0.95, "threshold": 2.0, "coverage": 0.0}
    assert "unsure of every text: too little on eval says" in text_of(facts)
