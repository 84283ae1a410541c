"""The Trainer's entry point, run whole on a few texts and a tiny ELMo."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from pipeline import features
from pipeline.training import trainer
from pipeline.training.model import build_encoder
from pipeline.training.ngrams import ngram_ids
from pipeline.training.trainer import run_fn
from tests.keras_elmo.tiny import write_model
from tests.pipeline.tiny_training import (
    CLASSES,
    TRAIN,
    fn_args,
    write_records,
    write_transformed,
)


def history_of(args):
    with open(f"{args.model_run_dir}/history.json", encoding="utf-8") as file:
        return json.load(file)


@pytest.fixture
def no_export(monkeypatch):
    """Gives the models that would have been exported."""
    exported = []
    monkeypatch.setattr(
        trainer, "export_classifier", lambda *args: exported.append(args[2])
    )
    return exported


def test_the_history_tells_the_course_the_classes_and_the_cache(
    tmp_path, transformed_data, small_elmo, no_export
):
    args = fn_args(transformed_data, tmp_path, elmo=small_elmo)
    run_fn(args)
    history = history_of(args)
    assert [entry["epoch"] for entry in history["epochs"]] == [1, 2, 3]
    assert set(history["epochs"][0]) == {
        "epoch",
        "steps",
        "train_loss",
        "train_accuracy",
        "eval_loss",
        "eval_accuracy",
        "seconds",
    }
    assert history["best_epoch"] in (1, 2, 3)
    assert history["resumed_after"] == 0 and not history["stopped_early"]
    assert (history["ended_by"], history["steps"]) == ("epochs", 3 * 5)
    assert history["class_counts"] == {"good": 24, "bad": 12}
    assert history["class_weights"] == {"good": 0.75, "bad": 1.5}
    cache = history["embedding_cache"]
    assert cache["bound_bytes"] == 2**30
    assert cache["examples"] == cache["cached_examples"] == 42
    assert cache["first_epoch_seconds"] == history["epochs"][0]["seconds"]
    assert not list((tmp_path / "resume").iterdir())


def test_the_history_tells_that_the_bound_on_steps_ended_it(
    tmp_path, transformed_data, small_elmo, no_export
):
    train = {**TRAIN, "max_steps": 7}
    args = fn_args(transformed_data, tmp_path, elmo=small_elmo, train=train)
    run_fn(args)
    history = history_of(args)
    assert [entry["steps"] for entry in history["epochs"]] == [5, 2]
    assert (history["ended_by"], history["steps"]) == ("max_steps", 7)
    assert not history["stopped_early"]


def test_an_export_that_fails_does_not_cost_the_training(
    tmp_path, transformed_data, small_elmo, monkeypatch
):
    def fail(*_):
        raise OSError("No space left on device")

    args = fn_args(transformed_data, tmp_path / "a", elmo=small_elmo)
    with monkeypatch.context() as patched:
        patched.setattr(trainer, "export_classifier", fail)
        with pytest.raises(OSError, match="No space left"):
            run_fn(args)
    # TFX deletes what a failed execution wrote, and gives the next one new folders.
    again = fn_args(transformed_data, tmp_path / "b", elmo=small_elmo)
    again.custom_config["resume_dir"] = args.custom_config["resume_dir"]
    monkeypatch.setattr(trainer, "export_classifier", lambda *_: None)
    run_fn(again)
    history = history_of(again)
    assert history["resumed_after"] == len(history["epochs"]) == 3
    assert history["embedding_cache"]["reused"]


@pytest.mark.parametrize(
    "change",
    [{"learning_rate": 0.01}, {"seed": 2}, {"batch_size": 4}, {"max_steps": 9}],
)
def test_another_configuration_resumes_nothing(
    tmp_path, transformed_data, small_elmo, change
):
    data = trainer.read_labelled_tokens(
        {"train": [f"{transformed_data}/train/*"]},
        {
            features.TOKENS: tf.io.VarLenFeature(tf.string),
            features.LABEL_ID: tf.io.FixedLenFeature([], tf.int64),
        },
    )
    encoder = build_encoder({"source": str(small_elmo)})
    configs = [
        fn_args(transformed_data, tmp_path, elmo=small_elmo, train=train).custom_config
        for train in (TRAIN, {**TRAIN, **change})
    ]
    names = [trainer._fingerprint(data, CLASSES, encoder, each) for each in configs]
    moved = {**configs[0], "resume_dir": "elsewhere"}
    assert names[0] != names[1]
    assert names[0] == trainer._fingerprint(data, CLASSES, encoder, moved)


def base_of(args):
    """What TFX gives as `base_model` of a Model artifact."""
    return args.serving_model_dir


@pytest.mark.parametrize("trainable", [False, True])
def test_a_warm_start_goes_on_where_the_base_ended(
    tmp_path, transformed_data, small_elmo, no_export, trainable
):
    options = {"elmo": small_elmo, "trainable": trainable}
    base = fn_args(transformed_data, tmp_path / "base", **options)
    run_fn(base)
    best = min(entry["eval_loss"] for entry in history_of(base)["epochs"])
    # Steps so small that the first epoch leaves the weights as they were.
    still = {**TRAIN, "learning_rate": 1e-6, "epochs": 1, "seed": 7}
    losses = {}
    for name, wanted in (("fresh", False), ("warm", True)):
        args = fn_args(
            transformed_data,
            tmp_path / name,
            train={**still, "warm_start": wanted},
            base_model=base_of(base),
            **options,
        )
        run_fn(args)
        losses[name] = history_of(args)["epochs"][0]["eval_loss"]
    assert losses["warm"] == pytest.approx(best, abs=0.01)
    assert losses["fresh"] > best + 0.1
    assert history_of(args)["warm_start"] == {
        "from": str(tmp_path / "base"),
        "reason": None,
        "new_classes": [],
    }


def row_of(word, layer):
    return int(layer._row(ngram_ids(tf.constant([[word]])))[0, 0])


@pytest.mark.parametrize("trainable", [False, True])
def test_the_head_learns_what_words_say(
    tmp_path, transformed_data, small_elmo, no_export, trainable
):
    run_fn(fn_args(transformed_data, tmp_path, elmo=small_elmo, trainable=trainable))
    layer = no_export[0].head.get_layer("ngram_logits")
    for word in CLASSES:  # each class is named by the word that tells it
        weights = layer.table.numpy()[row_of(word, layer)]
        assert CLASSES[int(weights.argmax())] == word
    assert not layer.known.numpy()[row_of("dull", layer)]


def test_after_a_warm_start_old_and_new_words_are_known(
    tmp_path, transformed_data, small_elmo, no_export
):
    base = fn_args(transformed_data, tmp_path / "base", elmo=small_elmo)
    run_fn(base)
    some = [("a fine film", "good"), ("a dull film", "bad")]
    data = write_transformed(tmp_path / "other", {"train": some * 2, "eval": some})
    train = {**TRAIN, "warm_start": True}
    run_fn(
        fn_args(
            data,
            tmp_path / "warm",
            elmo=small_elmo,
            train=train,
            base_model=base_of(base),
        )
    )
    layer = no_export[1].head.get_layer("ngram_logits")
    known = layer.known.numpy()
    assert known[row_of("saw", layer)] and known[row_of("dull", layer)]


def test_a_warm_start_without_a_base_says_that_it_starts_fresh(
    tmp_path, transformed_data, small_elmo, no_export
):
    train = {**TRAIN, "epochs": 1, "warm_start": True}
    args = fn_args(transformed_data, tmp_path, elmo=small_elmo, train=train)
    run_fn(args)
    assert history_of(args)["warm_start"] == {
        "from": None,
        "reason": "there is no blessed model of other examples",
        "new_classes": [],
    }


def test_an_interrupted_training_is_only_taken_up_with_the_same_base(
    tmp_path, transformed_data, small_elmo, no_export, monkeypatch
):
    bases = []
    for seed in (1, 2):
        train = {**TRAIN, "epochs": 1, "seed": seed}
        base = fn_args(
            transformed_data, tmp_path / f"base{seed}", elmo=small_elmo, train=train
        )
        run_fn(base)
        bases.append(base_of(base))

    def train_from(base, folder):
        args = fn_args(
            transformed_data,
            tmp_path / folder,
            elmo=small_elmo,
            train={**TRAIN, "warm_start": True},
            base_model=base,
        )
        args.custom_config["resume_dir"] = str(tmp_path / "resume")
        run_fn(args)
        return history_of(args)["resumed_after"]

    def fail(*_):
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(trainer, "export_classifier", fail)
        with pytest.raises(OSError, match="No space left"):
            train_from(bases[0], "failed")
    assert train_from(bases[1], "other") == 0
    assert train_from(None, "fresh") == 0
    assert train_from(bases[0], "same") == 3


def test_what_a_warm_start_needs_lies_beside_the_exported_model(
    tmp_path, transformed_data, small_elmo
):
    args = fn_args(
        transformed_data, tmp_path, elmo=small_elmo, train={**TRAIN, "epochs": 1}
    )
    run_fn(args)
    beside = {path.name for path in (tmp_path / "warm_start").iterdir()}
    assert beside == {"weights.npz", "facts.json"}
    assert not list((tmp_path / "model").rglob("*.npz"))


def test_a_trainable_elmo_is_trained_with_the_head(
    tmp_path, transformed_data, no_export
):
    elmo = write_model(tmp_path / "elmo", n_layers=1)
    args = fn_args(
        transformed_data,
        tmp_path,
        elmo=elmo,
        trainable=True,
        train={**TRAIN, "epochs": 1},
    )
    run_fn(args)
    assert history_of(args)["embedding_cache"] is None
    before = build_encoder({"source": str(elmo)}).bilm.weights
    after = no_export[0].encoder.bilm.weights
    moved = [
        bool(np.any(old.numpy() != new.numpy()))
        for old, new in zip(before, after, strict=True)
    ]
    assert moved and all(moved)


@pytest.mark.parametrize(
    ("split", "labels", "message"),
    [
        ("train", [], "'train' split must hold"),
        ("eval", [], "'eval' split must hold"),
        ("train", [0, 0], "every class must have a training example.*none of bad"),
        ("eval", [0, -1, -1], "2 examples with other labels in the 'eval' split"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused_before_any_work(
    tmp_path, transformed_data, monkeypatch, split, labels, message
):
    rows = [{features.TOKENS: ["a"], features.LABEL_ID: label} for label in labels]
    write_records(tmp_path / "records", rows)
    args = fn_args(transformed_data, tmp_path, elmo="unused")
    setattr(args, f"{split}_files", [str(tmp_path / "records" / "*")])
    with pytest.raises(ValueError, match=f"{message}(.|\n)*\nhint: "):
        run_fn(args)


def test_one_class_is_refused(transformed_data):
    data = trainer.read_labelled_tokens(
        {"train": [f"{transformed_data}/train/*"]},
        {
            features.TOKENS: tf.io.VarLenFeature(tf.string),
            features.LABEL_ID: tf.io.FixedLenFeature([], tf.int64),
        },
    )
    with pytest.raises(ValueError, match="at least 2 classes. Received: good"):
        trainer._count_classes(data, ["good"])
