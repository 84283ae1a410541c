"""Reading transformed examples, and the order of batches."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from pipeline import features
from pipeline.training.data import read_labelled_tokens, shuffled_batches, untuned
from tests.pipeline.tiny_training import write_records

SPEC = {
    features.TOKENS: tf.io.VarLenFeature(tf.string),
    features.LABEL_ID: tf.io.FixedLenFeature([], tf.int64),
}
ROWS = [(["a", "b"], 1), ([], 0), (["b", "c", "a"], 1)]


def write(folder, rows=ROWS):
    write_records(
        folder,
        [{features.TOKENS: words, features.LABEL_ID: label} for words, label in rows],
    )
    return [str(folder / "*")]


def test_texts_come_back_padded_with_their_labels(tmp_path):
    patterns = {"train": write(tmp_path / "a"), "eval": write(tmp_path / "b", ROWS[:1])}
    data = read_labelled_tokens(patterns, SPEC)
    assert data.splits["train"].tolist() == [0, 1, 2]
    assert data.splits["eval"].tolist() == [3]
    assert data.labels.tolist() == [1, 0, 1, 1]
    assert data.lengths.tolist() == [2, 0, 3, 2]
    assert data.tokens(np.array([2, 1])).tolist() == [[b"b", b"c", b"a"], [b""] * 3]


def test_a_batch_of_empty_texts_keeps_a_time_axis(tmp_path):
    data = read_labelled_tokens({"train": write(tmp_path)}, SPEC)
    assert data.tokens(np.array([1, 1])).tolist() == [[b""], [b""]]


def test_an_empty_split_is_named(tmp_path):
    patterns = {"train": write(tmp_path / "a"), "eval": write(tmp_path / "b", [])}
    with pytest.raises(ValueError, match="'eval' split must hold.*\nhint"):
        read_labelled_tokens(patterns, SPEC)


def test_the_fingerprint_changes_with_one_label(tmp_path):
    first = read_labelled_tokens({"train": write(tmp_path / "a")}, SPEC)
    again = read_labelled_tokens({"train": write(tmp_path / "b")}, SPEC)
    other_rows = [*ROWS[:2], (ROWS[2][0], 0)]
    other = read_labelled_tokens({"train": write(tmp_path / "c", other_rows)}, SPEC)
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()


def batches_of(**options):
    lengths = np.random.default_rng(1).integers(1, 100, 1000)
    options = {"batch_size": 8, "seed": 1, "epoch": 0, **options}
    return lengths, shuffled_batches(np.arange(100, 1000), lengths, **options)


def test_an_epoch_reads_every_text_once():
    _, batches = batches_of()
    assert sorted(np.concatenate(batches)) == list(range(100, 1000))
    assert max(map(len, batches)) == 8


def test_texts_of_a_batch_are_of_similar_length():
    lengths, batches = batches_of()
    spread = np.mean([np.ptp(lengths[batch]) for batch in batches])
    assert spread < 10  # of 99; about 80 in random batches


def test_the_order_is_that_of_seed_and_epoch():
    first = np.concatenate(batches_of()[1])
    assert np.array_equal(first, np.concatenate(batches_of()[1]))
    for change in ({"seed": 2}, {"epoch": 1}):
        assert not np.array_equal(first, np.concatenate(batches_of(**change)[1]))


def test_a_dataset_that_is_not_tuned_ends_when_it_is_read():
    dataset = untuned(tf.data.Dataset.range(3))
    assert not dataset.options().autotune.enabled
    assert list(dataset.as_numpy_iterator()) == [0, 1, 2]
