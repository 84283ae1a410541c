from __future__ import annotations

import numpy as np
import pytest

from components.serving_check.replay import checks


def _answer(rows, dtype=np.float32) -> dict[str, np.ndarray]:
    return {"probabilities": np.asarray(rows, dtype)}


def _labelled(label: bytes) -> dict[str, np.ndarray]:
    return {
        **_answer([[0.2, 0.8]]),
        "label": np.array([label], object),
        "classes": np.array([[b"no", b"yes"]], object),
    }


def test_good_probabilities_pass():
    checks.check_probabilities("s", _answer([[0.25, 0.75], [1.0, 0.0]]))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"scores": np.zeros(1)}, "no `probabilities` among"),
        (_answer([0.5, 0.5]), r"is float32 \(2,\)"),
        (_answer([[0.5, 0.5]], np.float64), "is float64"),
        (_answer([[np.nan, 1.0]]), "not finite"),
        (_answer([[-0.2, 0.6, 0.6]]), "from -0.2"),
        (_answer([[0.0, 1.5]]), "to 1.5"),
        (_answer([[0.5, 0.51]]), "0.01 away from the sum 1"),
    ],
)
def test_bad_probabilities_are_named(answer, told):
    with pytest.raises(checks.ModelFault, match=f"`s`: .*{told}"):
        checks.check_probabilities("s", answer)


def test_the_likeliest_label_passes():
    checks.check_labels(_labelled(b"yes"))


def test_a_label_that_is_not_the_likeliest_is_named():
    with pytest.raises(checks.ModelFault, match="b'no' is not the likeliest"):
        checks.check_labels(_labelled(b"no"))


def test_either_label_of_a_tie_passes():
    tie = {**_labelled(b"no"), **_answer([[0.5, 0.5]])}
    checks.check_labels(tie)


def test_answers_without_class_names_are_refused():
    with pytest.raises(checks.ModelFault, match=r"no \['classes', 'label'\]"):
        checks.check_labels(_answer([[0.5, 0.5]]))


def test_floats_may_differ_within_the_tolerance_only():
    one, other = _answer([[0.5, 0.5]]), _answer([[0.50005, 0.49995]])
    checks.compare(one, other, 1e-4, "two")
    with pytest.raises(checks.ModelFault, match="two: `probabilities` differs by 5e"):
        checks.compare(one, other, 1e-5, "two")


def test_nan_equals_nothing():
    with pytest.raises(checks.ModelFault, match="differs by nan"):
        checks.compare(_answer([[np.nan]]), _answer([[np.nan]]), 1e-4, "two")


def test_strings_must_be_equal():
    with pytest.raises(checks.ModelFault, match="`label` differs"):
        checks.compare(_labelled(b"no"), _labelled(b"yes"), 1e-4, "two")
