"""Probabilities by heads that have not seen a text."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.training.data import LabelledTokens
from pipeline.training.label_doubts import rank_labels
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


@pytest.mark.slow
def test_the_head_of_a_text_has_not_learnt_its_wrong_label(probabilities):
    assert probabilities.shape == (60, 2)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (probabilities.argmax(axis=1) == LABELS).all()
    [first, *others] = rank_labels(probabilities, GIVEN)
    assert (first.text, first.suggested) == (WRONG, 0)
    assert not others
