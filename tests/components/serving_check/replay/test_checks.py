"""The checks on small models in this process, and the judgement of single answers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

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
    good = _answer([[0.25, 0.75], [1.0, 0.0]])
    checks.check_probabilities("s", good)
    checks.check_probabilities("s", {**good, "unsure": np.array([True, False])})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"scores": np.zeros(1)}, "no `probabilities` among"),
        (_answer([0.5, 0.5]), r"is float32 \(2,\)"),
        (_answer([[0.5, 0.5]], np.float64), "is float64"),
        (_answer([[np.nan, 1.0]]), "not finite"),
        (_answer([[-0.2, 0.6, 0.6]]), "from -0.2"),
        (_answer([[0.0, 1.5]]), "to 1.5"),
        (_answer([[0.5, 0.51]]), "0.01 away from the sum 1"),
        (
            {**_answer([[0.5, 0.5]]), "unsure": np.array([[True]])},
            r"`unsure` is bool \(1, 1\)",
        ),
        (
            {**_answer([[0.5, 0.5]]), "unsure": np.array([1])},
            r"`unsure` is int64 \(1,\)",
        ),
    ],
)
def test_bad_probabilities_are_named(answer, message):
    with pytest.raises(checks.ModelFault, match=f"`s`: .*{message}"):
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


def _faults(folder: str) -> dict[str, str]:
    replay = checks.Replay(folder, "text", None)
    return {name: replay.run(name)["fault"] for name in replay.names()}


def test_answers_that_depend_on_the_batch_and_a_missing_signature_are_both_reported(
    tiny_model, export_model, tmp_path
):
    class Mixes(tiny_model):
        def probabilities(self, text):
            own = super().probabilities(text)
            return 0.9 * own + 0.1 * tf.reduce_mean(own, axis=0, keepdims=True)

    folder = export_model(Mixes(), tmp_path / "model", without="transform_features")
    faults = _faults(folder)
    assert faults["signatures"].startswith("signatures missing: transform_features")
    assert "no signature `transform_features`" in faults["replay_requests"]
    assert "alone and in a batch: `probabilities` differs by" in faults["batches"]
    assert faults["edge_texts"] is None


def test_nan_for_an_empty_text_and_absent_serving_requests_are_both_reported(
    tiny_model, export_model, tmp_path
):
    class DividesByZero(tiny_model):
        def probabilities(self, text):
            size = tf.cast(tf.strings.length(text), tf.float32)
            return super().probabilities(text) * (size / size)[:, None]

    folder = export_model(DividesByZero(), tmp_path / "model", requests=False)
    faults = _faults(folder)
    assert "no assets.extra/tf_serving_warmup_requests" in faults["replay_requests"]
    assert faults["edge_texts"] == (
        "empty string: `predict_text`: probabilities are not finite"
    )


def test_a_folder_without_a_model_is_a_fault_and_ends_the_checks(tmp_path):
    ((name, fault),) = _faults(str(tmp_path)).items()
    assert name == "load"
    assert "the model cannot be loaded" in fault


def test_several_labels_need_no_sum_but_thresholds_that_are_kept():
    answer = {
        **_labelled(b"yes"),
        **_answer([[0.7, 0.8]]),
        "chosen": np.array([[False, True]]),
        "thresholds": np.array([[0.75, 0.75]], np.float32),
    }
    checks.check_probabilities("s", answer)
    checks.check_labels(answer)
    wrong = {**answer, "chosen": np.array([[True, True]])}
    with pytest.raises(checks.ModelFault, match="`chosen` is not where"):
        checks.check_labels(wrong)
    with pytest.raises(checks.ModelFault, match="no `thresholds`"):
        checks.check_labels({k: v for k, v in answer.items() if k != "thresholds"})
