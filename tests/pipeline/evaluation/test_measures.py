from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sklearn_metrics

from pipeline.evaluation import score_table
from pipeline.evaluation.measures import (
    ClassificationTally,
    change_interval,
    wilson_interval,
)


def _random_rows(seed: int, num_rows: int, num_classes: int, sharpness: float):
    """Labels (rows,) of all classes, float32 probabilities that lean to them."""
    random = np.random.default_rng(seed)
    labels = np.concatenate(
        [np.arange(num_classes), random.integers(0, num_classes, num_rows)]
    )
    logits = random.normal(size=(len(labels), num_classes)) * sharpness
    logits[np.arange(len(labels)), labels] += sharpness
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return labels, (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def _tally(labels, probabilities) -> ClassificationTally:
    tally = ClassificationTally(np.shape(probabilities)[1])
    tally.add(labels, probabilities)
    return tally


def _calibration_error(labels, probabilities) -> float:
    """The textbook definition, bin by bin."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    hit = probabilities.argmax(axis=1) == labels
    total = 0.0
    for i in range(15):
        upper = np.inf if i == 14 else (i + 1) / 15
        inside = (confidence >= i / 15) & (confidence < upper)
        if inside.any():
            gap = abs(hit[inside].mean() - confidence[inside].mean())
            total += inside.mean() * gap
    return total


rows = st.builds(
    _random_rows,
    st.integers(0, 2**31),
    st.integers(1, 400),
    st.integers(2, 9),
    st.sampled_from([0.3, 2.0, 12.0]),  # from unsure to all but certain
)


@settings(max_examples=60, deadline=None)
@given(rows)
def test_measures_are_those_of_scikit_learn(drawn):
    labels, probabilities = drawn
    result = _tally(labels, probabilities).measures()
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        labels, predicted, labels=range(probabilities.shape[1]), zero_division=np.nan
    )
    assert result.rows == len(labels)
    assert result.accuracy == sklearn_metrics.accuracy_score(labels, predicted)
    np.testing.assert_allclose(result.macro_f1, f1.mean(), rtol=1e-12)
    np.testing.assert_allclose(result.precision, precision, rtol=1e-12)
    np.testing.assert_allclose(result.recall, recall, rtol=1e-12)
    np.testing.assert_allclose(result.f1, f1, rtol=1e-12)
    np.testing.assert_array_equal(result.support, support)
    np.testing.assert_allclose(
        result.calibration_error,
        _calibration_error(labels, probabilities),
        atol=1e-9,
    )
    areas = [  # one class against the rest, as roc_auc_score(multi_class="ovr")
        sklearn_metrics.roc_auc_score(labels == i, probabilities[:, i])
        for i in range(probabilities.shape[1])
    ]
    np.testing.assert_allclose(result.auc, np.mean(areas), rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(rows, st.lists(st.integers(0, 2**16), max_size=5), st.randoms())
def test_parts_merge_into_the_whole_in_any_order(drawn, cuts, random):
    labels, probabilities = drawn
    whole = _tally(labels, probabilities).measures()
    places = sorted(cut % len(labels) for cut in cuts)
    parts = [
        pickle.loads(pickle.dumps(_tally(*part)))
        for part in zip(
            np.split(labels, places), np.split(probabilities, places), strict=True
        )
    ]
    while len(parts) > 1:  # merge two at random: ((a+b)+c), (a+(b+c)) and all others
        random.shuffle(parts)
        parts[-2].merge(parts[-1])
        parts.pop()
    merged = parts[0].measures()
    for name, value in vars(whole).items():
        np.testing.assert_allclose(getattr(merged, name), value, rtol=1e-12)


def test_a_score_table_that_is_full_gives_areas_close_to_the_exact_ones(monkeypatch):
    monkeypatch.setattr(score_table, "_MAX_ENTRIES", 5_000)
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 40_000)
    sure = 1 / (1 + np.exp(-random.normal(labels * 1.5 - 9, 1.0)))  # all near 1e-4
    probabilities = np.stack([1 - sure, sure], axis=1).astype(np.float32)
    parts = [
        _tally(labels[i::4], probabilities[i::4]) for i in range(4)
    ]  # of 20,000 scores each
    for part in parts[1:]:
        parts[0].merge(part)
    exact = sklearn_metrics.roc_auc_score(labels, probabilities[:, 1])
    assert parts[0].measures().auc != exact
    assert abs(parts[0].measures().auc - exact) < 1e-5
    assert len(pickle.dumps(parts[0])) < 2 * 8 * 5_000 + 4_000


def test_full_score_tables_merge_the_same_in_any_order(monkeypatch):
    monkeypatch.setattr(score_table, "_MAX_ENTRIES", 2_000)
    labels, probabilities = _random_rows(3, 6_000, 4, 2.0)
    sizes = [0, 300, 400, 3_000, 5_000, len(labels)]  # with some that are not full
    parts = [slice(*ends) for ends in zip(sizes, sizes[1:], strict=False)]
    areas = []
    for order in (parts, parts[::-1], parts[2:] + parts[:2]):
        tally = ClassificationTally(4)
        for part in order:
            tally.merge(_tally(labels[part], probabilities[part]))
        areas.append(tally.measures().auc)
    areas.append(_tally(labels, probabilities).measures().auc)
    np.testing.assert_allclose(areas, areas[0], rtol=1e-12)


def test_a_case_worked_out_by_hand():
    result = _tally(
        [0, 0, 1, 1], [[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.5, 0.5]]
    ).measures()
    assert result.accuracy == 0.5  # rows 1 and 3; a tie goes to the first class
    # Pairs of a row of class 1 with one of class 0: .7>.1, .7>.6, .5>.1, .5<.6
    assert result.auc == 0.75
    assert result.macro_f1 == 0.5
    np.testing.assert_array_equal(result.precision, [0.5, 0.5])
    # Bins of .9 (right), .6 (wrong), .7 (right), .5 (wrong)
    np.testing.assert_allclose(
        result.calibration_error, (0.1 + 0.6 + 0.3 + 0.5) / 4, atol=1e-7
    )


def test_a_label_that_the_model_does_not_know_counts_as_wrong():
    result = _tally([0, 1, -1, 2], [[0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [0.9, 0.1]])
    assert result.measures().unknown_labels == 2
    assert result.measures().accuracy == 0.5
    np.testing.assert_array_equal(result.measures().support, [1, 1])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_prediction_that_is_no_number_makes_every_measure_undefined(bad):
    result = _tally([0, 1, 1], [[0.9, 0.1], [0.1, 0.9], [bad, 0.5]]).measures()
    assert (result.rows, result.invalid_predictions) == (3, 1)
    for name in ("accuracy", "auc", "macro_f1", "calibration_error"):
        assert np.isnan(getattr(result, name))


def test_a_part_with_one_class_only_has_no_area_but_an_accuracy():
    result = _tally([1, 1], [[0.2, 0.8], [0.6, 0.4]]).measures()
    assert np.isnan(result.auc)
    assert result.accuracy == 0.5
    assert np.isnan(result.recall[0])


def test_no_rows_give_no_measures():
    result = ClassificationTally(3).measures()
    assert result.rows == 0
    assert np.isnan(result.accuracy)
    assert np.isnan(result.calibration_error)


@pytest.mark.parametrize(("hits", "rows"), [(81, 263), (0, 20), (20, 20), (1, 1)])
def test_the_interval_of_a_share_is_wilsons(hits, rows):
    exact = stats.binomtest(hits, rows).proportion_ci(method="wilson")
    assert wilson_interval(hits, rows) == pytest.approx(tuple(exact), abs=1e-12)
    assert wilson_interval(0, 0) is None


def test_a_model_with_one_output_is_refused():
    with pytest.raises(ValueError, match=r"`num_classes` must be at least 2.*\n.*hint"):
        ClassificationTally(1)


def test_rows_of_another_width_are_refused():
    tally = ClassificationTally(3)
    with pytest.raises(
        ValueError, match=r"\(rows, 3\)\. Received: \(1,\) and \(1, 2\)"
    ):
        tally.add([0], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="for 3 classes"):
        tally.merge(ClassificationTally(2))


def test_the_interval_of_a_change_is_that_of_matched_rows():
    # Agresti & Min 2005: 95 % Wald interval with 0.5 added to each of four counts.
    low, high = change_interval(30, 12, 398)
    assert low == pytest.approx(0.045 - 1.959964 * 0.016238, abs=1e-5)
    assert high == pytest.approx(0.045 + 1.959964 * 0.016238, abs=1e-5)
    assert change_interval(0, 0, 0) is None
    low, high = change_interval(0, 0, 50)
    assert low == -high < 0  # no row moved, and the next ones may


@pytest.mark.parametrize(("gain", "loss"), [(0.05, 0.05), (0.1, 0.04)])
def test_the_interval_of_a_change_holds_it_in_19_of_20_samples(gain, loss):
    random = np.random.default_rng(1)
    rows, draws = 400, 4000
    chances = [gain, loss, 1 - gain - loss]
    held = 0
    for gained, lost, _ in random.multinomial(rows, chances, draws):
        low, high = change_interval(gained, lost, rows)
        held += low <= gain - loss <= high
    assert held / draws == pytest.approx(0.95, abs=0.015)
