"""Starting from an earlier model's weights: what fits, and what does not."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pipeline.training.model import TokenClassifier, build_encoder, build_head
from pipeline.training.saved_weights import (
    ModelFacts,
    SavedWeightsError,
    weights_folder,
    write_weights,
)
from pipeline.training.warm_start import _weights, save_weights, start_from

FACTS = ModelFacts(
    classes=["a", "b", "c"],
    pooling="mean",
    hidden_units=4,
    elmo_version="one",
    elmo_trainable=False,
    held_out=[0.1, 0.1],
    ngram_rows=10,
)


def other(**changes):
    return FACTS.model_copy(update=changes)


@pytest.fixture(scope="module")
def make(small_elmo):
    """Makes classifiers, each with other weights."""
    encoder = build_encoder({"source": str(small_elmo)})

    def make(facts, encoder=encoder):
        head = build_head(
            {
                "pooling": facts.pooling,
                "hidden_units": facts.hidden_units,
                "embedding_dropout": 0.0,
                "dropout": 0.5,
                "ngram_rows": facts.ngram_rows,
                "word_vectors": True,
                "pretrained_branch": False,
            },
            num_classes=len(facts.classes),
            num_layers=encoder.num_layers,
            dim=encoder.dim,
        )
        return TokenClassifier(encoder, head)

    return make


@pytest.fixture
def saved_model(tmp_path):
    return str(tmp_path / "7" / "Format-Serving")


def head_values(classifier):
    """Returns all weights but those of n-grams, which each training finds anew."""
    return [
        weight.numpy()
        for layer in classifier.head.layers
        if layer.name != "ngram_logits"
        for weight in layer.weights
    ]


def assert_same(values, expected):
    for value, other in zip(values, expected, strict=True):
        np.testing.assert_array_equal(value, other)


@pytest.mark.parametrize("pooling", ["mean", "max", "attention", "bilstm"])
def test_every_weight_of_the_head_is_taken_over(make, saved_model, pooling):
    facts = other(pooling=pooling)
    base, classifier = make(facts), make(facts)
    for weight in base.head.weights:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    save_weights(saved_model, base, facts)
    started = start_from(saved_model, classifier, facts)
    assert_same(head_values(classifier), head_values(base))
    assert (started.source, started.reason) == (saved_model.rpartition("/")[0], None)
    assert len(started.digest) == 64


def test_outputs_are_matched_by_the_name_of_their_class(make, saved_model):
    base = make(FACTS)
    output = base.head.get_layer("logits")
    output.bias.assign([1.0, 2.0, 3.0])
    save_weights(saved_model, base, FACTS)
    facts = other(classes=["new", "c", "a", "newer"])  # b is gone
    classifier = make(facts)
    new_output = classifier.head.get_layer("logits")
    fresh = new_output.kernel.numpy()
    started = start_from(saved_model, classifier, facts)
    assert started.new_classes == ("new", "newer")
    np.testing.assert_array_equal(new_output.bias.numpy(), [0.0, 3.0, 1.0, 0.0])
    saved = output.kernel.numpy()
    expected = [fresh[:, 0], saved[:, 2], saved[:, 0], fresh[:, 3]]
    kernel = new_output.kernel.numpy()
    np.testing.assert_array_equal(kernel, np.stack(expected, axis=1))
    hidden = [each.head.get_layer("hidden") for each in (base, classifier)]
    np.testing.assert_array_equal(hidden[0].kernel.numpy(), hidden[1].kernel.numpy())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"elmo_version": "two"}, "another ELMo .*: one, not two"),
        ({"pooling": "max"}, "another model.pooling: mean, not max"),
        ({"hidden_units": 0}, "another model.hidden_units: 4, not 0"),
        ({"divided_by": "test.csv"}, "another way to choose the eval and test rows"),
        ({"tokenizer": "characters"}, "another transform.tokenizer: elmo, not char"),
        ({"held_out": [0.1, 0.2]}, "another data.eval_fraction or data.test_fraction"),
        ({"classes": ["d", "e"]}, "other classes: a, b, c"),
    ],
)
def test_another_elmo_head_or_task_starts_fresh_and_says_why(
    make, saved_model, caplog, changes, reason
):
    save_weights(saved_model, make(FACTS), FACTS)
    facts = other(**changes)
    classifier = make(facts)
    before = head_values(classifier)
    started = start_from(saved_model, classifier, facts)
    assert_same(head_values(classifier), before)
    assert (started.source, started.digest) == (None, None)
    assert re.search(reason, started.reason)
    assert started.reason in caplog.text


def test_of_a_version_that_kept_its_ngrams_the_rest_is_taken_over(make, saved_model):
    base, classifier = make(FACTS), make(FACTS)
    weights = _weights(base, with_elmo=False)
    kept = {name: variable.numpy() for name, variable in weights.items()}
    kept |= {"ngram_logits.0": np.ones((10, 3)), "ngram_logits.1": np.ones(10)}
    write_weights(weights_folder(saved_model), kept, FACTS)
    assert start_from(saved_model, classifier, FACTS).reason is None
    assert_same(head_values(classifier), head_values(base))
    assert not classifier.head.get_layer("ngram_logits").table.numpy().any()


def test_the_head_of_an_earlier_version_starts_fresh(make, saved_model):
    save_weights(saved_model, make(FACTS), other(ngram_rows=None))
    started = start_from(saved_model, make(FACTS), FACTS)
    assert "the head of an earlier version" in started.reason


def test_weights_of_another_shape_start_fresh(make, saved_model):
    save_weights(saved_model, make(other(hidden_units=5)), FACTS)
    started = start_from(saved_model, make(FACTS), FACTS)
    assert "other weights hidden.0: shape [32, 5], not [32, 4]" in started.reason


def test_without_a_model_or_without_weights_it_starts_fresh(make, saved_model):
    classifier = make(FACTS)
    before = head_values(classifier)
    assert "no blessed model" in start_from(None, classifier, FACTS).reason
    reason = start_from(saved_model, classifier, FACTS).reason
    assert "has no weights in" in reason and "/7/warm_start" in reason
    assert_same(head_values(classifier), before)


def test_a_damaged_file_stops_the_training(make, saved_model, tmp_path):
    save_weights(saved_model, make(FACTS), FACTS)
    (tmp_path / "7" / "warm_start" / "weights.npz").write_bytes(b"PK")
    with pytest.raises(SavedWeightsError, match="weights.npz must be"):
        start_from(saved_model, make(FACTS), FACTS)


def test_a_trained_elmo_is_taken_over_and_wants_to_be_trained_on(
    make, saved_model, small_elmo
):
    tuned, plain = (
        build_encoder({"source": str(small_elmo), "trainable": True}) for _ in range(2)
    )
    for weight in tuned.weights:
        weight.assign_add(np.ones(weight.shape))
    facts = other(elmo_trainable=True)
    save_weights(saved_model, make(facts, tuned), facts)
    refused = start_from(saved_model, make(FACTS), FACTS)
    assert "has trained its ELMo" in refused.reason
    assert start_from(saved_model, make(facts, plain), facts).reason is None
    for one, same in zip(tuned.weights, plain.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), same.numpy())


def test_a_training_of_elmo_can_start_from_the_head_of_a_frozen_one(
    make, saved_model, small_elmo
):
    base = make(FACTS)
    save_weights(saved_model, base, FACTS)
    encoder = build_encoder({"source": str(small_elmo), "trainable": True})
    before = [weight.numpy() for weight in encoder.weights]
    facts = other(elmo_trainable=True)
    classifier = make(facts, encoder)
    assert start_from(saved_model, classifier, facts).reason is None
    assert_same(head_values(classifier), head_values(base))
    assert_same([weight.numpy() for weight in encoder.weights], before)


def test_a_model_of_exact_shares_may_have_learnt_what_is_tested_now(make, saved_model):
    saved = FACTS.model_copy(update={"exact_shares": True})
    save_weights(saved_model, make(FACTS), saved)
    started = start_from(str(saved_model), make(FACTS), FACTS)
    assert started.reason.endswith("(exact shares of small classes): True, not False")
