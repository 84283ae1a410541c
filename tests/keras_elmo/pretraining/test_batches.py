from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pytest
from keras import ops

from keras_elmo import BiLMOptions
from keras_elmo.characters import spell_tokens
from keras_elmo.pretraining import batches as batches_module
from keras_elmo.pretraining.batches import (
    Batcher,
    log_expected_counts,
    prefetch,
    sample_log_uniform,
)
from keras_elmo.pretraining.corpus import SPECIAL
from keras_elmo.token_encoder import TokenEncoder
from tests.keras_elmo.pretraining.texts import make_corpus
from tests.keras_elmo.tiny import TINY


def make_batcher(corpus, **changes):
    options = {
        "ids": corpus.train,
        "spellings": corpus.spellings(50),
        "vocabulary_size": 12,
        "rows": 3,
        "unroll": 7,
        "widest_filter": 3,
    }
    return Batcher(**{**options, **changes})


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    return make_corpus(tmp_path, monkeypatch)


def test_each_row_goes_on_where_its_last_batch_ended(corpus):
    batcher = make_batcher(corpus)
    steps = batcher.circle // batcher.unroll + 5  # more than a whole round
    inputs = np.concatenate([batcher.words(n)[0] for n in range(steps)], axis=2)
    circle = corpus.train[:-1]
    for row in range(batcher.rows):
        start = row * (len(circle) // batcher.rows)
        ahead = np.roll(circle, -start)
        back = np.roll(circle[::-1], start + 1)
        back = np.where(back == 0, 1, back)  # read as </S> from behind
        length = inputs.shape[2]
        np.testing.assert_array_equal(inputs[0, row], np.resize(ahead, length))
        np.testing.assert_array_equal(inputs[1, row], np.resize(back, length))


def test_the_target_is_the_next_word_in_the_reading_direction(corpus):
    batcher = make_batcher(corpus)
    inputs, targets = batcher.words(4)
    following, _ = batcher.words(5)
    for direction, (mark, other) in enumerate(((0, 1), (1, 0))):
        expected = np.concatenate(
            [inputs[direction, :, 1:], following[direction, :, :1]], axis=1
        )
        expected = np.where(expected == mark, other, expected)
        expected = np.where(expected >= batcher.vocabulary_size, 2, expected)
        np.testing.assert_array_equal(targets[direction], expected)
    assert {0, 1} == {0, 1} & set(inputs.ravel())
    assert 2 in targets
    assert (inputs >= batcher.vocabulary_size).any()  # read by their spelling


def test_a_batch_depends_on_its_number_alone(corpus):
    first = make_batcher(corpus, negatives=5).batch(3)
    again = make_batcher(corpus, negatives=5).batch(3)
    other = make_batcher(corpus, negatives=5).batch(4)
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
    assert (first["negatives"] != other["negatives"]).any()


def test_the_spellings_of_a_batch_are_those_of_its_words(corpus):
    batcher = make_batcher(corpus)
    batch = batcher.batch(2)
    width = batch["chars"].shape[1]
    inputs, _ = batcher.words(2)
    expected = batcher.spellings[inputs][..., :width]
    np.testing.assert_array_equal(batch["chars"][batch["inputs"]], expected)


def make_lower_cased(corpus, **changes):
    """Returns a batcher of ten rows that reads some in lower case, and its words."""
    table, added = corpus.lower_case()
    options = {
        "spellings": corpus.spellings(50, added),
        "lower_case": table,
        "vocabulary_size": len(corpus.words),
        "rows": 10,
    }
    batcher = make_batcher(corpus, **{**options, **changes})
    return batcher, np.array([*corpus.words, *added])


def as_text(batcher, words, steps=8):
    """Returns the words of inputs and targets, `(2, 2, rows, time)`."""
    return words[np.concatenate([batcher.words(n) for n in range(steps)], axis=-1)]


@pytest.mark.parametrize("share", [0.25, 0.3, 0.5, 1.0])
def test_a_share_of_the_rows_is_read_and_predicted_in_lower_case(corpus, share):
    batcher, words = make_lower_cased(corpus, lowercase_share=share)
    plain, _ = make_lower_cased(corpus, lower_case=None)
    found, original = as_text(batcher, words), as_text(plain, words)
    lower = np.where(np.isin(original, SPECIAL), original, np.char.lower(original))
    lower[1][np.isin(lower[1], words[len(corpus.words) :])] = "<UNK>"
    (rows,) = np.nonzero((found != original).any(axis=(0, 1, 3)))
    assert len(rows) == int(10 * share)
    gaps = np.diff(rows)  # evenly over the circle
    assert gaps.size == 0 or gaps.max() - gaps.min() <= 1
    expected = original.copy()
    expected[:, :, rows] = lower[:, :, rows]
    np.testing.assert_array_equal(found, expected)
    assert {"<S>", "</S>", "my"} <= set(found[0, :, rows].ravel())
    assert "<UNK>" in found[1, :, rows]


def test_words_that_lower_case_adds_are_spelled_as_they_read(corpus):
    batcher, words = make_lower_cased(corpus, lowercase_share=1.0)
    batch = batcher.batch(2)
    width = batch["chars"].shape[1]
    read = words[batcher.words(2)[0].ravel()].tolist()
    assert {"my", "her"} & set(read)
    spelled = batch["chars"][batch["inputs"].ravel()]
    np.testing.assert_array_equal(spelled, spell_tokens(read, 50)[:, :width])


@pytest.mark.parametrize("step", [0, 3])
def test_a_share_of_0_changes_nothing(corpus, step):
    batcher, _ = make_lower_cased(corpus, lowercase_share=0.0, negatives=5)
    plain = make_batcher(
        corpus, vocabulary_size=len(corpus.words), rows=10, negatives=5
    )
    expected = plain.batch(step)
    found = batcher.batch(step)
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def test_all_batches_have_one_shape_where_each_is_compiled(corpus):
    def shapes(batcher):
        return {batcher.batch(step)["chars"].shape for step in range(around)}

    batcher = make_batcher(corpus, distinct_multiple=1)
    around = batcher.circle // batcher.tokens_per_batch
    sizes = {len(np.unique(batcher.words(n)[0])) for n in range(around)}
    most = batcher.most_distinct(looks=around)
    assert most == max(sizes) > min(sizes)
    assert min(sizes) <= batcher.most_distinct(looks=4) <= most
    assert len(shapes(batcher)) == len(sizes)
    assert shapes(make_batcher(corpus, distinct_multiple=most)) == {(most, 25)}
    whole = make_batcher(corpus, distinct_multiple=most, is_cut=False)
    assert shapes(whole) == {(most, 50)}


@pytest.mark.parametrize("length", [19, 20, 21, 22, 48])
def test_cutting_off_padding_changes_no_vector(corpus, length):
    long_word = np.full(50, 261, np.int16)
    long_word[0], long_word[1 : length + 1], long_word[length + 1] = 259, 98, 260
    spellings = corpus.spellings(50)
    spellings[3] = long_word
    batcher = make_batcher(corpus, spellings=spellings)
    batch = batcher.batch(0)
    assert (batch["chars"].shape[1] == 25) == (length <= 20)
    encoder = TokenEncoder(BiLMOptions(**{**TINY, "max_chars": 50}))
    inputs, _ = batcher.words(0)
    whole = encoder(spellings[inputs].reshape(-1, 50).astype("int32"))
    cut = encoder(batch["chars"][batch["inputs"].ravel()])
    np.testing.assert_allclose(np.array(cut), np.array(whole), atol=1e-6)


def test_the_sample_is_distinct_and_as_often_as_expected():
    size, count, draws = 50, 20, 4000
    rng = np.random.default_rng(1)
    found, expected = np.zeros(size), np.zeros(size)
    for _ in range(draws):
        ids, tries = sample_log_uniform(rng, size, count)
        assert len(set(ids)) == count
        assert ids.min() >= 0 and ids.max() < size
        found[ids] += 1 / draws
        expected += np.exp(log_expected_counts(np.arange(size), tries, size)) / draws
    np.testing.assert_allclose(found, expected, atol=0.04)
    assert found[0] > found[10] > found[40]


def test_a_sample_as_large_as_the_vocabulary_is_refused():
    with pytest.raises(ValueError, match="below the vocabulary's 9 words"):
        sample_log_uniform(np.random.default_rng(0), 9, 9)


class Numbered:
    """Stands in for a batcher; early batches of it take longest."""

    def __init__(self, broken=None):
        self.broken = broken

    def batch(self, step):
        if step == self.broken:
            raise IndexError(f"batch {step}")
        time.sleep(0.02 / (1 + step % 4))
        return {"step": np.array([step]), "half": np.array([step / 2], np.float32)}


def numbers(batches):
    return [int(ops.convert_to_numpy(batch["step"])[0]) for batch in batches]


def batch_threads():
    return [t for t in threading.enumerate() if t.name.startswith("batches")]


@pytest.fixture(params=[1, 3])
def workers(request, monkeypatch):
    cores = request.param * batches_module._CORES_PER_WORKER
    monkeypatch.setattr(batches_module.os, "cpu_count", lambda: cores)
    return request.param


@pytest.mark.parametrize("step", [0, 7])
@pytest.mark.parametrize("depth", [1, 5])
def test_batches_come_in_order_from_any_step(workers, step, depth):
    batches = prefetch(Numbered(), step, depth)
    first_twelve = list(itertools.islice(batches, 12))
    batches.close()
    assert numbers(first_twelve) == list(range(step, step + 12))
    for number, batch in enumerate(first_twelve, step):
        expected = Numbered().batch(number)
        assert set(batch) == set(expected)
        for name, value in expected.items():
            assert ops.is_tensor(batch[name])
            np.testing.assert_array_equal(ops.convert_to_numpy(batch[name]), value)


def test_an_error_is_raised_at_its_batch(workers):
    batches = prefetch(Numbered(broken=6), 2)
    assert numbers(itertools.islice(batches, 4)) == [2, 3, 4, 5]
    with pytest.raises(IndexError, match="batch 6"):
        next(batches)
    assert not batch_threads()


def test_no_thread_outlives_the_generator(workers):
    batches = prefetch(Numbered(), 0)
    next(batches)
    assert len(batch_threads()) == workers
    batches.close()
    assert not batch_threads()
