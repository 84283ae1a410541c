"""Probabilities by heads that have not seen a text, and the labels that they doubt."""

from __future__ import annotations

import collections

import numpy as np
import pytest

from pipeline.training.data import LabelledTokens
from pipeline.training.label_doubts import cut_folds, rank_labels
from pipeline.training.out_of_fold import out_of_fold
from tests.pipeline.tiny_training import MODEL, TRAIN

WORDS = np.array([b"", b"good", b"bad", b"film"], object)
# 60 texts of which the first word tells the label, but for one.
LABELS = np.array([0, 1] * 30, np.int32)
WRONG = 20
GIVEN = LABELS.copy()
GIVEN[WRONG] = 1


def _data(labels):
    ids = [[1 + label, 3] for label in LABELS]
    return LabelledTokens(
        words=WORDS,
        word_ids=np.concatenate(ids).astype("int32"),
        starts=np.arange(0, 2 * len(ids) + 1, 2),
        labels=labels,
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


@pytest.fixture(scope="module")
def probabilities(small_elmo, tmp_path_factory):
    return out_of_fold(
        _data(GIVEN),
        np.arange(60) // 2 % 3,
        num_classes=2,
        elmo={"source": str(small_elmo), "trainable": True},
        model=MODEL,
        train=TRAIN,
        elmo_version="small",
        embeddings_dir=tmp_path_factory.mktemp("review"),
    )


def test_the_head_of_a_text_has_not_learnt_its_wrong_label(probabilities):
    assert probabilities.shape == (60, 2)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (probabilities.argmax(axis=1) == LABELS).all()
    [first, *others] = rank_labels(probabilities, GIVEN)
    assert (first.text, first.suggested) == (WRONG, 0)
    assert not others


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
