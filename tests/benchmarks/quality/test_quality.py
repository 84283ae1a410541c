"""The quality benchmark: its folds, its contenders on small texts, its report."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.quality import contenders, measuring
from benchmarks.quality.contenders import (
    WordInputs,
    elmo_head_accuracy,
    embedding_head_accuracy,
    fine_tuned_accuracy,
    mean_accuracy,
    mean_embeddings,
    tf_idf_accuracy,
)
from benchmarks.quality.report import judge, report
from benchmarks.quality.texts import (
    Fold,
    Texts,
    draws,
    folds,
    labelled,
    named_set,
    polarity,
    sample_data,
    sizes_that_fit,
    tokens_of,
)
from benchmarks.session import BenchmarkError
from pipeline.config import ModelConfig, TrainConfig
from tests.benchmarks.quality.results import results as quality_results
from tests.keras_elmo.tiny import write_model

GOOD, BAD = ["fine", "lovely", "moving"], ["dull", "awful", "tired"]
MODEL = {
    **ModelConfig().model_dump(),
    "hidden_units": 32,
    "embedding_dropout": 0.0,  # the biLM here has 10 numbers a token
    "dropout": 0.1,
    "ngram_rows": 4096,
    "word_vectors": True,
    "pretrained_branch": False,  # nor has it the width of the included one
}
TRAIN = {
    **TrainConfig().model_dump(),
    "epochs": 8,
    "patience": 8,
    "learning_rate": 0.03,
}


def make_texts(count=200, *, is_random=False):
    rng = np.random.default_rng(0)
    labels = np.arange(count, dtype=np.int32) % 2
    texts = [
        f"A {rng.choice((BAD, GOOD)[label])} film , number {rng.integers(9)} ."
        for label in labels
    ]
    if is_random:
        labels = rng.permutation(labels)
    return Texts("films", texts, labels)


@pytest.fixture
def cache_of(tmp_path):
    caches = []

    def make(texts):
        source = write_model(tmp_path / "elmo")
        cache = measuring.encode(tokens_of(texts), str(source), tmp_path / "cache")
        caches.append(cache)
        return cache

    yield make
    for cache in caches:
        cache.close()


def elmo_of(folder):
    return {"source": str(folder / "elmo"), "learning_rate": 1e-3}


def test_every_text_is_tested_once_and_never_learnt_in_its_fold():
    texts = make_texts()
    tested = []
    for fold in folds(texts):
        parts = [set(part) for part in dataclasses.astuple(fold)]
        assert sum(map(len, parts)) == len(set.union(*parts)) == len(texts.texts)
        assert [len(part) for part in parts] == [162, 18, 20]
        assert texts.labels[fold.test].mean() == texts.labels.mean() == 0.5
        tested += [*fold.test]
    assert sorted(tested) == list(range(200))


def test_the_first_folds_are_those_of_a_whole_run():
    texts = make_texts()
    for few, all_ in zip(folds(texts, 2), folds(texts), strict=False):
        np.testing.assert_array_equal(few.test, all_.test)
    assert len(list(folds(texts, 2))) == 2


def test_of_the_polarity_files_bad_ones_come_first(tmp_path):
    (tmp_path / "rt-polarity.neg").write_text("dull .\nawful .\n")
    (tmp_path / "rt-polarity.pos").write_text("fine .\n")
    texts = polarity(tmp_path)
    assert texts.texts == ["dull .", "awful .", "fine ."]
    assert texts.labels.tolist() == [0, 0, 1]


def test_a_table_is_read_by_its_columns(tmp_path):
    path = tmp_path / "sample.csv"
    path.write_text('label,text\npositive,"fine, really"\nnegative,dull\n')
    texts = sample_data(path)
    assert texts.texts == ["fine, really", "dull"]
    assert texts.labels.tolist() == [1, 0]


def test_tokens_are_those_of_the_pipeline():
    data = tokens_of(Texts("two", ["It isn't fine.", "It"], np.array([0, 1])))
    assert data.tokens(np.array([0, 1])).tolist() == [
        [b"It", b"is", b"n't", b"fine", b"."],
        [b"It", b"", b"", b"", b""],
    ]


def test_a_mean_is_over_the_tokens_of_a_text(cache_of):
    cache = cache_of(Texts("two", ["A fine film", "Dull"], np.array([0, 1])))
    means = mean_embeddings(cache, np.array([3, 1]))
    assert means.shape == (2, cache.num_layers * cache.dim)
    for text, length in enumerate((3, 1)):
        layers = cache.read(np.array([text]))
        expected = layers[0, :, :length].astype("float32").mean(axis=1).ravel()
        np.testing.assert_allclose(means[text], expected, rtol=1e-5)


def test_words_that_were_not_learnt_share_one_id():
    data = tokens_of(Texts("two", ["a fine film", "a film"], np.array([0, 1])))
    known = np.isin(data.words, [b"a", b"film"])
    inputs = WordInputs(data, known)
    ids, is_token = inputs.read(np.array([1, 0]))
    assert is_token.tolist() == [[True, True, False], [True, True, True]]
    a, film = ids[0, :2]
    assert ids.tolist() == [[a, film, 0], [a, 1, film]]
    assert {a, film} == {2, 3} and inputs.size == 4


# With shuffled labels the head has both ways to learn at once: what either gave away
# would show. With true ones the vectors have to do without the n-grams as well.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("is_random", "ngram_rows"),
    [(False, 0), (False, MODEL["ngram_rows"]), (True, MODEL["ngram_rows"])],
    ids=["labels, no n-grams", "labels", "shuffled labels"],
)
def test_every_contender_learns_what_can_be_learnt_and_no_more(
    cache_of, tmp_path, is_random, ngram_rows
):
    model = {**MODEL, "ngram_rows": ngram_rows}
    texts = make_texts(400, is_random=is_random)
    data, cache = tokens_of(texts), cache_of(texts)
    fold = next(folds(texts))
    found = {
        "TF-IDF": tf_idf_accuracy(texts, fold),
        "mean": mean_accuracy(mean_embeddings(cache, data.lengths), texts, fold),
        "head": elmo_head_accuracy(data, fold, cache, model, TRAIN),
        "fine-tuned": fine_tuned_accuracy(data, fold, elmo_of(tmp_path), model, TRAIN),
        "embedding": embedding_head_accuracy(data, fold, 8, model, TRAIN),
    }
    for name, accuracy in found.items():
        assert (accuracy > 0.75) != is_random, (name, accuracy)


def test_the_test_texts_teach_tf_idf_nothing():
    texts = Texts("pairs", ["fine", "dull"] * 4 + ["odd"] * 2, np.array([1, 0] * 5))
    rest, odd = np.arange(8), np.array([8, 9])
    assert tf_idf_accuracy(texts, Fold(rest[:6], rest[6:], odd)) == 0.5


def test_draws_learn_from_other_texts_and_test_on_the_same():
    texts = make_texts(400)
    drawn = list(draws(texts, 100, 3))
    assert len(drawn) == 3
    for fold in drawn:
        parts = [set(part) for part in dataclasses.astuple(fold)]
        assert [len(part) for part in parts] == [90, 10, 200]
        assert sum(map(len, parts)) == len(set.union(*parts))
        np.testing.assert_array_equal(fold.test, drawn[0].test)
    assert set(drawn[0].train) != set(drawn[1].train)


def test_a_draw_of_many_classes_chooses_by_one_text_of_each():
    rows = [(f"text {place}", f"class {place % 30}") for place in range(600)]
    texts = labelled("many", rows)
    assert texts.classes == 30
    (fold,) = draws(texts, 100, 1)
    assert len(fold.evaluate) == 30 and len(fold.train) == 70


@pytest.mark.parametrize("count", [200, 600, 2000, 2004])
def test_no_more_texts_are_drawn_than_there_are(count):
    texts = make_texts(count)
    sizes = sizes_that_fit(texts, [100, 300, 1000])
    assert len(sizes) < 3
    for size in sizes:
        [fold] = draws(texts, size, 1)
        assert len(fold.train) + len(fold.evaluate) == size


def test_a_head_weighs_classes_as_the_trainer_does(cache_of, monkeypatch):
    texts = make_texts(60)
    texts.labels[:] = np.arange(60) % 6 == 0
    data, cache = tokens_of(texts), cache_of(texts)
    given = []
    monkeypatch.setattr(
        contenders, "train_epochs", lambda *_, **options: given.append(options)
    )
    fold = Fold(np.arange(48), np.arange(48, 54), np.arange(54, 60))
    elmo_head_accuracy(data, fold, cache, MODEL, TRAIN)
    np.testing.assert_allclose(given[0]["class_weights"], [0.6, 1.2])


def test_texts_are_cut_where_the_pipeline_cuts_them():
    long = "so " * 50
    texts = labelled("films", [("a fine film", "good")] * 98 + [(long, "bad")] * 2)
    assert set(tokens_of(texts).lengths) == {3}
    texts = labelled("films", [("a fine film", "good")] * 90 + [(long, "bad")] * 10)
    assert set(tokens_of(texts).lengths) == {3, 50}


def test_a_set_of_ones_own_is_named_by_its_file(tmp_path):
    path = tmp_path / "questions.csv"
    path.write_text("text,label\nWho ?,person\nWhere ?,place\nWhen ?,time\n")
    texts = named_set(f"TREC={path}")
    assert (texts.name, texts.classes) == ("TREC", 3)
    with pytest.raises(BenchmarkError, match="NAME=FILE.csv. Received: TREC"):
        named_set("TREC")


@pytest.mark.parametrize("head", [0.69, 0.705, 0.75, 0.85])
def test_goals_are_judged_by_the_means(head):
    results = quality_results(head)
    goals = list(judge(results))
    # SBERT's vectors, the published ELMo, nowhere behind TF-IDF, three points at 300.
    assert [goal.met for goal in goals] == [
        head >= 0.836,
        head >= 0.809,
        head >= 0.70,
        head >= 0.74,
    ]
    text = report(dataclasses.asdict(results))
    assert f"{100 * head:.1f} ± 1.0" in text
    unmet = sum(not goal.met for goal in goals)
    assert text.count("**not reached**") == unmet
    assert "MR 10,662 texts of 2 classes" in text
