"""The deletion benchmark: its methods on a tiny head, and its report."""

from __future__ import annotations

import numpy as np

from benchmarks.explanations.command import DELETED, RANDOM, TF_IDF, _deletion, report
from benchmarks.explanations.methods import (
    CHOSEN,
    baseline,
    leave_one_out,
    without,
)
from benchmarks.quality.texts import Texts, tokens_of

TOKENS = np.array(
    [[b"so", b"good", b"a", b"film", b"is"], [b"bad", b"it", b"is", b"", b""]], object
)


def predict(tokens):
    """Returns 0.9 for the class of the one word that tells them apart, else 0.5."""
    is_good, is_bad = (tokens == b"good").any(axis=1), (tokens == b"bad").any(axis=1)
    good = 0.5 + 0.4 * is_good - 0.4 * is_bad
    return np.stack([1 - good, good], axis=1)


def test_leaving_a_word_out_finds_the_one_that_decides():
    weights = leave_one_out(predict)(TOKENS)
    assert weights.argmax(axis=1).tolist() == [1, 0]
    assert np.count_nonzero(weights) == 2


def test_tf_idf_names_words_for_the_class_that_was_predicted():
    texts = ["so good", "good film", "bad film", "it is bad"] * 3
    data = tokens_of(Texts("toy", texts, np.array([1, 1, 0, 0] * 3, np.int32)))
    weigh = baseline(data, np.arange(12), lambda tokens: predict(tokens).argmax(axis=1))
    weights = weigh(TOKENS)
    assert weights.argmax(axis=1).tolist() == [1, 0]
    assert (weights[TOKENS == b""] == 0).all()


def test_deleted_words_leave_the_others_in_their_order():
    assert without(TOKENS[0], [3, 0]).tolist() == [b"good", b"a", b"is", b"", b""]


def test_deleting_the_word_that_decides_takes_all_its_probability():
    right = _deletion(predict, TOKENS, leave_one_out(predict)(TOKENS))
    np.testing.assert_allclose(right["falls"], [0.4] * len(DELETED))
    wrong = _deletion(predict, TOKENS, -leave_one_out(predict)(TOKENS))
    assert wrong["falls"][0] == 0 and wrong["changes"][0] == 0


def test_the_report_judges_against_random_words_and_tf_idf():
    def found(fall):
        return {
            "seconds": 1.0,
            "falls": [fall] * 4,
            "errors": [0.01] * 4,
            "changes": [0.5] * 4,
        }

    text = report(
        {
            "methods": {CHOSEN: found(0.3), TF_IDF: found(0.4), RANDOM: found(0.1)},
            "learnt": 1,
            "texts": 2,
            "accuracy": 0.5,
            "conditions": {"date": "x", "cpu": "y", "cores": 2, "versions": {}},
        }
    )
    assert "integrated gradients (chosen)" in text and "30.0 ± 1.0" in text
    assert "than with random words (10.0): reached, 30.0" in text
    assert "regression (40.0): **not reached**, 30.0" in text
