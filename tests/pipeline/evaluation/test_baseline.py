from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import tensorflow as tf

from pipeline.evaluation import baseline
from pipeline.evaluation.baseline import tfidf_baseline
from pipeline.features import LABEL, TEXT

Rows = Sequence[tuple[str, str]]  # text, label


def _feature(value: str) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))


@pytest.fixture
def examples(tmp_path: Path) -> Callable[[Rows, Rows], str]:
    def write(train: Rows, test: Rows) -> str:
        for split, rows in (("train", train), ("test", test)):
            folder = tmp_path / f"Split-{split}"
            folder.mkdir()
            for shard in range(2):
                path = folder / f"data_tfrecord-{shard:05}-of-00002.gz"
                with tf.io.TFRecordWriter(str(path), "GZIP") as file:
                    for text, label in rows[shard::2]:
                        feature = {TEXT: _feature(text), LABEL: _feature(label)}
                        features = tf.train.Features(feature=feature)
                        example = tf.train.Example(features=features)
                        file.write(example.SerializeToString())
        return str(tmp_path)

    return write


_GOOD = [("a really good film", "pos"), ("good plot, good cast", "pos")]
_BAD = [("a really bad film", "neg"), ("bad plot, bad cast", "neg")]
_DULL = [("a really dull film", "meh"), ("dull plot, dull cast", "meh")]


def test_words_that_tell_the_classes_apart_are_learnt(examples):
    uri = examples((_GOOD + _BAD + _DULL) * 3, _GOOD + _DULL + _BAD)
    result = tfidf_baseline(uri, seed=1)
    assert result.notes == ()
    assert result.measures.rows == 6
    assert result.measures.accuracy == result.measures.auc == 1
    assert result.measures.support.tolist() == [2, 2, 2]


def test_the_more_classes_there_are_the_fewer_terms_count(examples, monkeypatch):
    train = [(f"{word} one", word) for word in ("good", "bad", "dull")] * 3
    uri = examples(train, [("good", "good"), ("bad", "bad"), ("dull", "dull")])
    full = tfidf_baseline(uri, seed=1)
    assert full.notes == () and full.measures.accuracy == 1
    monkeypatch.setattr(baseline, "MAX_WEIGHTS", 3 * 2 + 1)
    fewer = tfidf_baseline(uri, seed=1)
    assert fewer.notes == ("the 2 terms that come most often",)
    assert fewer.measures.accuracy < 1


def test_characters_stand_in_for_words_where_the_model_reads_them(examples):
    # Each text is one word to scikit-learn, and none occurs twice.
    train = [(f"{a}电影很{b}{c}", c) for a in "这那此" for b in "好坏" for c in "一二"]
    uri = examples(train, [("哪部电影很好一", "一"), ("哪部电影很坏二", "二")])
    assert tfidf_baseline(uri, seed=1).measures is None
    result = tfidf_baseline(uri, seed=1, tokenizer="characters")
    assert result.measures.accuracy == 1


def test_the_lengths_of_the_texts_are_those_of_each_split(examples):
    train = [(" ".join(["word"] * n), "ab"[n % 2]) for n in range(1, 102)]
    lengths = tfidf_baseline(examples(train, _GOOD), seed=1).lengths
    # What is nearest to each quantile: no length is made up.
    assert lengths == {"train": (1, 6, 51, 96, 101), "test": (4, 4, 4, 4, 4)}


def test_pairs_of_words_are_learnt_too(examples):
    rows = [("was good not bad", "pos"), ("was bad not good", "neg")]
    assert tfidf_baseline(examples(rows * 4, rows), seed=1).measures.accuracy == 1


def test_a_label_that_only_the_test_split_has_counts_as_wrong(examples):
    uri = examples((_GOOD + _BAD) * 2, [*_GOOD, ("a good film", "mixed")])
    measures = tfidf_baseline(uri, seed=1).measures
    assert measures.unknown_labels == 1
    assert measures.accuracy == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("train", "test", "note"),
    [
        ([("one two", "a"), ("three four", "b")], _GOOD, "no word occurs in two of"),
        ([("!", "a"), ("?", "b")], _GOOD, "no word occurs in two of"),
        (_GOOD * 2, _GOOD, "the training rows have 1 class(es); 2 are needed"),
        ([], _GOOD, "the training rows have 0 class(es)"),
        (_GOOD + _BAD, [], "the test split is empty"),
    ],
    ids=["no_common_word", "no_word", "one_class", "no_train_rows", "no_test_rows"],
)
def test_where_nothing_can_be_learnt_the_note_says_why(examples, train, test, note):
    result = tfidf_baseline(examples(train, test), seed=1)
    assert result.measures is None
    assert result.notes[0].startswith(note)


def test_of_more_rows_than_the_bound_some_are_taken_the_same_for_a_seed(examples):
    train = [(f"a {word} film {i}", word) for i in range(150) for word in ("bad", "ok")]
    uri = examples(train, train[:40])
    results = [tfidf_baseline(uri, seed=5, max_rows=30) for _ in range(2)]
    assert results[0].notes == (
        "30 of the 300 train rows, at random",
        "30 of the 40 test rows, at random",
    )
    assert results[0].measures.rows == 30
    assert results[0].measures.support.tolist() == results[1].measures.support.tolist()
    assert results[0].measures.calibration_error == (
        results[1].measures.calibration_error
    )
    other = tfidf_baseline(uri, seed=6, max_rows=30)
    assert other.measures.calibration_error != results[0].measures.calibration_error


def test_of_more_characters_than_the_bound_some_rows_are_taken(examples):
    train = [(f"{word} " * 100, word) for _ in range(20) for word in ("bad", "good")]
    uri = examples(train, _GOOD)
    result = tfidf_baseline(uri, seed=1, max_characters=9_100)
    kept = int(result.notes[0].split()[0])
    assert 9_100 / 500 - 1 <= kept <= 9_100 / 400  # texts of 400 and 500 characters
    assert result.measures.rows == 2


def test_the_end_of_a_very_long_text_is_left_out(examples):
    words = "film " * 2_000  # 10,000 characters
    train = [(f"{words}{word}", word) for word in ("bad", "good")] * 3
    measures = tfidf_baseline(examples(train, train), seed=1).measures
    assert measures.auc == 0.5  # all texts are the same up to there


def test_a_split_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no examples of the split 'train'"):
        tfidf_baseline(str(tmp_path), seed=1)


def test_movie_reviews_come_out_as_they_should(examples, shared_dir):
    folder = shared_dir / "data" / "labelled" / "mr"
    rows = [
        (text, label)
        for label in ("pos", "neg")
        for text in (folder / f"rt-polarity.{label}").read_text("latin-1").splitlines()
    ]
    train = [row for i, row in enumerate(rows) if i % 10]
    measures = tfidf_baseline(examples(train, rows[::10]), seed=0).measures
    assert measures.rows == 1_067
    assert 0.76 < measures.accuracy < 0.81  # 0.784 in tenfold cross-validation


def test_rows_with_several_labels_get_a_regression_and_a_threshold_each(tmp_path):
    rows = [
        ("good film", ["praise"]),
        ("bad film", ["blame"]),
        ("good and bad film", ["blame", "praise"]),
    ]
    for split, some in (("train", rows * 4), ("eval", rows), ("test", rows)):
        folder = tmp_path / f"Split-{split}"
        folder.mkdir()
        with tf.io.TFRecordWriter(str(folder / "data.gz"), "GZIP") as file:
            for text, labels in some:
                label = tf.train.BytesList(value=[each.encode() for each in labels])
                feature = {
                    TEXT: _feature(text),
                    LABEL: tf.train.Feature(bytes_list=label),
                }
                features = tf.train.Features(feature=feature)
                file.write(tf.train.Example(features=features).SerializeToString())
    measures = tfidf_baseline(str(tmp_path), seed=1, multi_label=True).measures
    assert measures.rows == 3
    assert measures.accuracy == measures.micro_f1 == 1
    assert measures.support.tolist() == [2, 2]
