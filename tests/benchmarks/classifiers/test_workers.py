"""The workers that need nothing but the project's own environment."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.classifiers.workers import fasttext, linear, measure, pipeline, tf_idf
from benchmarks.classifiers.workers.measure import Labelled, Lesson
from tests.keras_elmo.tiny import write_model

GOOD, BAD = ["fine", "lovely", "moving"], ["dull", "awful", "tired"]


def make_part(count, seed):
    rng = np.random.default_rng(seed)
    labels = [("bad", "good")[n % 2] for n in range(count)]
    words = [rng.choice(GOOD if label == "good" else BAD) for label in labels]
    return Labelled([f"A {word} film , {rng.integers(9)} ." for word in words], labels)


def make_lesson(**options):
    return Lesson(make_part(80, 0), make_part(20, 1), options)


def test_labels_come_back_in_the_order_of_the_texts():
    texts = ["ccc", "a", "dddd", "bb", ""]
    seen = []

    def classify(given):
        seen.append(given)
        return [text.upper() for text in given]

    assert measure.predictions(classify, texts, 2) == ["CCC", "A", "DDDD", "BB", ""]
    assert seen == [["", "a"], ["bb", "ccc"], ["dddd"]]  # of like length


def test_tf_idf_is_loaded_as_it_was_learnt(tmp_path):
    lesson = make_lesson()
    assert tf_idf.train(lesson, tmp_path)["chosen"].startswith("C ")
    classify, test = tf_idf.load(tmp_path, 1), make_part(40, 2)
    assert classify(test.texts) == test.labels
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npy", ".npz"}


def test_the_strength_that_is_best_on_the_eval_texts_is_taken():
    train = np.array([[1.0], [2.0], [-1.0], [-2.0]]), ["a", "a", "b", "b"]
    model, c = linear.fit_best((0.1, 1.0), train, (train[0], train[1]))
    assert c == 0.1 and model.C == 0.1  # of equal ones the first
    # A weak regularisation follows the one far text, a strong one does not.
    shifted = np.array([[1.0], [1.1], [0.9], [-9.0]]), ["a", "a", "a", "b"]
    scores = {
        c: linear.fit(c, *shifted).score(np.array([[-1.0]]), ["b"])
        for c in (1e-4, 10.0)
    }
    best = linear.fit_best((1e-4, 10.0), shifted, (np.array([[-1.0]]), ["b"]))[1]
    assert scores[best] == max(scores.values())


def test_texts_are_prepared_as_in_the_tutorial_of_fasttext():
    text = " It's fine,\nreally (so they say).\t"
    assert fasttext.cleaned(text) == "it ' s fine , really ( so they say ) ."


def test_the_run_reads_its_splits_from_a_column_and_takes_options(tmp_path):
    options = {"elmo.precision": "bfloat16"}
    command = pipeline.run_command(tmp_path / "a.csv", tmp_path / "out", options)
    assert command[1:4] == ["-m", "pipeline.cli", "run"]
    assert "--set=data.split_column=part" in command
    assert "--set=elmo.precision=bfloat16" in command


def test_training_is_the_time_of_the_trainer():
    nodes = [
        {"node": "Transform", "seconds": 9.0},
        {"node": "Trainer", "seconds": 51.5},
    ]
    assert pipeline.times({"nodes": nodes, "seconds": 77.1}) == {
        "seconds": 51.5,
        "whole_seconds": 77.1,
    }


@pytest.mark.slow
def test_the_curve_of_the_pipeline_learns_each_lesson_for_itself(tmp_path):
    options = {
        "elmo.source": str(write_model(tmp_path / "elmo")),
        "train.epochs": 3,
        "train.learning_rate": 0.1,
    }
    lesson, test = make_lesson(**options), make_part(40, 2)
    other = {"good": "bad", "bad": "good"}
    parts = (lesson.train, lesson.evaluate)
    swapped = [Labelled(x.texts, [other[label] for label in x.labels]) for x in parts]
    answers = pipeline.curve([lesson, Lesson(*swapped, options)], test.texts)
    shares = [
        np.mean([a == b for a, b in zip(each, test.labels, strict=True)])
        for each in answers
    ]
    assert shares[0] > 0.8 and shares[1] < 0.2
