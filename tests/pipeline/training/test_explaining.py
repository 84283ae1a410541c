"""The weights of words: against sums that must come out, and one case by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.runs.training_facts import Training
from pipeline.training import explaining
from pipeline.training.data import LabelledTokens
from pipeline.training.explaining import Explainer, strongest_words
from pipeline.training.model import build_head, head_inputs
from tests.pipeline.tiny_training import MODEL

TOKENS = tf.constant([["A", "good", "good", "a"], ["bad", "", "", ""], [""] * 4])
CLASSES = 3


def make_head(**options):
    """Returns a head whose weights are random, all n-grams known to it."""
    keras.utils.set_random_seed(0)
    multi_label = options.pop("multi_label", False)
    head = build_head(
        {**MODEL, **options},
        num_classes=CLASSES,
        num_layers=2,
        dim=6,
        multi_label=multi_label,
    )
    random = np.random.default_rng(0)
    for weight in head.weights:
        if "text_vectors" not in weight.path:
            weight.assign(random.normal(scale=0.5, size=weight.shape))
    if options.get("ngram_rows", True):
        table = head.get_layer("ngram_logits")
        table.scales.assign(np.ones(table.scales.shape))
    return head


def make_layers(seed=0):
    values = np.random.default_rng(seed).normal(size=(3, 2, 4, 6))
    is_token = TOKENS.numpy()[:, None, :, None] != b""
    return tf.constant(values * is_token, tf.float32)


def explain(head, *, multi_label=False):
    layers = make_layers()
    inputs = list(head_inputs(layers, TOKENS, head))
    explainer = Explainer(head, multi_label=multi_label)
    run = tf.function(explainer.explain, autograph=False)  # as the export does
    chosen = head(inputs).numpy().argmax(axis=1)
    weights = run(layers, TOKENS, chosen).numpy()
    logits = keras.Model(head.inputs, head.layers[-1].input)
    empty = list(head_inputs(tf.zeros_like(layers), TOKENS, head))
    if len(empty) > 2:
        empty[2] = tf.zeros_like(empty[2])
    change = logits(inputs).numpy() - logits(empty).numpy()
    own = change[np.arange(3), chosen]
    return weights, own if multi_label else own - change.mean(axis=1)


@pytest.mark.parametrize("pooling", ["mean", "max", "attention", "bilstm"])
def test_the_weights_add_up_to_what_the_text_does_to_the_logit(pooling, monkeypatch):
    monkeypatch.setattr(explaining, "STEPS", 100)
    weights, expected = explain(make_head(pooling=pooling, hidden_units=5))
    np.testing.assert_allclose(weights.sum(axis=1), expected, atol=0.005)
    assert (np.abs(expected[:2]) > 0.01).all() and np.abs(expected).max() > 0.1
    assert not weights[TOKENS.numpy() == b""].any()


def test_the_weights_of_ngrams_alone_add_up_exactly():
    head = make_head()
    head.get_layer("logits").kernel.assign(np.zeros((6, CLASSES)))
    weights, expected = explain(head)
    np.testing.assert_allclose(weights.sum(axis=1), expected, atol=1e-5)
    # Each of two equal words has the same part of their one weight; case is one.
    assert weights[0].astype(bool).all()


def test_a_head_without_ngrams_has_the_weights_of_its_vectors():
    weights, expected = explain(make_head(ngram_rows=0))
    np.testing.assert_allclose(weights.sum(axis=1), expected, atol=1e-4)


def test_with_mean_pooling_a_token_weighs_its_vector_times_the_class():
    head = make_head(ngram_rows=0)
    head.get_layer("scalar_mix").mix_weights.assign([100.0, 0.0])  # the first layer
    head.get_layer("scalar_mix").gamma.assign([1.0])
    kernel = head.get_layer("logits").kernel.numpy()
    layers = make_layers()
    chosen = head(list(head_inputs(layers, TOKENS, head))).numpy().argmax(axis=1)[0]
    weights, _ = explain(head)
    by_class = layers.numpy()[0, 0] @ kernel / 4  # four tokens
    expected = by_class[:, chosen] - by_class.mean(axis=1)
    np.testing.assert_allclose(weights[0], expected, atol=1e-4)


def test_one_of_several_labels_is_not_held_against_the_others():
    head = make_head(multi_label=True, ngram_rows=50)
    weights, expected = explain(head, multi_label=True)
    np.testing.assert_allclose(weights.sum(axis=1), expected, atol=1e-4)


@pytest.mark.parametrize(
    "which", ["trained", pytest.param("trained_with_elmo", marks=pytest.mark.slow)]
)
def test_the_history_has_the_strongest_words_of_each_class(which, request):
    history = request.getfixturevalue(which).history
    words = Training.model_validate(history).words
    assert words["good"][0].word == "good" and words["bad"][0].word == "bad"
    assert words["good"][0].texts == 3 and words["good"][0].weight > 0
    for name in words:
        weights = [each.weight for each in words[name]]
        assert weights == sorted(weights, reverse=True)
        assert all(each.texts >= 3 for each in words[name])


def eval_data(texts):
    words = [b"", *sorted({word for text in texts for word in text})]
    ids = [words.index(word) for text in texts for word in text]
    return LabelledTokens(
        words=np.array(words, object),
        word_ids=np.array(ids, np.int32),
        starts=np.cumsum([0, *map(len, texts)]),
        labels=np.zeros(len(texts), np.int32),
        splits={"eval": np.arange(len(texts))},
    )


def test_a_word_counts_once_a_text_in_any_case_and_rare_ones_not_at_all():
    data = eval_data([[b"Good", b"good"], [b"good", b"rare"], [b"GOOD"], [], [b"rare"]])
    head = make_head(ngram_rows=0)
    # Every vector speaks for the first class by 1; the mean over n tokens halves it.
    head.get_layer("scalar_mix").gamma.assign([1.0])
    head.get_layer("logits").kernel.assign([[1.5, 0, 0]] + [[0] * 3] * 5)
    head.get_layer("logits").bias.assign([1.0, 0, 0])

    def layers_of(texts):
        layers = np.zeros((len(texts), 2, data.tokens(texts).shape[1], 6), np.float16)
        layers[..., 0] = (data.tokens(texts) != b"")[:, None]
        return layers

    words = strongest_words(head, data, layers_of, ["x", "y", "z"])
    assert [(each["word"], each["texts"]) for each in words["x"]] == [("good", 3)]
    assert words["x"][0]["weight"] == pytest.approx((1 + 0.5 + 1) / 3, abs=1e-3)
    assert words["y"] == words["z"] == []
    some = strongest_words(head, data, layers_of, ["x", "y", "z"], max_texts=2)
    assert some["x"] == []


def test_a_split_without_tokens_has_no_words():
    data = eval_data([[], []])
    words = strongest_words(
        make_head(ngram_rows=0),
        data,
        lambda texts: np.zeros((len(texts), 2, 1, 6)),
        ["x", "y", "z"],
    )
    assert words == {"x": [], "y": [], "z": []}
