"""The temperature, and from which probability on a model is sure."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scipy.special import expit

from pipeline.training import calibration
from pipeline.training.calibration import (
    LEAST_TEMPERATURE,
    MOST_TEMPERATURE,
    PartLogits,
    calibrated,
    choose_ngram_weight,
    fit_temperature,
    weight_and_temperature,
    with_temperature,
)
from pipeline.training.certainty import NEVER, certain_from
from pipeline.training.model import build_head
from tests.pipeline.tiny_training import MODEL


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("multi_label", [False, True])
def test_logits_that_are_too_large_by_a_factor_are_divided_by_it(factor, multi_label):
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (4000, 3))
    chances = calibrated(logits, 1.0, multi_label=multi_label)
    if multi_label:
        labels = (random.random(chances.shape) < chances).astype(np.uint8)
    else:
        drawn = random.random((len(chances), 1)) > chances.cumsum(axis=1)
        labels = drawn.sum(axis=1).astype(np.int32)
    assert fit_temperature(factor * logits, labels) == pytest.approx(factor, rel=0.08)


@pytest.mark.parametrize("number", [1, 6, 1000])
def test_a_hundred_texts_more_are_as_the_model_believes(number):
    logits = np.tile([[4.0, 0.0], [0.0, 4.0]], (number, 1))[:number]
    labels = np.arange(number) % 2
    temperature = fit_temperature(logits, labels)
    confidence = calibrated(logits, temperature).max()
    believed = 1 / (1 + np.exp(-4))
    right = number + 100 * believed  # all of the given ones
    assert confidence == pytest.approx(right / (number + 100), abs=1e-6)


@pytest.mark.parametrize(
    ("logits", "temperature"),
    [
        ([[0.01, 0.0]] * 50, LEAST_TEMPERATURE),  # right, and hardly sure
        ([[0.0, 5.0]] * 5000, MOST_TEMPERATURE),  # always wrong
        ([[-1e5, 1e5], [1e5, -1e5]], MOST_TEMPERATURE),
    ],
)
def test_the_temperature_stays_within_its_bounds_and_this_is_said(
    logits, temperature, caplog
):
    parts = PartLogits(np.array(logits), None, np.zeros(len(logits), np.int32))
    weight, found = weight_and_temperature(parts, None)
    assert found == pytest.approx(temperature)
    calibration._log(parts, weight, found)
    assert f"at its bound, {temperature:g}" in caplog.text


@pytest.mark.parametrize("logits", [np.ones((3, 3)), 1e6 * np.eye(3)])
def test_logits_of_which_no_temperature_is_better_are_left_as_they_are(logits):
    assert fit_temperature(logits, np.arange(3)) == 1.0


def test_few_texts_do_not_move_a_good_model_far():
    random = np.random.default_rng(0)
    for _ in range(100):
        logits = random.normal(0, 2, (30, 2))
        labels = random.random(30) < calibrated(logits, 1.0)[:, 1]
        assert 0.7 < fit_temperature(logits, labels.astype(int)) < 1.4


def rows(*runs):
    """Returns probabilities and labels, of runs of (number, confidence, is right)."""
    confidence = np.concatenate([np.full(n, c) for n, c, _ in runs])
    is_right = np.concatenate([np.full(n, r) for n, _, r in runs])
    return np.stack([confidence, 1 - confidence], axis=1), 1 - is_right.astype(np.int32)


@pytest.mark.parametrize(
    ("runs", "threshold", "coverage"),
    [
        # ln 0.05 / ln 0.9 = 28.4: it takes 29 right ones in a row.
        ([(29, 0.9, True), (21, 0.6, False)], 0.75, 0.58),
        ([(28, 0.9, True), (22, 0.6, False)], NEVER, 0.0),
        ([(3, 0.99, True), (47, 0.6, False)], NEVER, 0.0),  # lucky ones
        ([(29, 0.9, True)], 0.0, 1.0),  # sure of all
        # Texts of one confidence are on one side.
        ([(29, 0.9, True), (9, 0.9, False), (29, 0.9, True)], NEVER, 0.0),
        # An early error is outweighed: 1 of 46 is evidence of 0.9, 1 of 45 is not.
        ([(1, 0.99, False), (45, 0.9, True), (20, 0.6, False)], 0.75, 46 / 66),
        ([(1, 0.99, False), (44, 0.9, True), (20, 0.6, False)], NEVER, 0.0),
    ],
)
def test_the_model_is_sure_from_where_eval_is_evidence_of_the_precision(
    runs, threshold, coverage, caplog
):
    found = certain_from(*rows(*runs), 0.9)
    assert found.threshold == pytest.approx(threshold)
    assert found.coverage == pytest.approx(coverage)
    assert ("unsure. It takes at least 29 texts" in caplog.text) == (threshold == NEVER)


def test_few_eval_splits_lead_to_too_little_precision_on_other_texts():
    random = np.random.default_rng(0)
    whole = np.sort(1 / (1 + np.exp(-np.abs(random.normal(0, 3, 100_000)))))[::-1]
    precision = whole.cumsum() / np.arange(1, len(whole) + 1)  # from each on
    too_little = 0
    for _ in range(200):
        confidence = random.choice(whole, 500)
        is_right = random.random(500) < confidence
        chances = np.stack([confidence, 1 - confidence], axis=1)
        found = certain_from(chances, 1 - is_right.astype(np.int32), 0.9)
        assert found.coverage > 0.2  # it need not be bought with silence
        sure = int((whole >= found.threshold).sum())
        too_little += precision[sure - 1] < 0.9
    assert too_little <= 20


@pytest.mark.parametrize("multi_label", [False, True])
def test_a_temperature_changes_probabilities_but_no_order_and_no_weight(multi_label):
    head = build_head(
        MODEL, num_classes=3, num_layers=2, dim=4, multi_label=multi_label
    )
    random = np.random.default_rng(0)
    inputs = [
        random.normal(0, 3, (5, 2, 7, 4)).astype("float32"),
        np.ones((5, 7), bool),
        np.ones((5, 13), np.int32),
    ]
    cooled = with_temperature(head, 2.5)
    logits = keras.Model(head.inputs, head.get_layer("probabilities").input)(inputs)
    expected = calibrated(logits.numpy(), 2.5, multi_label=multi_label)
    np.testing.assert_allclose(cooled(inputs), expected, atol=1e-6)
    before, after = np.array(head(inputs)), np.array(cooled(inputs))
    assert (before.argmax(axis=1) == after.argmax(axis=1)).all()
    assert np.abs(before - after).max() > 0.01
    pairs = zip(head.variables, cooled.variables, strict=True)
    assert all(one is other for one, other in pairs)


def test_texts_left_out_say_more_than_a_few_of_eval():
    """The logits of a head that has learnt few texts by heart are far too large."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(2000, 2))
    chances = calibrated(logits, 1.0)[:, 1]
    labels = (random.random(2000) < chances).astype(np.int32)
    few, many = slice(0, 10), slice(10, None)
    parts = PartLogits(3 * logits[few], None, labels[few])
    left_out = PartLogits(3 * logits[many], None, labels[many])
    assert weight_and_temperature(parts, None)[1] < 1.6
    _, found = weight_and_temperature(parts, left_out)
    assert found == pytest.approx(3, rel=0.1)


def two_parts(shares, count=4000):
    """Returns texts whose labels follow a sum of what both parts say, and by what."""
    random = np.random.default_rng(0)
    vectors, ngrams = random.normal(size=(2, count, 2))
    chances = calibrated(shares[0] * vectors + shares[1] * ngrams, 1.0)[:, 1]
    labels = (random.random(count) < chances).astype(np.int32)
    return PartLogits(vectors, ngrams, labels)


@pytest.mark.parametrize(
    ("shares", "weight"), [((2, 2), 1), ((2, 0), 0), ((1, 4), 4), ((4, 1), 0.25)]
)
def test_ngrams_count_as_much_as_they_say(shares, weight):
    parts = two_parts(shares)
    assert choose_ngram_weight(parts) == weight
    found, temperature = weight_and_temperature(parts, None)
    assert found == weight and temperature == pytest.approx(1 / shares[0], rel=0.15)


def test_of_few_texts_they_count_half():
    parts = two_parts((0, 4), count=30)
    assert choose_ngram_weight(parts) == 0.5
    assert choose_ngram_weight(PartLogits(parts.vectors, None, parts.labels)) == 0.5


def test_of_several_labels_every_decision_counts():
    random = np.random.default_rng(0)
    vectors, ngrams = random.normal(size=(2, 2000, 3))
    labels = (random.random((2000, 3)) < expit(vectors + 2 * ngrams)).astype(np.uint8)
    assert choose_ngram_weight(PartLogits(vectors, ngrams, labels)) == 2
