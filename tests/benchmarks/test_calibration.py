"""The calibration benchmark: its figures on made-up logits, its report."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.calibration import (
    calibration_error,
    fold_logits,
    perfect_error,
    report,
)
from benchmarks.quality import measuring
from benchmarks.quality.texts import Fold, tokens_of
from pipeline.training.calibration import calibrated
from tests.benchmarks.quality.test_quality import MODEL, TRAIN, make_texts
from tests.keras_elmo.tiny import write_model

CONDITIONS = {
    "date": "2026-01-31",
    "cpu": "A CPU",
    "cores": 2,
    "versions": {"Keras": "3"},
}


def made_up(number, *, seed, factor):
    """Returns logits that are `factor` times too large, no n-grams, and labels."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (number, 2))
    labels = random.random(number) < calibrated(logits, 1.0)[:, 1]
    return [(factor * logits).tolist(), None, labels.astype(int).tolist()]


@pytest.mark.parametrize(
    ("number", "low", "high"), [(100, 0.05, 0.2), (10_000, 0, 0.02)]
)
def test_chance_alone_makes_an_error_that_falls_with_the_number(number, low, high):
    logits, _, labels = made_up(number, seed=0, factor=1)
    probabilities = calibrated(np.array(logits), 1.0)
    assert low < perfect_error(probabilities) < high
    assert calibration_error(np.array(labels), probabilities) < 1.5 * high


def test_certain_probabilities_leave_nothing_to_chance():
    assert perfect_error(np.array([[1.0, 0.0], [0.0, 1.0]])) == 0


def test_the_report_has_the_errors_the_coverage_and_what_became_of_the_goal():
    folds = [
        {
            split: made_up(3000, seed=seed, factor=4)
            for split, seed in (("eval", fold), ("test", 10 + fold))
        }
        | {"left_out": None}
        for fold in (1, 2)
    ]
    text = report({"logits": {"made up": folds}, "few": {}, "conditions": CONDITIONS})
    cells = [line.split("|")[1:-1] for line in text.splitlines() if "made up" in line]
    cells = [[cell.strip() for cell in row] for row in cells if row]
    name, tested, _, temperature, without, with_it, perfect, _ = cells[0]
    assert (name, tested) == ("made up", "6,000")
    assert float(temperature.split()[0]) == pytest.approx(4, rel=0.1)
    assert float(without) > 0.1 > 0.03 > float(with_it) > 0
    assert 0 < float(perfect) < 0.02
    _, asked, on_eval, on_test, precision, without_threshold = cells[1]
    assert asked == "0.9" and without_threshold == "0 of 2"
    assert float(on_test[:-1]) == pytest.approx(float(on_eval[:-1]), abs=3)
    assert float(precision[:-1]) > 89
    assert "made up, calibration error with the temperature at most 0.02: " in text


@pytest.mark.slow
def test_a_fold_gives_the_logits_of_texts_that_were_not_learnt(tmp_path):
    data = tokens_of(make_texts())
    source = write_model(tmp_path / "elmo")
    cache = measuring.encode(data, str(source), tmp_path / "cache")
    places = np.arange(200)
    fold = Fold(places[:150], places[150:170], places[170:])
    try:
        results = fold_logits(data, fold, cache, MODEL, {**TRAIN, "epochs": 2})
    finally:
        cache.close()
    for split, number in (("eval", 20), ("test", 30)):
        vectors, ngrams, labels = map(np.array, results[split])
        assert vectors.shape == ngrams.shape == (number, 2)
        assert labels.sum() == number / 2
        assert np.abs(vectors).max() > 0.01
    assert len(results["left_out"][2]) == 170
