"""Summaries of runs, made by hand: plausible figures that fit together."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from pipeline.runs.summary import RunSummary
from tests.pipeline.report.evaluations import doubted_row, evaluation, measures

_POSITIVE = "a warm , funny and beautifully acted film that never loses its nerve"
_NEGATIVE = "dull , slow and far too long , with a plot nobody could follow"


def run_facts(**changes: Any) -> dict[str, Any]:
    """Returns the facts of a run with two classes; `changes` replace whole parts."""
    facts = {
        "output": "/data/out",
        "log": "/data/out/logs/2026-11-28T03-00-00.log",
        "data": {
            "pattern": "/data/reviews/*.csv",
            "source": None,
            "layouts": {"csv, windows-1252, `;`, header": 3},
        },
        "spans": None,
        "rows": rows({"positive": 5331, "negative": 5274}),
        "drift": None,
        "anomalies": {"verdict": "clear", "found": []},
        "training": training(["positive", "negative"]),
        "evaluation": evaluation(["positive", "negative"], 1063, 0.913),
        "tfidf": {
            "metrics": measures(0.771),
            "notes": [],
            "seconds": 1.4,
            "lengths": {"train": (1, 6, 19, 40, 59), "test": (2, 6, 20, 39, 51)},
        },
        "serving_check": {
            "blessed": True,
            "reasons": [],
            "facts": {
                "load_seconds": 2.77,
                "median_latency_seconds": 0.032,
                "peak_memory_bytes": 673177600,
            },
        },
        "push": {
            "pushed": True,
            "path": "/data/out/serving/1795852985",
            "now": True,
            "before": "/data/out/serving/1795766585",
        },
        "doubted": [doubted_row(n) for n in range(30)],
        "length_limits": {"short": (0, 14), "medium": (15, 26), "long": (27, None)},
        "nodes": [
            {"node": node, "state": "done", "seconds": seconds}
            for node, seconds in (
                ("TextExampleGen", 4.2), ("StatisticsGen", 3.1), ("SchemaGen", 0.1),
                ("ExampleValidator", 0.1), ("AnomalyGate", 0.1), ("Transform", 9.4),
                ("Trainer", 61.5), ("ServingCheck", 8.2), ("Evaluator", 12.6),
                ("Pusher", 0.1),
            )
        ],
        "score_command": "elmo-tfx score --model out/serving/1795852985 "
        '"Type a text here."',
        "report": "/data/out/report.html",
        "model_bytes": 61_204_480,
        "versions": {"python": "3.10.13", "tfx": "1.16.0", "tensorflow": "2.16.2"},
        "options": {
            "output": "/data/out",
            "data.pattern": "/data/reviews/*.csv",
            "data.text_column": ["title", "review"],
            "evaluation.precision": 0.95,
        },
    }  # fmt: skip
    return facts | changes


def summary(**changes: Any) -> RunSummary:
    """Returns `run_facts` as a summary."""
    return RunSummary.model_validate(run_facts(**changes))


def rows(labels: dict[str, int], **changes: Any) -> dict[str, Any]:
    """Returns the facts of rows with so many used ones of each label."""
    used = sum(labels.values())
    shares = {"train": 0.8, "eval": 0.1, "test": 0.1}
    source = "/data/reviews/2026-11.csv"
    return {
        "read": used + 12,
        "used": used,
        "rejected": 12,
        "reasons": {"no_text": 7, "too_many_fields": 4, "no_label": 1},
        "examples": [
            {
                "source": source,
                "position": 395 + number,
                "reason": reason,
                "detail": detail,
                "text": text,
            }
            for number, (reason, detail, text) in enumerate(
                [
                    ("no_label", "`sentiment` is empty", "A film without a label;;en"),
                    ("no_text", "`review` is empty", ";positive;en"),
                    ("no_text", "`review` is empty", " ;positive;en"),
                    (
                        "too_many_fields",
                        "4 fields, not 3",
                        "Fine; but long;negative;en",
                    ),
                ]
            )
        ],
        "duplicates": 4,
        "rejected_folder": "/data/out/pipeline/TextExampleGen/examples/1/rejected",
        "labels": {
            split: {label: int(n * share) for label, n in labels.items()}
            for split, share in shares.items()
        },
        "cleaned": {"label_invisible": 8},
        "cleaned_labels": {next(iter(labels)): {f"{next(iter(labels))}\u200b": 8}},
    } | changes


def training(names: Sequence[str]) -> dict[str, Any]:
    """Returns the facts of a training of seven epochs, of which the fourth is best."""
    chance = random.Random(2)
    vocabulary = (_POSITIVE + " " + _NEGATIVE).replace(" ,", "").split()
    return {
        "epochs": [
            {
                "epoch": n,
                "steps": 265 * n,
                "train_loss": 0.18 + 0.5 * math.exp(-n / 2),
                "train_accuracy": 0.96 - 0.2 * math.exp(-n / 2),
                "eval_loss": 0.235 + 0.011 * (n - 4) ** 2,
                "eval_accuracy": 0.908 - 0.004 * (n - 4) ** 2,
                "seconds": 40.1 if n == 1 else 3.6,
            }
            for n in range(1, 8)
        ],
        "best_epoch": 4,
        "steps": 7 * 265,
        "ended_by": "patience",
        "stopped_early": True,
        "resumed_after": 0,
        "warm_start": None,
        "embedding_cache": {
            "bytes": 412 << 20,
            "bound_bytes": 4 << 30,
            "examples": 9545,
            "cached_examples": 9545,
            "encoded_examples": 9545,
            "first_epoch_seconds": 40.1,
            "later_epoch_seconds": 3.6,
        },
        "class_counts": dict.fromkeys(names, 4000),
        "temperature": 1.31,
        "ngram_weight": 0.5,
        "words": {
            name: [
                {"word": word, "weight": 2.2 - 0.15 * n, "texts": chance.randint(3, 90)}
                for n, word in enumerate(chance.sample(vocabulary, 10))
            ]
            for name in names
        },
        "doubts": {"texts": 9545, "found": []},
        "certain": {"precision": 0.95, "threshold": 0.842, "coverage": 0.871},
    }


def thirty_classes() -> RunSummary:
    """Returns a run with thirty classes, whose curves and matrix do not fit."""
    names = [f"topic {n:02}" for n in range(1, 31)]
    return summary(
        rows=rows({name: 4000 // (n + 3) for n, name in enumerate(names)}),
        training=training(names),
        evaluation=evaluation(names, 3000, 0.84),
    )


def refused() -> RunSummary:
    """Returns a run whose model is worse than the last one."""
    line = "accuracy is 0.031 lower than that of the last blessed model: at most " \
        "0.01 is allowed"  # fmt: skip
    return summary(
        evaluation=evaluation(
            ["positive", "negative"],
            1063,
            0.862,
            baseline=measures(0.893),
            change={
                "gained": 11,
                "lost": 44,
                "both": 905,
                "neither": 102,
                "interval": (-0.045, -0.017),
            },
            ok=False,
            blessed=False,
            failures=[line],
            thresholds=[
                {
                    "measure": "accuracy",
                    "kind": "change",
                    "bound": -0.01,
                    "value": -0.031,
                    "ok": False,
                }
            ],
        ),
        push={"pushed": False, "path": None, "now": False},
        score_command=None,
    )


def several_labels() -> RunSummary:
    """Returns a run in which a row may have several labels."""
    names = ["sport", "politics", "science", "culture", "money"]
    facts = evaluation(names, 900, 0.71, confused=[], bins=[])
    for part in (facts["metrics"], facts["baseline"]):
        part["micro_f1"] = 0.83
    facts["wrong"] = [
        {
            **row,
            "labels": names[n % 3 : n % 3 + 2],
            "predicted": names[n % 4 : n % 4 + 1],
        }
        for n, row in enumerate(facts["wrong"])
    ]
    labels = rows(dict.fromkeys(names, 1800))
    trained = training(names) | {"doubts": None}
    return summary(rows=labels, training=trained, evaluation=facts, doubted=[])


def of_span(number: int) -> RunSummary:
    """Returns the run of a span: one of a series in which the label drifts."""
    drift = {
        "label": {
            "measure": "L_INFTY",
            "value": 0.01 + 0.002 * (number % 5) + (0.07 if number == 12 else 0),
            "threshold": 0.05,
        },
        "length": {"value": 0.02 + 0.001 * (number % 4), "threshold": 0.1},
        "unknown_words": {"value": 0.05 + 0.004 * number, "threshold": 0.2},
        "unknown_characters": {"value": 0.001, "threshold": None},
    }
    slices = [
        {"name": f"language={language}", **measures(share), "rows": n}
        for language, share, n in (
            ("en", 0.93, 700),
            ("de", 0.85, 210),
            ("fr", 0.81, 90),
        )
    ]
    accuracy = 0.88 + 0.003 * number - (0.03 if number == 7 else 0)
    facts = run_facts(
        spans={
            "newest": f"{number:03}",
            "window": {f"{number - 1:03}": 9000, f"{number:03}": 9400},
        },
        drift={"before": [f"{number - 1:03}"], "distances": drift}
        if number > 1
        else None,
        evaluation=evaluation(["positive", "negative"], 1000, accuracy, slices=slices),
    )
    facts["began"] = f"2026-11-{number:02}T03:00:00.1Z"
    facts["run_id"] = f"2026-11-{number:02}T03:00:00.100000"
    facts["seconds"] = 108.2
    # That of span 1 is what `run_facts` names as the one before.
    facts["push"] |= {
        "path": f"/data/out/serving/{1795766584 + number}",
        "before": f"/data/out/serving/{1795766583 + number - (number == 8)}",
    }
    if number == 7:
        facts["push"] = {"pushed": False, "path": None, "now": False}
    return RunSummary.model_validate(facts)


HOSTILE = (
    "<script>hit = 1</script><img src=x onerror='hit = 1'>\"'`$x_1$ &amp; {{ 7 * 7 }}"
)


def hostile(text: str = HOSTILE) -> RunSummary:
    """Returns a run whose data, names and options are all of one text."""
    names = [text, f"{text} 2", f"{text} 3"]
    facts = evaluation(names, 900, 0.8)
    facts["slices"] = [{**measures(0.8), "name": f"{text}={text}", "rows": 9}]
    facts["notes"] = facts["failures"] = [text]
    facts["blessed"] = False
    for row in facts["wrong"]:
        row |= {"text": text, "source": f"/data/{text}.csv"}
        row["words"] = [{"token": part, "weight": 1.0} for part in text.split(" ")[:9]]
    of_rows = rows(dict.fromkeys(names, 900), left_out_files=[text], notes=[text])
    of_rows["reasons"] = {text: 12}
    example = {"source": text, "position": 1, "reason": text, "detail": text}
    of_rows["examples"] = [example | {"text": text}]
    distance = {"measure": text, "value": 0.1, "threshold": 0.05}
    doubted = {"text": text, "label": text, "suggested": text, "source": text}
    return summary(
        output=f"/data/{text}",
        doubted=[doubted_row(1, **doubted)],
        data={"pattern": text, "source": text, "layouts": {text: 1}},
        spans={"newest": text, "window": {text: 1, f"{text} 2": 2}},
        rows=of_rows,
        drift={"before": [text], "distances": {text: distance}},
        anomalies={
            "verdict": "clear",
            "found": [{"split": text, "feature": text, "short": text}],
        },
        training=training(names),
        evaluation=facts,
        tfidf={"metrics": measures(0.7), "notes": [text], "seconds": 1.0},
        push={"pushed": False, "path": None, "now": False},
        nodes=[{"node": text, "state": text, "seconds": 1.0}],
        score_command=text,
        versions={text: text},
        options={text: [text]},
        run_id=text,
    )


def many_classes() -> RunSummary:
    """Returns the largest page there is: 300 classes, and long texts all of words."""
    names = [f"a class with quite a long name, number {n}" for n in range(300)]
    facts = evaluation(names, 30_000, 0.84)
    word = "extraordinary"
    for row in facts["wrong"]:
        row["text"] = " ".join([word] * 71)
        row["words"] = [
            {"token": word, "weight": (-1) ** n * (0.5 + n / 140)} for n in range(71)
        ]
    return summary(
        rows=rows(dict.fromkeys(names, 100)),
        training=training(names),
        evaluation=facts,
    )
