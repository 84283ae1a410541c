"""How a head learns: its epochs, its rates, its loss, its branches."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.training.learning import (
    BranchesAccuracy,
    MeanOfBranches,
    compile_model,
    epochs_to_try,
    with_epochs,
)
from pipeline.training.model import build_head, head_inputs, trained_form
from pipeline.training.pretrained_branch import (
    PRETRAINED_UNITS,
    WEIGHTS_FILE,
    pretrained_weights,
    reads_vectors_of,
)
from tests.pipeline.tiny_training import MODEL, TRAIN

WITH_BRANCH = {**MODEL, "hidden_units": 4, "pretrained_branch": True}
LOGITS = np.array([[[2, 0], [0, 1]], [[0, 3], [1, 0]]], np.float32)  # (2, 2, 2)


def head_with_branch(**options):
    sizes = {"num_classes": 2, "num_layers": 3, "dim": 512}
    return build_head({**WITH_BRANCH, **options}, **sizes)


@pytest.mark.parametrize(
    ("texts", "epochs"), [(4, 30), (300, 10), (1000, 5), (8400, 5), (100_000, 5)]
)
def test_few_texts_are_read_more_often(texts, epochs):
    train = {**TRAIN, "epochs": "auto", "batch_size": 32}
    assert with_epochs(train, texts)["epochs"] == epochs
    assert with_epochs({**train, "epochs": 7}, texts)["epochs"] == 7


@pytest.mark.parametrize(("max_steps", "steps"), [(None, 12), (5, 5)])
def test_the_rate_falls_in_a_line_over_all_steps(max_steps, steps):
    model = trained_form(head_with_branch(ngram_rows=0))
    train = {**TRAIN, "epochs": 3, "learning_rate": 0.1, "max_steps": max_steps}
    compile_model(model, {**train, "batch_size": 8}, texts=30)
    rate = model.optimizer._learning_rate  # the schedule
    assert [float(rate(step)) for step in (0, steps / 2, steps)] == pytest.approx(
        [0.1, 0.051, 0.002]
    )


def test_slow_variables_learn_at_their_own_rate():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), Branch()])
    kernel, bias = model.trainable_variables
    compile_model(
        model,
        {**TRAIN, "epochs": 1, "learning_rate": 0.1, "batch_size": 1},
        texts=1000,
        slow=[bias],
        slow_rate=0.001,
    )
    before = [kernel.numpy(), bias.numpy()]
    model.train_on_batch(np.ones((1, 2), np.float32), np.array([1]))
    # The first step of Adam is as long as the rate.
    moved = [np.abs(kernel - before[0]).max(), np.abs(bias - before[1]).max()]
    assert moved == pytest.approx([0.1, 0.001], rel=1e-2)


class Branch(keras.layers.Layer):
    """Makes logits those of a single branch."""

    def call(self, logits):
        return logits[:, None]


def test_the_loss_is_the_mean_of_each_branch_by_itself():
    labels = np.array([0, 1])
    found = MeanOfBranches().call(labels, LOGITS)
    of_each = -tf.math.log_softmax(LOGITS).numpy()
    expected = [of_each[0, :, 0].mean(), of_each[1, :, 1].mean()]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_with_several_labels_each_decision_counts():
    labels = np.array([[1.0, 0.0], [1.0, 1.0]], np.float32)
    found = MeanOfBranches(multi_label=True).call(labels, LOGITS)
    chances = tf.sigmoid(LOGITS).numpy()
    right = np.where(labels[:, None] > 0.5, chances, 1 - chances)
    np.testing.assert_allclose(found, -np.log(right).mean(axis=(1, 2)), rtol=1e-5)
    accuracy = BranchesAccuracy(multi_label=True)
    accuracy.update_state(labels, LOGITS)
    # The means are (1, 0.5) and (0.5, 1.5): the second label of the first is wrong.
    assert float(accuracy.result()) == 0.75


def test_the_accuracy_is_that_of_the_mean():
    accuracy = BranchesAccuracy()
    accuracy.update_state(np.array([0, 0]), LOGITS)
    assert float(accuracy.result()) == 0.5  # the means choose 0 and 1


def test_the_branch_starts_from_the_weights_in_the_project():
    head = head_with_branch()
    kernel, bias = head.get_layer("pretrained_hidden").get_weights()
    assert kernel.shape == (512, PRETRAINED_UNITS) and bias.shape == (PRETRAINED_UNITS,)
    np.testing.assert_array_equal(kernel, pretrained_weights()["hidden"][0])
    query = head.get_layer("pretrained_attention_pooling").get_weights()[0]
    np.testing.assert_array_equal(query, pretrained_weights()["attention_pooling"][0])
    assert np.abs(query).max() > 0


def test_other_weights_are_refused(monkeypatch, tmp_path):
    damaged = tmp_path / "pretrained_branch.npz"
    damaged.write_bytes(WEIGHTS_FILE.read_bytes()[:-1])
    monkeypatch.setattr("pipeline.training.pretrained_branch.WEIGHTS_FILE", damaged)
    pretrained_weights.cache_clear()
    with pytest.raises(OSError, match="pretrained_branch.npz is damaged"):
        pretrained_weights()


def test_it_reads_the_included_elmo_alone():
    assert reads_vectors_of("default") and not reads_vectors_of("my_elmo/")


@pytest.mark.parametrize("ngram_rows", [0, 100])
def test_a_head_has_the_mean_of_what_its_trained_form_has(ngram_rows):
    head = head_with_branch(ngram_rows=ngram_rows)
    draw = np.random.default_rng(1)
    layers = draw.normal(size=(2, 3, 4, 512)).astype("float32")
    tokens = np.array([["a", "good", "film", ""], ["bad", "", "", ""]])
    if ngram_rows:
        of_ngrams = head.get_layer("ngram_logits")
        of_ngrams.scales.assign(np.ones(ngram_rows))
        of_ngrams.table.assign(draw.normal(size=(ngram_rows, 2)))
    trained = trained_form(head)
    inputs = list(head_inputs(tf.constant(layers), tokens, head))
    added = of_ngrams(inputs[2]) if ngram_rows else 0.0

    def assert_same():
        logits = trained(inputs[:2])
        assert logits.shape == (2, 2, 2)
        expected = tf.nn.softmax(tf.reduce_mean(logits, axis=1) + added)
        np.testing.assert_allclose(head(inputs), expected, atol=1e-5)
        return logits.numpy()

    before = assert_same()
    compile_model(trained, {**TRAIN, "epochs": 1}, texts=2)
    trained.train_on_batch(inputs[:2], np.array([0, 1]))
    assert np.abs(assert_same() - before).max() > 1e-4


@pytest.mark.parametrize(
    ("texts", "tried"),
    [(60, [30]), (300, [10, 30]), (1000, [5, 19]), (3000, [5]), (9000, [5])],
)
def test_with_few_texts_a_larger_number_of_epochs_is_tried_too(texts, tried):
    train = {**TRAIN, "epochs": "auto", "batch_size": 32}
    assert epochs_to_try(train, texts) == tried
    assert epochs_to_try({**train, "epochs": 3}, texts) == [3]
