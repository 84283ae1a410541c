"""Words: their spelling, and a vocabulary that changes the speed and no result."""

from __future__ import annotations

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer
from keras_elmo.characters import spell_tokens
from keras_elmo.checkpoints import load_hdf5, save_hdf5
from keras_elmo.errors import WeightsError
from keras_elmo.runtime.words import distinct_words, spell

VOCABULARY = ["The", "cat", "café", "<UNK>", "The", "", "unbelievablylong", "</S>"]
KNOWN = [["The", "cat", "cat"], ["café", "", ""], ["</S>", "unbelievablylong", ""]]
UNKNOWN = [["dogs", "ran"], ["ran", "the"], ["", ""]]
BATCHES = {
    "known words": KNOWN,
    "unknown words": UNKNOWN,
    "both": [["The", "dogs", "and", "The", "cat"], ["dogs", "<UNK>", "", "", ""]],
    "sentence marks": [["<S>", "The", "</S>"], ["</S>", "<S>", "new"]],
    "an empty word": [["The", "", "cat"]],
    "no words": [["", ""]],
}


def make(source, **options):
    options = {"output": "layers", "initial_state": "zeros", **options}
    return ElmoEmbeddingLayer(str(source), **options)


@pytest.fixture(scope="module")
def plain(shared_layer):
    return shared_layer(output="layers", initial_state="zeros")


@pytest.fixture(scope="module")
def cached(tiny_elmo):
    return make(tiny_elmo, vocabulary=VOCABULARY)


@pytest.mark.parametrize("tokens", BATCHES.values(), ids=BATCHES)
def test_the_vocabulary_changes_no_result(plain, cached, tokens):
    tokens = tf.constant(tokens)
    np.testing.assert_allclose(cached(tokens), plain(tokens), atol=1e-6)


@pytest.mark.parametrize("shape", [(0, 3), (0, 0), (2, 0)], ids=str)
def test_an_empty_batch_needs_no_word(cached, shape):
    expected = (shape[0], 3, max(shape[1], 1), 10)
    assert cached(tf.zeros(shape, tf.string)).shape == expected


def test_a_vocabulary_without_words_still_serves(plain, tiny_elmo):
    cached = make(tiny_elmo, vocabulary=[])
    np.testing.assert_allclose(cached(KNOWN), plain(KNOWN), atol=1e-6)


def test_words_are_kept_once_and_padding_is_not_a_word(cached):
    kept = cached.encoder.cache.vocabulary
    assert sorted(kept) == sorted({*VOCABULARY, "<S>"} - {""})
    assert cached.encoder.cache.table.shape == (len(kept), 5)


def break_token_encoder(layer):
    for weight in layer.bilm.token_encoder.weights:
        weight.assign(np.full(weight.shape, np.nan))


def test_known_words_skip_the_character_cnn_and_unknown_ones_do_not(tiny_elmo, plain):
    cached = make(tiny_elmo, vocabulary=VOCABULARY)
    break_token_encoder(cached)
    np.testing.assert_allclose(cached(KNOWN), plain(KNOWN), atol=1e-6)
    with pytest.raises(WeightsError, match="are NaN"):
        cached([["The", "dogs"]])


def test_a_vocabulary_longer_than_one_chunk_is_encoded_whole(
    tiny_elmo, plain, monkeypatch
):
    monkeypatch.setattr("keras_elmo.runtime.words._CHUNK", 3)
    cached = make(tiny_elmo, vocabulary=VOCABULARY)
    break_token_encoder(cached)
    np.testing.assert_allclose(cached(KNOWN), plain(KNOWN), atol=1e-6)


def test_the_vocabulary_serves_a_stateful_layer(tiny_elmo):
    plain = make(tiny_elmo, stateful=True)
    cached = make(tiny_elmo, stateful=True, vocabulary=VOCABULARY)
    for _ in range(2):
        np.testing.assert_allclose(cached(KNOWN), plain(KNOWN), atol=1e-6)


def test_half_precision_gives_the_same_with_a_vocabulary(tiny_elmo):
    plain = make(tiny_elmo, dtype="mixed_bfloat16")
    cached = make(tiny_elmo, dtype="mixed_bfloat16", vocabulary=VOCABULARY)
    for tokens in (KNOWN, UNKNOWN):
        np.testing.assert_array_equal(
            tf.cast(cached(tokens), "float32"), tf.cast(plain(tokens), "float32")
        )


def test_a_saved_layer_brings_its_vectors_along(tiny_elmo, tmp_path):
    source = shutil.copytree(tiny_elmo, tmp_path / "source")
    layer = make(source, vocabulary=VOCABULARY, output="elmo")
    expected = [np.array(layer(tokens)) for tokens in (KNOWN, UNKNOWN)]
    model = keras.Sequential([keras.Input((None,), dtype="string"), layer])
    model.save(tmp_path / "model.keras")
    shutil.rmtree(source)
    again = keras.models.load_model(tmp_path / "model.keras").layers[0]
    for tokens, vectors in zip((KNOWN, UNKNOWN), expected, strict=True):
        np.testing.assert_allclose(again(tokens), vectors, atol=1e-6)
    break_token_encoder(again)
    np.testing.assert_allclose(again(KNOWN), expected[0], atol=1e-6)


@pytest.mark.parametrize("way", ["hdf5", "set_weights"])
def test_known_words_follow_weights_that_are_read_later(tiny_elmo, tmp_path, way):
    plain, cached = make(tiny_elmo), make(tiny_elmo, vocabulary=VOCABULARY)
    cached(KNOWN)  # compiled with the vectors that were
    halves = [weight / 2 for weight in plain.bilm.get_weights()]
    plain.bilm.set_weights(halves)
    if way == "hdf5":
        save_hdf5(plain.bilm, tmp_path / "weights.hdf5")
        load_hdf5(cached.bilm, tmp_path / "weights.hdf5")
    else:
        cached.bilm.set_weights(halves)
    for tokens in (KNOWN, UNKNOWN):
        np.testing.assert_allclose(cached(tokens), plain(tokens), atol=1e-6)


def test_an_exported_model_brings_its_vectors_along(tiny_elmo, tmp_path):
    layer = make(tiny_elmo, vocabulary=VOCABULARY, output="elmo")
    model = keras.Sequential([keras.Input((None,), dtype="string"), layer])
    model.export(str(tmp_path / "exported"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "exported"))
    for tokens in (KNOWN, UNKNOWN):
        np.testing.assert_allclose(
            served.serve(tf.constant(tokens)), layer(tokens), atol=1e-6
        )


FORMS = {
    "tuple": tuple(VOCABULARY),
    "array": np.array(VOCABULARY),
    "keys": dict.fromkeys(VOCABULARY).keys(),
    "generator": lambda: (word for word in VOCABULARY),
}


@pytest.mark.parametrize("vocabulary", FORMS.values(), ids=FORMS)
def test_a_vocabulary_of_any_form_is_kept_as_plain_words(tiny_elmo, vocabulary):
    words = vocabulary() if callable(vocabulary) else vocabulary
    layer = make(tiny_elmo, vocabulary=words)
    kept = json.loads(json.dumps(layer.get_config()["vocabulary"]))
    assert set(kept) == set(VOCABULARY)


BAD = {
    "one text": ({"vocabulary": "The cat"}, "sequence of words"),
    "numbers": ({"vocabulary": [1, 2]}, "sequence of words"),
    "broken bytes": ({"vocabulary": ["a", "caf\udce9"]}, "that are not UTF-8"),
    "fine-tuning": ({"vocabulary": ["a"], "trainable": True}, "`trainable=True`"),
}


@pytest.mark.parametrize(("options", "words"), BAD.values(), ids=BAD)
def test_a_vocabulary_that_cannot_serve_is_refused(tiny_elmo, options, words):
    with pytest.raises(ValueError, match=words):
        make(tiny_elmo, **options)


def test_each_distinct_word_is_found_once_and_marks_enclose_each_row():
    tokens = tf.constant(["b", "a", "b", "a"])
    words, ids = distinct_words(tokens, tf.constant([3, 1]), ("<S>", "</S>"))
    spelled = words.numpy().astype(str)[ids.numpy()].tolist()
    assert len(set(words.numpy())) == len(words)
    assert spelled == [*["<S>", "b", "a", "b", "</S>"], *["<S>", "a", "</S>"]]


def test_positions_past_the_longest_word_are_cut_on_request():
    got = spell(tf.constant(["abc", "d"]), 50, 2)
    assert got.shape == (2, 3 + 2 + 2)
    np.testing.assert_array_equal(got, spell_tokens(["abc", "d"], 50)[:, :7])


def test_no_tokens_give_no_rows():
    assert spell(tf.constant([], tf.string), 50, 3).shape[0] == 0


def test_words_that_differ_by_a_zero_at_the_end_are_both_served(tiny_elmo, plain):
    layer = make(tiny_elmo, vocabulary=["cat\0", "cat", "\0"])
    tokens = np.array([["cat", "cat\0", "\0", "dog"]], object)
    np.testing.assert_allclose(layer(tokens), plain(tokens), atol=1e-6)


def _by_set_weights(saved, layer, folder):
    layer.set_weights(saved.get_weights())


def _by_file(saved, layer, folder):
    tokens = keras.Input((None,), dtype="string")
    keras.Model(tokens, saved(tokens)).save_weights(folder / "x.weights.h5")
    keras.Model(tokens, layer(tokens)).load_weights(folder / "x.weights.h5")


def _by_checkpoint(saved, layer, folder):
    path = tf.train.Checkpoint(layer=saved).write(str(folder / "x"))
    tf.train.Checkpoint(layer=layer).read(path).assert_consumed()


@pytest.mark.parametrize("bring", [_by_set_weights, _by_file, _by_checkpoint])
@pytest.mark.parametrize("words", [["cat", "The"], ["The", "dog"]], ids=str)
def test_vectors_of_other_words_are_refused(tiny_elmo, tmp_path, bring, words):
    saved = make(tiny_elmo, vocabulary=["The", "cat"])
    layer = make(tiny_elmo, vocabulary=words)
    saved(KNOWN), layer(KNOWN)
    bring(saved, layer, tmp_path)
    with pytest.raises(WeightsError, match="of a layer with other words"):
        layer(KNOWN)
    with pytest.raises(WeightsError, match="of a layer with other words"):
        layer([["dogs"]])
    layer.bilm.set_weights(saved.bilm.get_weights())  # computes them anew
    np.testing.assert_allclose(layer(KNOWN), saved(KNOWN), atol=1e-6)


@pytest.mark.parametrize("bring", [_by_set_weights, _by_file, _by_checkpoint])
def test_vectors_of_a_set_of_words_do_not_depend_on_its_order(
    tiny_elmo, tmp_path, bring
):
    words = [f"w{number}" for number in range(20)]
    assert list(set(words)) != sorted(words)
    saved = make(tiny_elmo, vocabulary=frozenset(words))
    layer = make(tiny_elmo, vocabulary=set(words))
    bring(saved, layer, tmp_path)
    assert layer.vocabulary == sorted(words)
    np.testing.assert_allclose(layer([words]), saved([words]), atol=1e-6)
