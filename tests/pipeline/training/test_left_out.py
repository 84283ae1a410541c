"""Tests of the heads of a search: what they read, and how they are judged."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.training import epochs, left_out, tuning
from pipeline.training.calibration import needs_left_out
from pipeline.training.left_out import (
    NoLoss,
    _Heads,
    folds_of,
    least_loss,
    together,
)
from pipeline.training.ngrams import TextNgrams
from pipeline.training.search_space import search_space
from pipeline.training.trial_heads import COMPARISON, TRIALS
from pipeline.training.tuning import tuner_fn
from tests.pipeline.tiny_training import (
    MODEL,
    TRAIN,
    _compile_without_graph,
    _encoder,
    fn_args,
    write_transformed,
)

_TUNED = {**TRAIN, "epochs": 1, "tune": "30s"}


@pytest.fixture
def args(transformed_data, small_elmo, tmp_path):
    return fn_args(transformed_data, tmp_path, elmo=small_elmo, train=_TUNED)


@pytest.fixture
def quick_heads(monkeypatch):
    """Heads are trained, but Keras traces no graph."""
    monkeypatch.setattr(left_out, "compile_model", _compile_without_graph)
    monkeypatch.setattr(tuning, "build_encoder", _encoder)


def _heads(args):
    return tuner_fn(args).tuner._heads


def test_heads_learn_and_are_judged_on_texts_left_out(args, quick_heads):
    args.custom_config["train"]["epochs"] = 4
    heads = _heads(args)
    with heads.opened():
        parts = [*heads.judge({}, TRIALS)]
        again = next(heads.judge({}, TRIALS))
    judgement = together(parts)
    assert judgement.losses.shape == judgement.right.shape == (42,)
    assert np.array_equal(parts[0].losses, again.losses)
    assert judgement.losses.mean() < 1
    assert set(judgement.right) <= {0, 1}


def test_with_patience_the_eval_texts_stop_a_head(args, quick_heads, monkeypatch):
    read = []
    original = left_out.labelled_batches

    def batches(data, inputs, weights, texts, *, name):
        read.append(np.concatenate(texts))
        return original(data, inputs, weights, texts, name=name)

    for module in (left_out, epochs):
        monkeypatch.setattr(module, "labelled_batches", batches)
    args.custom_config["train"].update(epochs=1, patience=1)
    heads = _heads(args)
    with heads.opened():
        next(heads.judge({"model.ngram_rows": 0}, COMPARISON))
    held_out, learnt = read
    assert set(held_out) <= set(heads._data.splits["eval"])
    assert set(learnt) <= set(heads._data.splits["train"])


def test_heads_with_several_labels_are_judged_by_their_decisions(
    tmp_path, small_elmo, quick_heads
):
    texts = ["good", "bad", "good and bad", "so good", "so bad", "neither"]
    labels = [["good"], ["bad"], ["good", "bad"], ["good"], ["bad"], []]
    rows = list(zip(texts, labels, strict=True))
    folder = write_transformed(
        tmp_path / "data", {"train": rows * 4, "eval": rows}, multi_label=True
    )
    args = fn_args(folder, tmp_path, elmo=small_elmo, train={**_TUNED, "tune": "1s"})
    heads = _heads(args)
    with heads.opened():
        judgement = next(heads.judge({}, TRIALS))
    assert len(heads.tried) == 30
    assert np.isfinite(judgement.losses).all()
    assert set(judgement.right) <= {0, 0.5, 1}


def test_a_head_that_does_not_learn_is_said(args, quick_heads):
    heads = _heads(args)
    with heads.opened(), pytest.raises(NoLoss):
        next(heads.judge({"train.learning_rate": 1e30}, TRIALS))


@pytest.mark.parametrize("has_branch", [True, False])
def test_the_space_has_the_given_options_and_the_branch_that_is_there(has_branch):
    config = {
        "elmo": {"source": "default"},
        "model": {**MODEL, "pooling": "bilstm", "ngram_rows": 0, "dropout": 0.9}
        | {"pretrained_branch": has_branch},
        "train": {**TRAIN, "learning_rate": 0.003, "batch_size": 32},
    }
    space = {each.name: each for each in search_space(config).space}
    assert "model.ngram_rows" not in space
    assert space["model.pooling"].default == "bilstm"
    assert list(space["model.pooling"].values) == ["mean", "max", "attention", "bilstm"]
    assert ("model.pretrained_branch" in space) == has_branch
    if has_branch:
        assert space["model.pretrained_branch"].default is True
    assert space["model.dropout"].max_value == 0.9
    assert list(space["train.batch_size"].values) == [16, 32, 64]


def test_equal_texts_share_a_fold_and_another_seed_makes_others(args, quick_heads):
    data = _heads(args)._data
    texts = np.arange(len(data.lengths))
    folds, others = folds_of(data, texts, 1), folds_of(data, texts, 2)
    keys = data.keys()
    for key in set(keys.tolist()):
        assert len(set(folds[keys == key])) == 1
    assert set(folds) == {0, 1, 2}
    assert not np.array_equal(folds, others)


def _least_loss(args, config=None, **changes):
    """Opens the texts of a search, and asks for the heads of all of them."""
    heads = _heads(args)
    with heads.opened():
        data = dataclasses.replace(heads._data, **changes)
        return data, least_loss(
            config or args.custom_config, data, heads._store, num_classes=2
        )


def test_the_number_of_epochs_with_the_least_loss_is_found(
    args, quick_heads, monkeypatch
):
    tried = []
    monkeypatch.setattr(left_out, "epochs_to_try", lambda *_: [1, 6])
    original = left_out.compile_model

    def compile_it(model, train, **others):
        tried.append(train["epochs"])
        original(model, train, **others)

    monkeypatch.setattr(left_out, "compile_model", compile_it)
    data, found = _least_loss(args)
    assert tried == [1, 6], "all folds make as many steps: one head begins anew"
    assert found.epochs == 6
    texts = len(data.labels)
    parts = found.parts
    assert parts.vectors.shape == parts.ngrams.shape == (texts, 2)
    assert (parts.with_ngrams(4).argmax(axis=1) == parts.labels).mean() > 0.9


def test_a_text_whose_class_no_head_has_learnt_is_left_out(args, quick_heads):
    data, _ = _least_loss(args)
    labels = np.zeros_like(data.labels)
    labels[7] = 1
    _, found = _least_loss(args, labels=labels)
    assert len(found.parts.labels) == len(labels) - 1
    assert not found.parts.labels.any()


def test_where_no_class_has_two_texts_that_differ_nothing_is_said(args, quick_heads):
    heads = _heads(args)
    data = heads._data
    count = len(data.labels)
    copies = dataclasses.replace(
        data, word_ids=np.full(count, data.word_ids[0]), starts=np.arange(count + 1)
    )
    with heads.opened(), pytest.raises(NoLoss):
        least_loss(args.custom_config, copies, heads._store, num_classes=2)
    with heads.opened(), pytest.raises(ValueError, match="texts .* that differ"):
        every = np.arange(count)
        folds = folds_of(copies, every, 0)
        options = {"texts": every, "folds": folds, "num_classes": 2, "seed": 0}
        next(left_out.judge(args.custom_config, copies, heads._store, **options))


def test_few_eval_texts_need_those_left_out_and_many_do_not(args, quick_heads):
    data, _ = _least_loss(args)
    assert len(data.labels) == 42 and not needs_left_out(data), "too few to say a word"
    some = {"train": np.arange(45), "eval": np.arange(5)}
    assert needs_left_out(dataclasses.replace(data, splits=some))
    many = {"train": np.arange(4900), "eval": np.arange(200)}
    assert not needs_left_out(dataclasses.replace(data, splits=many))
    enough = {"train": np.arange(1000), "eval": np.arange(500)}
    assert not needs_left_out(dataclasses.replace(data, splits=enough))


def test_a_head_that_begins_anew_is_like_a_fresh_one(args, quick_heads):
    args.custom_config["train"]["epochs"] = 2
    heads = _heads(args)

    def fresh():
        data = heads._data
        ngrams = TextNgrams(data)
        return _Heads(heads._config, data, heads._store, ngrams, 2, seed=1)

    first, second, rest = np.split(heads.tried[:30], 3)
    with heads.opened():
        expected = fresh().logits(second, rest)
        used = fresh()
        other = used.logits(first, rest)
        found = used.logits(second, rest)
    assert len(used._compiled) == 1
    assert not np.array_equal(other.vectors, found.vectors)
    for name in ("vectors", "ngrams"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.slow
@pytest.mark.parametrize("patience", [None, 1])
def test_a_compiled_head_that_begins_anew_is_like_a_fresh_one(args, patience):
    args.custom_config["train"].update(epochs=3, patience=patience)
    heads = _heads(args)
    data = heads._data

    def fresh():
        return _Heads(heads._config, data, heads._store, TextNgrams(data), 2, seed=1)

    first, second, rest = np.split(heads.tried[:42], 3)
    others = (np.concatenate([first, rest]), np.concatenate([second, rest]))
    with heads.opened():
        expected = fresh().logits(others[1], first)
        used = fresh()
        used.logits(others[0], second)
        found = used.logits(others[1], first)
    assert len(used._compiled) == 1
    np.testing.assert_array_equal(found.vectors, expected.vectors)
