"""The measures of several labels a row, against those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from pipeline.evaluation.multi_label import MultiLabelTally

_RANDOM = np.random.default_rng(4)
_OWN = (_RANDOM.random((200, 3)) < [0.5, 0.2, 0.05]).astype(int)
_SCORES = np.clip(0.5 * _OWN + 0.6 * _RANDOM.random((200, 3)), 0, 1).astype("float32")
_CHOSEN = _SCORES >= [0.6, 0.5, 0.8]


def _tally(rows, unknown=0) -> MultiLabelTally:
    tally = MultiLabelTally(3)
    last = np.full((len(_OWN[rows]), 1), unknown)
    tally.add(np.hstack([_OWN[rows], last]), _SCORES[rows], _CHOSEN[rows])
    return tally


def test_the_measures_of_merged_parts_are_those_of_scikit_learn():
    tally = _tally(slice(0, 70))
    tally.merge(_tally(slice(70, 200)))
    measures = tally.measures()
    assert measures.rows == 200
    assert measures.accuracy == metrics.accuracy_score(_OWN, _CHOSEN)
    assert measures.auc == pytest.approx(metrics.roc_auc_score(_OWN, _SCORES))
    for name in ("macro", "micro"):
        expected = metrics.f1_score(_OWN, _CHOSEN, average=name)
        assert getattr(measures, f"{name}_f1") == pytest.approx(expected)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        _OWN, _CHOSEN
    )
    np.testing.assert_allclose(measures.precision, precision)
    np.testing.assert_allclose(measures.recall, recall)
    np.testing.assert_allclose(measures.f1, f1)
    assert measures.support.tolist() == support.tolist()


def test_a_label_that_the_model_does_not_know_makes_its_row_wrong():
    measures = _tally(slice(None), unknown=1).measures()
    assert (measures.accuracy, measures.unknown_labels) == (0, 200)


def test_a_probability_that_is_no_number_makes_all_undefined():
    tally = _tally(slice(None))
    tally.add([[1, 0, 0, 0]], [[np.nan, 0, 0]], [[True, False, False]])
    measures = tally.measures()
    assert measures.invalid_predictions == 1
    assert np.isnan([measures.accuracy, measures.auc, measures.micro_f1]).all()


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"`labels` must be \(rows, 4\)"):
        MultiLabelTally(3).add([[1, 0, 0]], [[0.1] * 3], [[True] * 3])
