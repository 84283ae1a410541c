"""The report of the review of labels: means of draws, and the two goals."""

from __future__ import annotations

from benchmarks.review import AMONG, REVIEW, TF_IDF, report

RESULTS = {
    "texts": 1000,
    "flipped": 30,
    "precision": {
        REVIEW: [[1, 0.95, 0.9, 0.7, 0.4, 0.3], [1, 0.9, 0.8, 0.74, 0.5, 0.3]],
        TF_IDF: [[0.8, 0.7, 0.6, 0.5, 0.4, 0.3]] * 2,
    },
    "training_seconds": 100.0,
    "review_seconds": 80.4,
    "conditions": {
        "date": "2026-11-28",
        "cpu": "a processor",
        "cores": 2,
        "versions": {"keras": "3"},
    },
}


def test_the_report_has_the_means_and_judges_precision_and_time():
    text = report(RESULTS)
    [row] = [line for line in text.splitlines() if line.startswith(f"| {REVIEW}")]
    assert row.split("|")[2:-1] == [
        f"{share:.1f}".rjust(len(cell) - 1) + " "
        for share, cell in zip(
            (100, 92.5, 85, 72, 45, 30), row.split("|")[2:-1], strict=True
        )
    ]
    assert "of the first 100 are wrong: reached, 72.0%" in text
    assert "one training (100 s): reached, 80 s" in text
    assert "from 70% to 74% wrong ones" in text
    assert AMONG[3] == 100


def test_a_goal_that_is_missed_is_said():
    missed = {**RESULTS, "review_seconds": 120.0}
    missed["precision"] = {REVIEW: [[1.0, 0.9, 0.9, 0.6, 0.4, 0.3]]}
    text = report(missed)
    assert text.count("**not reached**") == 2
