"""A training on texts with several labels, from Transform to the exported model."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma

from components.serving_check.replay import checks
from pipeline.batch.predicting import Predictor
from pipeline.config import EvaluationConfig
from pipeline.evaluation.tfma_metrics import ClassificationCombiner
from pipeline.evaluation.thresholds import eval_config
from pipeline.training.saved_weights import has_several_labels
from tests.pipeline.tiny_training import (
    TRAIN,
    example,
    fn_args,
    train,
    write_transformed,
)

_TEXTS = [
    ("good", ["praise"]),
    ("bad", ["blame"]),
    ("good film", ["film", "praise"]),
    ("bad film", ["blame", "film"]),
    ("film", ["film"]),
]
# Nobody has `alone` in eval.
_ROWS = {"train": [*_TEXTS * 8, ("solo", ["alone"])], "eval": _TEXTS * 2}


@pytest.fixture(scope="module")
def several(tmp_path_factory, small_elmo):
    folder = tmp_path_factory.mktemp("several")
    data = write_transformed(folder / "data", _ROWS, multi_label=True)
    options = {**TRAIN, "epochs": 12, "patience": 12}
    return train(
        folder, fn_args(data, folder, elmo=small_elmo, train=options), whole=True
    )


@pytest.fixture(scope="module")
def signatures(several):
    return tf.saved_model.load(str(several.folder / "model")).signatures


def test_the_history_has_a_threshold_for_each_label(several):
    history = several.history
    assert history["class_counts"] == {
        "film": 24,
        "praise": 16,
        "blame": 16,
        "alone": 1,
    }
    assert set(history["class_weights"].values()) == {1.0}
    thresholds = history["thresholds"]
    assert list(thresholds) == list(history["class_counts"])
    assert thresholds["alone"] == 0.5
    assert all(0.05 <= value <= 0.95 for value in thresholds.values())
    assert history["epochs"][-1]["eval_accuracy"] > 0.9


def test_each_label_is_chosen_from_its_threshold_on(several, signatures):
    answer = signatures["predict_text"](tf.constant(["bad film", "good", ""]))
    answer = {name: each.numpy() for name, each in answer.items()}
    probabilities, thresholds = answer["probabilities"], answer["thresholds"]
    expected = [list(several.history["thresholds"].values())] * 3
    np.testing.assert_allclose(thresholds, expected, rtol=1e-6)
    assert (answer["chosen"] == (probabilities >= thresholds)).all()
    names = answer["classes"][0]
    assert set(names[answer["chosen"][0]]) == {b"film", b"blame"}
    assert names[answer["chosen"][1]].tolist() == [b"praise"]
    assert answer["label"].tolist() == names[probabilities.argmax(axis=1)].tolist()
    assert probabilities[0].sum() > 1.2  # not a softmax


def test_the_words_are_those_of_the_most_probable_label(several, signatures):
    answer = signatures["explain_text"](tf.constant(["bad", "good"]))
    assert answer["label"].numpy().tolist() == [b"blame", b"praise"]
    assert (answer["weights"].numpy() > 0).all() and "chosen" in answer
    words = several.history["words"]
    # Four texts have both: that one label is more probable does not hide the other.
    for name, word in (("praise", "good"), ("blame", "bad"), ("film", "film")):
        assert words[name][0]["word"] == word and words[name][0]["texts"] >= 4
    assert words["alone"] == []


def test_an_evaluation_gets_all_labels_and_the_decisions(signatures):
    rows = [
        example({"text": "bad film", "label": ["blame", "film"]}),
        example({"text": "good", "label": ["praise", "unheard"]}),
    ]
    examples = tf.constant([row.SerializeToString() for row in rows])
    labels = signatures["transform_features"](examples)["label_id"].numpy()
    outputs = {
        name: each.numpy()
        for name, each in signatures["serving_default"](examples).items()
    }
    assert set(outputs) == {"probabilities", "chosen"}
    assert labels[:, -1].tolist() == [0, 1] and labels.sum(axis=1).tolist() == [2, 2]
    config = eval_config(EvaluationConfig())
    combiner = ClassificationCombiner(eval_config=config)
    tally = None
    for row in range(2):
        inputs = tfma.metrics.StandardMetricInputs(
            labels=labels[row],
            predictions={name: each[row] for name, each in outputs.items()},
            example_weights=None,
        )
        tally = combiner.add_input(tally, inputs)
    values = {key.name: value for key, value in combiner.extract_output(tally).items()}
    assert values["example_count"] == 2 and values["unknown_labels"] == 1
    assert values["accuracy"] == 0.5 and values["micro_f1"] == 1


def test_the_serving_check_accepts_it(several):
    replay = checks.Replay(str(several.folder / "model"), "text", None)
    replay.load()
    replay.ask_both([b"bad film", b""])


def test_a_row_of_predict_has_the_list_of_its_labels(several):
    predictor = Predictor.inspect(str(several.folder / "model"), None)
    assert list(predictor.fields)[:2] == ["predicted_labels", "predicted_label"]
    [row] = predictor.load()(["bad film"])
    assert sorted(row["predicted_labels"]) == ["blame", "film"]
    counts = predictor.tally([row, {**row, "predicted_labels": []}])
    assert counts == {"label blame": 1, "label film": 1, "label (none)": 1, "cut": 0}


def test_it_is_told_from_a_model_that_gives_one_label(several, trained):
    assert has_several_labels(str(several.folder / "model"))
    assert not has_several_labels(str(trained.folder / "model"))
    facts = several.folder / "warm_start" / "facts.json"
    assert json.loads(facts.read_text())["model"]["multi_label"]


def test_a_label_in_eval_that_no_training_text_has_is_refused(tmp_path, small_elmo):
    rows = {**_ROWS, "eval": [("good", ["praise", "unheard"])]}
    data = write_transformed(tmp_path / "data", rows, multi_label=True)
    with pytest.raises(ValueError, match="1 examples with other labels in the 'eval'"):
        train(tmp_path, fn_args(data, tmp_path, elmo=small_elmo))
