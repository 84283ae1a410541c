"""The labels that are doubted: folds, the ranking, and the linear models."""

from __future__ import annotations

import collections

import numpy as np
import pytest

from pipeline.training import label_doubts
from pipeline.training.data import LabelledTokens
from pipeline.training.label_doubts import cut_folds, doubted_labels, rank_labels

# 90 texts of two words: the first tells the class, the second says nothing.
WORDS = np.array(
    [b"", b"good", b"bad", b"odd", *(b"w%d" % n for n in range(29))], object
)
CLASSES = np.arange(90) % 3


def data_of(labels, texts=None):
    if texts is None:
        texts = [[1 + label, 4 + n // 3 % 9, 4 + n // 27] for n, label in
                 enumerate(CLASSES)]  # fmt: skip
    return LabelledTokens(
        words=WORDS,
        word_ids=np.concatenate([*texts, []]).astype("int32"),
        starts=np.cumsum([0, *map(len, texts)]),
        labels=np.asarray(labels, np.int32),
        splits={},
    )


def test_equal_texts_share_a_fold_and_each_fold_has_its_share_of_a_class():
    digests = [bytes([i // 2]) for i in range(200)]
    labels = np.array([0 if i < 40 else 1 for i in range(200)])
    folds = cut_folds(digests, labels, 5)
    assert all(folds[i] == folds[i + 1] for i in range(0, 200, 2))
    for label, texts in ((0, 40), (1, 160)):
        counts = collections.Counter(folds[labels == label].tolist())
        assert sorted(counts) == list(range(5))
        assert max(counts.values()) - min(counts.values()) <= 2
        assert sum(counts.values()) == texts
    assert (cut_folds(digests, labels, 5) == folds).all()


def test_a_class_that_is_never_sure_of_its_own_is_not_suspected_as_a_whole():
    sure, unsure = [0.95, 0.05], [0.7, 0.3]
    probabilities = np.array([sure] * 50 + [unsure] * 10 + [[0.99, 0.01]])
    labels = np.array([0] * 50 + [1] * 11)
    suspicions = rank_labels(probabilities, labels)
    assert [each.text for each in suspicions] == [60]
    assert suspicions[0].suggested == 0
    assert suspicions[0].score == pytest.approx(
        np.log(0.99 / 0.95) - np.log(0.01 / ((10 * 0.3 + 0.01) / 11))
    )


@pytest.mark.parametrize("rare", [2, 3, 9])
def test_of_a_class_of_few_texts_only_the_likelier_label_is_suggested(rare):
    # Nobody is ever sure of the rare class, so that next to nothing of it is much.
    probabilities = np.array([[0.9, 0.1]] * 40 + [[0.94, 0.06]] * rare)
    labels = np.array([0] * 40 + [1] * rare)
    probabilities[0] = [0.6, 0.4]  # much more than its mean, but its own is likelier
    probabilities[1] = [0.3, 0.7]
    suspicions = rank_labels(probabilities, labels)
    assert [each.text for each in suspicions if labels[each.text] == 0] == [1]
    assert suspicions[0].suggested == 1


def test_a_wrong_label_is_found_by_the_words():
    labels = CLASSES.copy()
    labels[[7, 40]] = 0  # of class 1
    data = data_of(labels)
    doubts = doubted_labels(data, 3, None)
    assert doubts.texts == 90
    keys = data.keys()
    assert {each.key for each in doubts.found} == {keys[7], keys[40]}
    for each in doubts.found:
        assert (each.label, each.suggested) == (0, 1)
        assert 0 < each.label_probability < 0.4 < each.suggested_probability < 1


def test_vectors_tell_what_words_cannot():
    random = np.random.default_rng(0)
    texts = [[4 + n % 9] * (1 + n // 9) for n in range(90)]
    vectors = random.normal(size=(90, 4)).astype(np.float32)
    vectors[:, 2] += 60 * CLASSES  # one of four numbers tells the class
    labels = CLASSES.copy()
    labels[31] = 0  # of class 1
    data = data_of(labels, texts)
    first = doubted_labels(data, 3, lambda places: vectors[places]).found[0]
    assert (first.key, first.label, first.suggested) == (data.keys()[31], 0, 1)


def test_equal_texts_with_one_label_count_once_and_with_two_both():
    texts = [[1 + n // 18, 4 + n % 9, 4 + n // 9] for n in range(36)]
    labels = [0] * 18 + [1] * 18
    texts += [texts[0], texts[1]]
    labels += [1, 0]  # the second one says what is known
    doubts = doubted_labels(data_of(labels, texts), 2, None)
    assert doubts.texts == 37
    [found] = doubts.found
    assert (found.label, found.suggested) == (1, 0)


def test_of_many_texts_some_are_looked_at_the_same_ones_each_time(monkeypatch):
    monkeypatch.setattr(label_doubts, "_MOST_TEXTS", 60)
    labels = np.roll(CLASSES, 1)  # all wrong: no word tells them
    labels[:45] = CLASSES[:45]
    first, second = (doubted_labels(data_of(labels), 3, None) for _ in range(2))
    assert first == second and (first.texts, first.all_texts) == (60, 90)
    monkeypatch.setattr(label_doubts, "_MOST_WORK", 3 * 3 * 66)  # of 3 tokens
    assert doubted_labels(data_of(labels), 3, None).texts == 60
    monkeypatch.setattr(label_doubts, "_MOST_TEXTS", 90)
    doubts = doubted_labels(data_of(labels), 3, None)
    assert (doubts.texts, doubts.classes, doubts.models) == (66, 3, ["words"])


def test_of_a_rare_class_as_many_texts_are_looked_at_as_of_the_others(monkeypatch):
    # 15, 25 and 50 texts; each class has a word of its own.
    labels = np.repeat([0, 1, 2], [15, 25, 50])
    texts = [[1 + label, 4 + n % 9, 4 + n // 9] for n, label in enumerate(labels)]
    labels[[3, 20]] = 2  # wrong ones
    monkeypatch.setattr(label_doubts, "_MOST_TEXTS", 42)
    looked_at = []

    def cut(digests, of_texts, folds):
        looked_at.append(np.bincount(of_texts).tolist())
        return cut_folds(digests, of_texts, folds)

    monkeypatch.setattr(label_doubts, "cut_folds", cut)
    doubts = doubted_labels(data_of(labels, texts), 3, None)
    assert looked_at == [[14, 14, 14]]
    assert (doubts.texts, doubts.all_texts) == (42, 90)


def of_many_classes(classes, of_each, chance):
    """Returns texts with a word of their class beside others, and the wrong labels."""
    labels = np.repeat(np.arange(classes), of_each)
    words = np.array([b"", *(b"w%d" % n for n in range(classes + 500))], object)
    texts = [
        [1 + label, 1 + label, *chance.integers(classes, classes + 500, 4)]
        for label in labels
    ]
    wrong = chance.choice(len(labels), len(labels) // 50, replace=False)
    given = labels.copy()
    given[wrong] = (labels[wrong] + 7) % classes
    data = LabelledTokens(
        words=words,
        word_ids=np.concatenate(texts).astype("int32"),
        starts=np.cumsum([0, *map(len, texts)]),
        labels=given.astype(np.int32),
        splits={},
    )
    return data, {(data.keys()[n], given[n], labels[n]) for n in wrong}


@pytest.mark.parametrize("classes", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_with_many_classes_wrong_labels_are_found_as_well(classes):
    data, wrong = of_many_classes(classes, 14, np.random.default_rng(3))
    doubts = doubted_labels(data, classes, None)
    assert doubts.texts == doubts.all_texts == classes * 14
    assert (doubts.classes, doubts.models) == (classes, ["words"])
    found = {(each.key, each.label, each.suggested) for each in doubts.found[:12]}
    assert len(found) == 12 and found <= wrong


def test_vectors_are_left_out_where_they_would_take_minutes():
    data, _ = of_many_classes(400, 12, np.random.default_rng(3))
    asked = []
    doubts = doubted_labels(data, 400, asked.append)
    assert doubts.texts > 4700  # some are equal, and then a class has nine
    assert (doubts.models, asked) == (["words"], [])


def test_of_too_many_classes_some_are_looked_at(monkeypatch):
    monkeypatch.setattr(label_doubts, "_MOST_NUMBERS", 40 * 250)
    data, wrong = of_many_classes(40, 14, np.random.default_rng(3))
    doubts = doubted_labels(data, 40, None)
    assert (doubts.texts, doubts.all_texts, doubts.classes) == (250, 560, 25)
    assert {each.label for each in doubts.found} <= set(range(25))


def test_of_long_texts_some_are_looked_at_and_of_each_the_begin(monkeypatch):
    labels = np.arange(40) % 2
    texts = [
        [1 + label, 4 + n // 9] + [4 + n % 9] * 60 for n, label in enumerate(labels)
    ]
    texts[0] = [4] * 5000  # one alone leaves room for the others
    labels[11] = 0
    monkeypatch.setattr(label_doubts, "_MOST_TOKENS_OF_TEXT", 50)
    monkeypatch.setattr(label_doubts, "_MOST_TOKENS", 50 * 30)
    monkeypatch.setattr(label_doubts, "_MOST_WORK", 50 * 30)
    doubts = doubted_labels(data_of(labels, texts), 2, None)
    assert (doubts.texts, doubts.all_texts, doubts.classes) == (30, 40, 2)


def test_of_many_words_the_most_frequent_count(monkeypatch):
    data, wrong = of_many_classes(20, 14, np.random.default_rng(3))
    monkeypatch.setattr(label_doubts, "_MOST_NUMBERS", 20 * 10 * 30)  # 30 words
    doubts = doubted_labels(data, 20, None)
    found = {(each.key, each.label, each.suggested) for each in doubts.found}
    assert doubts.texts == 280 and found & wrong


def test_a_label_that_is_likelier_than_what_seems_right_is_not_doubted(monkeypatch):
    # The second class is sure of nothing, so that 0.45 of it is much.
    given = np.tile([[0.99, 0.01]], (90, 1))
    given[45:] = [0.8, 0.2]
    given[0] = [0.55, 0.45]
    given[1] = [0.3, 0.7]
    labels = np.repeat([0, 1], 45)
    suspicions = rank_labels(given, labels)
    assert [each.text for each in suspicions[:2]] == [1, 0]
    monkeypatch.setattr(
        label_doubts,
        "_out_of_fold",
        lambda _, of_texts, *__: np.log(given_of(of_texts)),
    )
    texts = [[1 + n // 45, 4 + n % 9, 4 + n // 9] for n in range(90)]

    def given_of(of_texts):
        probabilities = np.where(of_texts[:, np.newaxis] == 0, [0.99, 0.01], [0.8, 0.2])
        first, second = np.flatnonzero(of_texts == 0)[:2]
        probabilities[first], probabilities[second] = [0.55, 0.45], [0.3, 0.7]
        return probabilities

    doubts = doubted_labels(data_of(labels, texts), 2, None)
    assert [each.suggested_probability for each in doubts.found if each.label == 0] == [
        pytest.approx(0.7)
    ]


@pytest.mark.parametrize(
    ("labels", "texts"),
    [
        ([0] * 9 + [1] * 9, [[1, 4 + n % 9] for n in range(18)]),  # too few of each
        ([0] * 17 + [1], [[1 + n // 17, 4 + n % 9] for n in range(18)]),
        ([0, 1] * 10, [[4 + n] for n in range(20)]),  # no word is in two
        ([0, 1] * 10, [[]] * 20),
    ],
)
def test_where_nothing_can_be_learned_no_label_is_doubted(labels, texts):
    doubts = doubted_labels(data_of(labels, texts), 2, None)
    assert (doubts.texts, doubts.classes, doubts.found) == (0, 0, ())


def test_rare_classes_are_left_out_and_tokens_need_not_be_utf8():
    labels = [*CLASSES[:-9], *[3] * 9]
    data = data_of(labels)
    data.words[4] = b"\xff\xfe"
    doubts = doubted_labels(data, 5, lambda places: np.zeros((len(places), 2)))
    assert doubts.classes == 3
    assert (doubts.texts, doubts.all_texts, doubts.found) == (81, 90, [])
    assert doubts.models == ["words", "vectors"]
