"""The Trainer's entry point, run whole on a few texts and a tiny ELMo."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pipeline import features
from pipeline.training import calibration, learning, trainer
from pipeline.training.calibration import PartLogits
from pipeline.training.label_doubts import Doubts
from pipeline.training.left_out import LeftOut, NoLoss
from pipeline.training.model import build_encoder
from pipeline.training.ngrams import ngram_ids
from pipeline.training.trainer import run_fn
from pipeline.training.warm_start import WarmStart
from tests.pipeline.tiny_training import (
    CLASSES,
    MODEL,
    TRAIN,
    fn_args,
    train,
    write_records,
)

ONE_EPOCH = {**TRAIN, "epochs": 1}
ATTENTION = {**MODEL, "pooling": "attention"}  # as of the fixture `trained`


def base_of(trained):
    """What TFX gives as `base_model` of a Model artifact."""
    return str(trained.folder / "model")


@pytest.fixture(scope="module")
def data(transformed_data):
    return trainer.read_labelled_tokens(
        {"train": [f"{transformed_data}/train/*"]},
        {
            features.TOKENS: tf.io.VarLenFeature(tf.string),
            features.LABEL_ID: tf.io.FixedLenFeature([], tf.int64),
        },
    )


@pytest.mark.parametrize(("cache_gib", "reads_vectors"), [(1, True), (0, False)])
def test_labels_are_doubted_by_vectors_only_where_these_are_stored(
    transformed_data, small_elmo, tmp_path, monkeypatch, cache_gib, reads_vectors
):
    asked = []

    def doubt(data, num_classes, vectors_of):
        asked.append((num_classes, vectors_of is not None))
        return Doubts(7, 9, 2, ["words"])

    monkeypatch.setattr(trainer, "doubted_labels", doubt)
    options = {**ONE_EPOCH, "cache_gib": cache_gib}
    args = fn_args(transformed_data, tmp_path, elmo=small_elmo, train=options)
    done = train(tmp_path, args)
    assert asked == [(2, reads_vectors)]
    counts = {"texts": 7, "all_texts": 9, "classes": 2}
    assert done.history["doubts"] == {**counts, "models": ["words"], "found": []}


def test_the_history_has_the_course_the_classes_and_the_cache(trained):
    history = trained.history
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
    # There are six different texts: too few of each class.
    counts = {"texts": 0, "all_texts": 6, "classes": 0}  # too few of a class
    assert history["doubts"] == {**counts, "models": [], "found": []}
    assert history["class_weights"] == {"good": 0.75, "bad": 1.0}  # of 12 texts
    cache = history["embedding_cache"]
    assert cache["bound_bytes"] == 2**30
    assert cache["examples"] == cache["cached_examples"] == 42
    assert cache["first_epoch_seconds"] == history["epochs"][0]["seconds"]
    assert not list((trained.folder / "resume").iterdir())


def test_the_exported_probabilities_are_those_of_the_temperature(trained):
    head = trained.classifier.head
    assert head.get_layer("temperature").scale == 1 / trained.history["temperature"]
    assert trained.history["certain"] is None  # nobody asked


@pytest.mark.slow
def test_with_a_precision_the_history_and_the_model_say_from_where_it_is_sure(
    trained_with_elmo,
):
    certain = trained_with_elmo.history["certain"]
    # All six eval texts are right: their precision is above 0.6, whatever was luck.
    assert certain == {"precision": 0.5, "threshold": 0.0, "coverage": 1.0}
    model = tf.saved_model.load(str(trained_with_elmo.folder / "model"))
    answer = model.signatures["predict_text"](tf.constant(["good", "?"]))
    assert answer["unsure"].numpy().tolist() == [False, False]


def test_it_tells_how_many_texts_are_encoded_and_how_good_each_epoch_was(trained):
    assert trained.progress[-4] == ("texts encoded", 6, 6, "")  # of 42: equal once
    assert trained.progress[-3:] == [
        (
            "epochs",
            entry["epoch"],
            3,
            f"eval loss {entry['eval_loss']:.2f}, "
            f"accuracy {entry['eval_accuracy']:.2f}",
        )
        for entry in trained.history["epochs"]
    ]


@pytest.fixture(scope="module")
def ended_by_steps(tmp_path_factory, transformed_data, small_elmo):
    """A training with a bound on its steps, and a warm start without a base."""
    folder = tmp_path_factory.mktemp("ended_by_steps")
    options = {**TRAIN, "max_steps": 7, "warm_start": True}
    return train(
        folder, fn_args(transformed_data, folder, elmo=small_elmo, train=options)
    )


def test_the_history_tells_that_the_bound_on_steps_ended_it(ended_by_steps):
    history = ended_by_steps.history
    assert [entry["steps"] for entry in history["epochs"]] == [5, 2]
    assert (history["ended_by"], history["steps"]) == ("max_steps", 7)
    assert not history["stopped_early"]


def test_a_warm_start_without_a_base_says_that_it_starts_fresh(ended_by_steps):
    assert ended_by_steps.history["warm_start"] == {
        "from": None,
        "reason": "there is no blessed model of other examples",
        "new_classes": [],
    }


@pytest.mark.slow
def test_a_failed_export_does_not_cost_the_training_from_the_same_base(
    tmp_path, transformed_data, small_elmo, trained, monkeypatch
):
    def fail(*_):
        raise OSError("No space left on device")

    def args_of(folder, base):
        # TFX deletes what a failed execution wrote, and gives the next new folders.
        args = fn_args(
            transformed_data,
            tmp_path / folder,
            elmo=small_elmo,
            model=ATTENTION,
            train={**ONE_EPOCH, "warm_start": True},
            base_model=base,
        )
        args.custom_config["resume_dir"] = str(tmp_path / "resume")
        args.custom_config["embeddings_dir"] = str(tmp_path / "embeddings")
        return args

    with monkeypatch.context() as patched:
        patched.setattr(trainer, "export_classifier", fail)
        with pytest.raises(OSError, match="No space left"):
            run_fn(args_of("failed", base_of(trained)))
    fresh = train(tmp_path, args_of("fresh", None)).history
    assert fresh["resumed_after"] == 0
    again = train(tmp_path, args_of("again", base_of(trained))).history
    assert again["resumed_after"] == len(again["epochs"]) == 1
    store = again["embedding_cache"]
    assert store["encoded_examples"] == 0
    assert store["cached_examples"] == store["examples"]


def test_another_configuration_or_base_resumes_nothing(
    tmp_path, transformed_data, small_elmo, data
):
    encoder = build_encoder({"source": str(small_elmo)})

    def name(*, warm_start=None, resume_dir="here", **changes):
        options = {**TRAIN, **changes}
        config = fn_args(
            transformed_data, tmp_path, elmo=small_elmo, train=options
        ).custom_config
        config["resume_dir"] = resume_dir
        return trainer.training_fingerprint(data, CLASSES, encoder, config, warm_start)

    names = [
        name(),
        name(learning_rate=0.01),
        name(seed=2),
        name(batch_size=4),
        name(max_steps=9),
        *(name(warm_start=WarmStart("base", None, (), digest)) for digest in "ab"),
    ]
    assert len(set(names)) == len(names)
    assert name(resume_dir="elsewhere") == names[0]


@pytest.mark.parametrize(
    "trainable", [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_a_warm_start_goes_on_where_the_base_ended(
    tmp_path, transformed_data, trainable, request
):
    base = request.getfixturevalue("trained_with_elmo" if trainable else "trained")
    elmo = request.getfixturevalue("one_layer_elmo" if trainable else "small_elmo")
    best = min(entry["eval_loss"] for entry in base.history["epochs"])
    args = fn_args(
        transformed_data,
        tmp_path,
        elmo=elmo,
        trainable=trainable,
        model=MODEL if trainable else ATTENTION,
        # Steps so small that the epoch leaves the weights as they were.
        train={**ONE_EPOCH, "learning_rate": 1e-6, "seed": 7, "warm_start": True},
        base_model=base_of(base),
    )
    history = train(tmp_path, args).history
    assert history["epochs"][0]["eval_loss"] == pytest.approx(best, abs=0.01)
    assert best < np.log(2) - 0.04  # the loss of a fresh head, which knows nothing
    # Of the same weights the same; inherited, it would have made the next one 1. With
    # stored vectors that of the base is found on texts left out, this one on eval.
    if trainable:
        temperature = base.history["temperature"]
        assert history["temperature"] == pytest.approx(temperature, rel=0.005)
        assert abs(temperature - 1) > 0.01
    assert history["warm_start"] == {
        "from": str(base.folder),
        "reason": None,
        "new_classes": [],
    }


def row_of(word, layer):
    return int(layer._row(ngram_ids(tf.constant([[word]])))[0, 0])


@pytest.mark.parametrize(
    "fixture", ["trained", pytest.param("trained_with_elmo", marks=pytest.mark.slow)]
)
def test_the_head_learns_what_words_say(fixture, request):
    classifier = request.getfixturevalue(fixture).classifier
    layer = classifier.head.get_layer("ngram_logits")
    for word in CLASSES:  # each class is named by the word that tells it
        weights = layer.table.numpy()[row_of(word, layer)]
        assert CLASSES[int(weights.argmax())] == word
    assert not layer.scales.numpy()[row_of("dull", layer)]


def test_after_a_warm_start_the_words_of_the_new_texts_are_known(
    tmp_path, transformed_data, small_elmo, trained
):
    args = fn_args(
        transformed_data,
        tmp_path,
        elmo=small_elmo,
        model=ATTENTION,
        train={**ONE_EPOCH, "warm_start": True},
        base_model=base_of(trained),
    )
    texts = {"a fine film": 0, "a dull film": 1}
    rows = [
        {features.TOKENS: text.split(), features.LABEL_ID: label}
        for text, label in texts.items()
    ]
    write_records(tmp_path / "records", rows * 2)
    args.train_files = [str(tmp_path / "records" / "*")]
    layer = train(tmp_path, args).classifier.head.get_layer("ngram_logits")
    scales = layer.scales.numpy()
    assert scales[row_of("dull", layer)] and not scales[row_of("saw", layer)]


def test_what_a_warm_start_needs_lies_beside_the_exported_model(trained):
    beside = {path.name for path in (trained.folder / "warm_start").iterdir()}
    assert beside == {"weights.npz", "facts.json"}
    assert not list((trained.folder / "model").rglob("*.npz"))


@pytest.mark.slow
def test_a_trainable_elmo_is_trained_with_the_head(trained_with_elmo, one_layer_elmo):
    assert trained_with_elmo.history["embedding_cache"] is None
    before = build_encoder({"source": str(one_layer_elmo)}).bilm.weights
    after = trained_with_elmo.classifier.encoder.bilm.weights
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
    tmp_path, transformed_data, split, labels, message
):
    rows = [{features.TOKENS: ["a"], features.LABEL_ID: label} for label in labels]
    write_records(tmp_path / "records", rows)
    args = fn_args(transformed_data, tmp_path, elmo="unused")
    setattr(args, f"{split}_files", [str(tmp_path / "records" / "*")])
    with pytest.raises(ValueError, match=f"{message}(.|\n)*\nhint: "):
        run_fn(args)


def test_one_class_is_refused(data):
    with pytest.raises(ValueError, match="at least 2 classes. Received: good"):
        trainer.count_classes(data, ["good"])


@pytest.mark.parametrize(
    ("counts", "weights"),
    [
        ([150, 50], [2 / 3, 2]),
        ([150, 149, 1], [2 / 3, 100 / 149, 5]),  # not 100
        ([6, 3], [0.75, 1]),  # the fewer the texts, the less they are stretched
        ([5, 5], [1, 1]),
    ],
)
def test_a_class_of_few_texts_weighs_as_if_it_had_twenty(counts, weights):
    found = learning.class_weights(np.array(counts), "balanced")
    np.testing.assert_allclose(found, weights, rtol=1e-6)
    none = learning.class_weights(np.array(counts), "none")
    assert none.tolist() == [1] * len(counts)


def test_what_is_exported_has_the_weight_and_the_temperature_that_were_found(
    transformed_data, small_elmo, tmp_path, monkeypatch
):
    found = {}

    def calibrate(head, data, inputs, ngrams, **others):
        original = calibration.calibrate(head, data, inputs, ngrams, **others)
        assert original.ngram_weight is not None
        parts = calibration.eval_logits(head, data, inputs, ngrams, batch_size=3)
        order = data.splits[features.EVAL]
        order = order[np.argsort(data.lengths[order], kind="stable")]
        found.update(parts=parts, tokens=data.tokens(order))
        return dataclasses.replace(original, ngram_weight=4.0, temperature=2.0)

    monkeypatch.setattr(trainer, "calibrate", calibrate)
    args = fn_args(transformed_data, tmp_path, elmo=small_elmo, train=ONE_EPOCH)
    trained = train(tmp_path, args)
    parts = found["parts"]
    assert np.abs(parts.ngrams).max() > 0.1 and np.abs(parts.vectors).max() > 0
    expected = calibration.calibrated(parts.with_ngrams(4.0), 2.0)
    probabilities = trained.classifier(tf.constant(found["tokens"], tf.string))
    np.testing.assert_allclose(probabilities, expected, atol=0.01)  # four bits a value
    history = trained.history
    assert (history["ngram_weight"], history["temperature"]) == (4.0, 2.0)
    assert 0 <= history["eval_accuracy"] <= 1


def test_heads_of_left_out_texts_say_how_many_epochs_and_how_sure(
    transformed_data, small_elmo, tmp_path, monkeypatch
):
    """With 42 texts there is nothing to say; so the least number is lowered here."""
    monkeypatch.setattr(calibration, "_LEAST_TEXTS", 10)
    logits = np.array([[9.0, 0], [0, 9], [0, 9]] * 4)
    labels = np.array([0, 1, 0] * 4)
    found = LeftOut(4, PartLogits(logits, 0 * logits, labels))
    monkeypatch.setattr(trainer, "least_loss", lambda *_, **__: found)
    args = fn_args(transformed_data, tmp_path, elmo=small_elmo, train=ONE_EPOCH)
    args.custom_config["train"]["epochs"] = "auto"
    history = train(tmp_path, args).history
    assert len(history["epochs"]) == 4
    assert history["temperature"] > 2, "one of three sure answers is wrong"


def test_heads_that_do_not_learn_leave_it_to_the_eval_split(
    transformed_data, small_elmo, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(calibration, "_LEAST_TEXTS", 10)

    def fail(*_, **__):
        raise NoLoss

    monkeypatch.setattr(trainer, "least_loss", fail)
    args = fn_args(transformed_data, tmp_path, elmo=small_elmo, train=ONE_EPOCH)
    assert len(train(tmp_path, args).history["epochs"]) == 1
    assert "the eval split decides" in caplog.text
