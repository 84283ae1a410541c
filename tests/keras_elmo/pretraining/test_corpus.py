from __future__ import annotations

import logging

import numpy as np
import pytest

from keras_elmo.characters import spell_tokens
from keras_elmo.pretraining import corpus as corpus_module
from keras_elmo.pretraining.corpus import BOUNDARY, Corpus, prepare
from keras_elmo.pretraining.sentences import split_sentences
from tests.keras_elmo.pretraining.texts import make_corpus, split_at_spaces


def read_back(corpus, ids):
    """Returns the sentences of a stream as lists of words."""
    (starts,) = np.nonzero(ids == BOUNDARY)
    return [
        [corpus.words[i] for i in ids[start + 1 : end]]
        for start, end in zip(starts, starts[1:], strict=False)
    ]


def test_the_ids_are_the_words_of_the_text(tmp_path, monkeypatch):
    corpus = make_corpus(tmp_path, monkeypatch)
    lines = (tmp_path / "text.txt").read_text().splitlines()

    def words(part):
        sentences = [each for line in part for each in split_sentences(line)]
        return [[w.decode() for w in s] for s in split_at_spaces(sentences)]

    held_out = lines[9::10]
    trained = [line for n, line in enumerate(lines, 1) if n % 10]
    assert read_back(corpus, corpus.held_out) == words(held_out)
    assert read_back(corpus, corpus.train) == words(trained)
    tokens = corpus.facts["tokens"]
    assert tokens["train"] == sum(map(len, words(trained)))
    assert corpus.facts["sources"][0]["tokens"] == sum(tokens.values())


def test_words_are_numbered_by_falling_frequency(tmp_path, monkeypatch):
    corpus = make_corpus(tmp_path, monkeypatch)
    assert corpus.words[:4] == ["<S>", "</S>", "<UNK>", "."]
    assert (np.diff(corpus.counts[3:]) <= 0).all()
    everything = np.concatenate([corpus.train, corpus.held_out])
    found = np.bincount(everything, minlength=len(corpus.words))
    np.testing.assert_array_equal(found[3:], corpus.counts[3:])
    assert corpus.vocabulary_size(min_count=0, max_size=9) == 9
    frequent = (corpus.counts[3:] >= 40).sum()
    assert corpus.vocabulary_size(min_count=40, max_size=10**6) == 3 + frequent


def test_every_word_is_spelled_even_past_the_vocabulary(tmp_path, monkeypatch):
    corpus = make_corpus(tmp_path, monkeypatch)
    expected = spell_tokens(corpus.words, 12)
    np.testing.assert_array_equal(corpus.spellings(12), expected)


def test_each_word_has_the_id_of_its_lower_case_spelling(tmp_path, monkeypatch):
    corpus = make_corpus(tmp_path, monkeypatch)
    table, added = corpus.lower_case()
    assert sorted(added) == ["her", "my"]  # only ever at the start of a sentence
    everything = [*corpus.words, *added]
    assert len(set(everything)) == len(everything)
    assert [everything[i] for i in table[3:]] == [w.lower() for w in corpus.words[3:]]
    np.testing.assert_array_equal(table[:3], [0, 1, 2])
    expected = spell_tokens(everything, 12)
    np.testing.assert_array_equal(corpus.spellings(12, added), expected)


def test_words_past_the_bound_on_memory_are_unknown(tmp_path, monkeypatch):
    corpus = make_corpus(tmp_path, monkeypatch, max_types=5)
    assert len(corpus.words) == 3 + 5
    assert (corpus.train == 2).sum() + (corpus.held_out == 2).sum() == corpus.counts[2]
    assert corpus.counts[2] > 0


def test_the_tokens_are_those_of_the_pipeline(tmp_path):
    pytest.importorskip("tensorflow")
    (tmp_path / "a.txt").write_text("I can't wait.<br />It's (very) good.\nNo.\n" * 2)
    prepare([tmp_path / "a.txt"], tmp_path / "corpus", held_out_every=2)
    corpus = Corpus(tmp_path / "corpus")
    assert read_back(corpus, corpus.train)[:2] == [
        ["I", "ca", "n't", "wait", "."],
        ["It", "'s", "(", "very", ")", "good", "."],
    ]


def test_a_text_too_short_to_hold_some_out_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="none for held_out"):
        make_corpus(tmp_path, monkeypatch, lines=9)
    assert not (tmp_path / "corpus").exists()


def edited(old, new):
    return lambda data: data.replace(old, new, 1)


FILES = {
    "facts that are no JSON": ("corpus.json", lambda data: data[:-9], "line 19"),
    "facts that are a list": ("corpus.json", lambda _: b"[]", "must have the form"),
    "facts without sources": (
        "corpus.json",
        edited(b"sources", b"others"),
        "must have the form",
    ),
    "facts of another type": (
        "corpus.json",
        edited(b'"train": ', b'"train": -'),
        "must have the form",
    ),
    "facts nested deeply": ("corpus.json", lambda _: b"[" * 10**5, "recursion"),
    "no words": ("types.txt", lambda _: b"", "has not the"),
    "words cut short": ("types.txt", lambda data: data[:-40], "line|has not the"),
    "a word without a count": ("types.txt", edited(b"\t", b" "), "line 1 is no count"),
    "a count too large": ("types.txt", lambda data: b"9" * 30 + data, "large"),
    "words that are not UTF-8": ("types.txt", edited(b"<UNK>", b"\xff"), "decode"),
    "no ids": ("train.bin", lambda _: b"", "empty"),
    "ids cut short": ("train.bin", lambda data: data[:-8], "has not the"),
    "half an id": ("held_out.bin", lambda data: data[:-1], "multiple"),
    "ids of no word": (
        "held_out.bin",
        lambda data: data[:4] + b"\xff\xff\xff\x7f" + data[8:],
        "words that types.txt has not",
    ),
    "negative ids": (
        "train.bin",
        lambda data: data[:4] + b"\xff\xff\xff\xff" + data[8:],
        "words that types.txt has not",
    ),
}


@pytest.mark.parametrize(("name", "edit", "words"), FILES.values(), ids=FILES)
def test_prepared_texts_that_are_not_as_written_are_named(
    tmp_path, monkeypatch, name, edit, words
):
    make_corpus(tmp_path, monkeypatch)
    path = tmp_path / "corpus" / name
    path.write_bytes(edit(path.read_bytes()))
    with pytest.raises(ValueError, match=words) as caught:
        Corpus(tmp_path / "corpus")
    line, hint = str(caught.value).split("\n")
    assert line.startswith(f"Cannot read the prepared texts {path}: ")
    assert hint == f"hint: delete {path.parent}, and have the texts prepared anew"


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.replace("a", "ä").encode("latin-1"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: bytes(range(256)) * 20,
    ],
)
def test_a_text_of_another_encoding_is_refused(tmp_path, monkeypatch, encode):
    monkeypatch.setattr(corpus_module, "_tokenize", split_at_spaces)
    path = tmp_path / "a.txt"
    path.write_bytes(encode("A man said that.\n" * 200))
    with pytest.raises(ValueError, match=f"The text {path} is not UTF-8: .*\nhint: "):
        prepare([path], tmp_path / "corpus", held_out_every=10)


def test_a_few_broken_bytes_are_said(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(corpus_module, "_tokenize", split_at_spaces)
    path = tmp_path / "a.txt"
    path.write_bytes(b"A man said that.\n" * 200 + b"A m\xffn said that.\n")
    caplog.set_level(logging.WARNING)
    prepare([path], tmp_path / "corpus", held_out_every=10)
    assert "a.txt: in 1 lines U+FFFD stands for broken bytes" in caplog.text
