"""Facts of a run, made by hand and small."""

from __future__ import annotations

from pipeline.runs.summary import RunSummary
from pipeline.runs.summary_text import as_text

FACTS = {
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


def text_of(facts: dict) -> str:
    """Returns the summary of a run with these facts, as text."""
    return as_text(RunSummary.model_validate(facts))
