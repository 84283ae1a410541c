"""ELMoForManyLangs: its files, its characters, and vectors that its own code made.

`many_langs/make.py` wrote the models and vectors.json, with PyTorch.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import tracemalloc
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import BiLM, BiLMOptions, ElmoEmbeddingLayer, SourceError
from keras_elmo.checkpoints import save_hdf5
from keras_elmo.export import _HubModule, export_hub_module
from keras_elmo.lexicon import Lexicon
from keras_elmo.runtime.lexicon_words import WordRows, spell_by_lexicon
from keras_elmo.runtime.native import NativeElmo
from keras_elmo.saved_model import OPTIONS_FILE
from keras_elmo.sources import check_source, open_source
from tests.keras_elmo.hostile import as_half, as_pipe, refusal
from tests.keras_elmo.tiny import PLAIN, TINY

MODELS = Path(__file__).parent / "many_langs"
WRITTEN = json.loads((MODELS / "vectors.json").read_text(encoding="utf-8"))
SENTENCES = WRITTEN["sentences"]
NAMES = ("words_and_chars", "words_and_chars_zip", "chars", "words")


@pytest.fixture(scope="module")
def layer():
    return ElmoEmbeddingLayer(
        str(MODELS / "words_and_chars"), output="layers", initial_state="zeros"
    )


@pytest.fixture
def model(tmp_path):
    return shutil.copytree(MODELS / "words_and_chars", tmp_path / "zht.model")


def assert_theirs(vectors, name):
    for number, theirs in enumerate(WRITTEN["vectors"][name]):
        theirs = np.asarray(theirs)
        mine = np.asarray(vectors)[number, :, : theirs.shape[1]]
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_vectors_are_those_of_its_own_code(name):
    check_source(str(MODELS / name))
    layer = ElmoEmbeddingLayer(
        str(MODELS / name), output="layers", initial_state="zeros"
    )
    assert_theirs(layer(SENTENCES), name)


def test_the_source_says_what_it_is(model):
    info = str(open_source(model).info)
    assert f"{model} is a model of ELMoForManyLangs; what runs is the native" in info


def test_an_even_mix_is_the_mean_that_its_code_returns(layer):
    mean = ElmoEmbeddingLayer(layer.source, initial_state="zeros")(SENTENCES)
    theirs = [np.mean(item, axis=0) for item in WRITTEN["vectors"]["words_and_chars"]]
    for mine, other in zip(np.asarray(mean), theirs, strict=True):
        np.testing.assert_allclose(mine[: len(other)], other, atol=1e-5)


def test_known_words_and_carried_states_change_nothing_in_a_first_batch():
    for arguments in ({"vocabulary": ["the", "天氣", "new"]}, {"stateful": True}):
        layer = ElmoEmbeddingLayer(
            str(MODELS / "words_and_chars"),
            output="layers",
            initial_state="zeros",
            **arguments,
        )
        assert_theirs(layer(SENTENCES), "words_and_chars")


def test_a_saved_model_keeps_words_and_vectors(tmp_path):
    name = "words_and_chars"
    folder = shutil.copytree(MODELS / name, tmp_path / "model")
    layer = ElmoEmbeddingLayer(str(folder), output="layers", initial_state="zeros")
    shutil.rmtree(folder)
    model = keras.Sequential([keras.Input((None,), dtype="string"), layer])
    model.save(tmp_path / "model.keras")
    tokens = tf.ragged.constant(SENTENCES).to_tensor("")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_theirs(loaded(tokens), name)
    loaded.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    assert_theirs(exported.serve(tokens), name)


@pytest.mark.slow
def test_an_exported_module_is_read_back(tmp_path, layer):
    export_hub_module(layer, tmp_path / "module")
    again = ElmoEmbeddingLayer(
        str(tmp_path / "module"), output="layers", initial_state="zeros"
    )
    assert_theirs(again(SENTENCES), "words_and_chars")
    tokens = tf.ragged.constant(SENTENCES)
    outputs = tf.saved_model.load(tmp_path / "module").signatures["tokens"](
        tokens=tokens.to_tensor(""), sequence_len=tf.constant([6, 3, 4, 1])
    )
    theirs = WRITTEN["vectors"]["words_and_chars"][0]
    np.testing.assert_allclose(outputs["lstm_outputs2"][0], theirs[2], atol=1e-5)


def test_an_exported_module_of_words_alone_is_read_back(tmp_path):
    layer = ElmoEmbeddingLayer(str(MODELS / "words"), initial_state="zeros")
    folder = tmp_path / "module"
    (folder / OPTIONS_FILE).parent.mkdir(parents=True)
    layer.bilm.options.to_file(folder / OPTIONS_FILE)
    # Its graph is not read, and takes seconds.
    (folder / "saved_model.pb").write_bytes(b"graph")
    module = _HubModule(layer, layer.bilm)
    tf.train.Checkpoint(module).write(str(folder / "variables" / "variables"))
    opened = open_source(tmp_path / "module")
    assert opened.options == layer.bilm.options
    again = BiLM(opened.options)
    opened.load(again)
    for mine, theirs in zip(again.get_weights(), layer.bilm.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_warm_state_gives_numbers_that_depend_on_the_text_alone():
    layer = ElmoEmbeddingLayer(str(MODELS / "words_and_chars"))
    both = layer(SENTENCES[:2])
    np.testing.assert_allclose(layer(SENTENCES[1:2])[0], both[1][:3], atol=1e-5)
    assert np.abs(both).max() > 0


def test_it_can_be_fine_tuned():
    layer = ElmoEmbeddingLayer(
        str(MODELS / "words_and_chars"), output="default", trainable=True
    )
    model = keras.Sequential([keras.Input((None,), dtype="string"), layer])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    encoder = layer.bilm.token_encoder
    before = [np.array(encoder.word_embed), np.array(encoder.char_embed)]
    tokens = tf.ragged.constant(SENTENCES).to_tensor("")
    model.fit(tokens, np.ones((4, 10)), verbose=0)
    assert np.any(before[0] != encoder.word_embed)
    assert np.any(before[1] != encoder.char_embed)


@pytest.mark.parametrize("start", ["cnn_50_100", "cnn_0_100"])
def test_the_sizes_that_its_code_brings_along_need_no_file(model, start):
    sample = f"{start}_512_4096_sample.json"
    (model / "config.json").write_text(f'{{"config_path": "/home/configs/{sample}"}}')
    (model / "sizes.json").rename(model / "other.json")
    with pytest.raises(SourceError) as caught:
        open_source(model)
    assert str(caught.value) == (
        f"The tensor word_emb_layer.embedding.weight of {model}/token_embedder.pkl "
        "does not fit the options: expected shape (10, 100), which is (entries of "
        "word.dic, word_dim). Received: (10, 4)\n"
        f"hint: the sizes are those of the sample that {model}/config.json names; put "
        f"the file {sample} that it was trained with beside it"
    )
    (model / "other.json").rename(model / sample)
    open_source(model)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"word_dim": 4', '"word_dim": 3', "(entries of word.dic, word_dim)"),
        ('"char_dim": 3', '"char_dim": 4', "(entries of char.dic, char_dim)"),
        ('"dim": 6', '"dim": 8', "(4 times dim, projection_dim)"),
        ('"projection_dim": 5', '"projection_dim": 4', "(projection_dim, word_dim and"),
        ('"n_layers": 2', '"n_layers": 3', "lacks the tensor forward_layer_2"),
        ('"n_layers": 2', '"n_layers": 1', "holds the tensor backward_layer_1"),
        ('"n_highway": 2', '"n_highway": 3', "lacks the tensor highways._layers.2"),
    ],
)
def test_a_size_that_the_tensors_do_not_have_is_named(model, old, new, words):
    text = (model / "sizes.json").read_text()
    assert old in text
    (model / "sizes.json").write_text(text.replace(old, new))
    with pytest.raises(SourceError) as caught:
        open_source(model)
    assert words in str(caught.value)
    assert str(caught.value).endswith(
        f"\nhint: the sizes are those of {model}/sizes.json"
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        (
            "sizes.json",
            '"elmo"',
            '"lstm"',
            "`encoder.name` must be elmo. Received: 'ls",
        ),
        ("sizes.json", '"cnn"', '"lstm"', "`token_embedder.name` must be cnn"),
        ("sizes.json", '"dim": 6', '"dim": 7', "does not fit the options"),
        ("sizes.json", '"dim": 6', '"dim": 5', "`encoder.projection_dim` must differ"),
        (
            "sizes.json",
            '"n_highway": 2',
            '"n_highway": 1',
            "the tensor highways._layers.1",
        ),
        ("sizes.json", '"n_layers": 2', '"n_layers": 0', "`encoder.n_layers` must be"),
        ("sizes.json", '"char_dim": 3', '"char_dim": -1', "`token_embedder.char_dim`"),
        ("sizes.json", '"word_dim": 4', '"word_dim": "4"', "`token_embedder.word_dim`"),
        (
            "sizes.json",
            '"word_dim": 4',
            '"word_dim": true',
            "`token_embedder.word_dim`",
        ),
        ("config.json", "../sizes.json", "gone.json", "has no file gone.json"),
        ("config.json", "../sizes.json", "x" * 300 + ".json", "has no file xxx"),
        ("config.json", '"../sizes.json"', "7", "config.json must name the file of s"),
        ("config.json", "config_path", "path", "config.json must name the file of s"),
        ("char.dic", "<bow>", "<bo>", "`char.dic` lacks the entry <bow>"),
        ("word.dic", "<oov>", "<unk>", "`word.dic` lacks the entry <oov>"),
        ("word.dic", "cat\t5", "cat\t4", "must have the numbers 0 to 9, each once"),
        ("word.dic", "cat\t5", "cat\t5\t6", "line 6 must be an entry, a tab and a num"),
        ("word.dic", "cat\t5\n", "", "must have the numbers 0 to 8, each once"),
    ],
)
def test_what_is_wrong_is_named(model, file, old, new, words):
    text = (model / file).read_text(encoding="utf-8")
    assert old in text
    (model / file).write_text(text.replace(old, new), encoding="utf-8")
    assert words in refusal(model)


@pytest.mark.parametrize(
    "file",
    ["encoder.pkl", "token_embedder.pkl", "char.dic", "word.dic", "config.json"],
)
@pytest.mark.parametrize(
    "change", [as_half, as_pipe, Path.unlink], ids=["cut short", "pipe", "missing"]
)
def test_a_broken_file_is_refused(model, file, change):
    change(model / file)
    line = refusal(model)
    assert re.search(r"zht\.model", line)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"words": ["<bos>", "<eos>", "a", "a"]},
            "Received: 'a' in the places 2 and 3",
        ),
        ({"words": [], "chars": []}, "must hold words or characters"),
        ({"words": "abc"}, "`lexicon.words` must be a list of texts"),
        ({"words": ["a", "\ud800"]}, "`lexicon.words` must hold texts"),
        ({"char_marks": ["a"]}, "`lexicon.char_marks` must hold 4 to 4 texts"),
        ({"word_dim": True}, "`lexicon.word_dim` must be an int from 1"),
    ],
)
def test_a_lexicon_in_the_options_is_checked(layer, changes, words):
    options = layer.bilm.options.to_dict()
    options["lexicon"] |= changes
    with pytest.raises(SourceError, match=re.escape(words)):
        BiLMOptions.from_dict(options)


@pytest.mark.parametrize("count", [260, 261, 262, 263])
def test_a_lexicon_of_any_size_is_read_again(layer, tmp_path, count):
    options = layer.bilm.options.to_dict()
    chars = options["lexicon"]["chars"]
    more = [chr(0x4E00 + n) for n in range(count)]
    options["lexicon"]["chars"] = [*chars, *(c for c in more if c not in chars)][:count]
    bilm = BiLM(BiLMOptions.from_dict(options))
    table = bilm.token_encoder.char_embed
    table.assign(np.random.default_rng(0).normal(size=table.shape))
    bilm.options.to_file(tmp_path / "options.json")
    save_hdf5(bilm, tmp_path / "weights.hdf5")
    again = ElmoEmbeddingLayer(str(tmp_path)).bilm
    np.testing.assert_array_equal(again.token_encoder.char_embed, table)
    with h5py.File(tmp_path / "weights.hdf5", "r+") as file:
        del file["char_embed"]
        file["char_embed"] = np.zeros((count + 2, table.shape[1]), "float32")
    assert "The tensor char_embed of" in refusal(tmp_path)


def test_words_with_zeros_at_their_ends_and_long_ones_have_rows_of_their_own():
    words = ("<S>", "</S>", "<UNK>", "a", "a\0", "a\0\0", "b" * 3000)
    marks = {"word_dim": 4, "word_marks": words[:3]}
    rows = WordRows(Lexicon(words=words, **marks), None)
    tracemalloc.start()
    words = (*words, *map(str, range(5000)))
    many = WordRows(Lexicon(words=words, **marks), None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 2**20, "each as long as the longest takes 60 MiB"
    for each in (rows, many):
        found = each.of(tf.constant(["a\0", "b" * 3000, "a", "x", "a\0\0"]))
        assert found.numpy().tolist() == [4, 6, 3, 2, 5]


@pytest.mark.parametrize("first", ["", "[UNK]", "<S>"])
@pytest.mark.parametrize("as_mark", [False, True])
def test_the_first_word_of_a_lexicon_may_be_any(first, as_mark):
    marks = (first if as_mark else "<B>", "</S>", "<UNK>")
    words = tuple(dict.fromkeys([first, *marks, "a", "b"]))
    lexicon = Lexicon(words=words, word_dim=4, word_marks=marks)
    found = WordRows(lexicon, None).of(tf.constant([*words, "x"]))
    unknown = words.index("<UNK>")
    assert found.numpy().tolist() == [*range(len(words)), unknown]
    sizes = {**TINY, **PLAIN, "filters": (), "lexicon": lexicon}
    options = BiLMOptions(**sizes)
    plain = NativeElmo(options, warm=False)
    cached = NativeElmo(options, warm=False, vocabulary=["a"])
    cached.bilm.trainable = False
    cached.bilm.set_weights(plain.bilm.get_weights())
    batch = tf.constant(["a", "b", first]), tf.constant([3])
    for one, other in zip(plain.run(*batch)[0], cached.run(*batch)[0], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    "start", ["", "aé世", "😀" * 7, b"\xf0\x9f\x98", b"\x80\xc3", b"a\xed\xa0\x80"]
)
def test_a_long_token_is_cut_before_it_is_decoded(layer, monkeypatch, start):
    start = start.encode() if isinstance(start, str) else start
    whole = [start * n + rest for n in (1, 3, 9) for rest in (b"", b"b", b"\x9f")]
    room, lexicon = 5, layer.bilm.options.lexicon
    lexicon = dataclasses.replace(lexicon, chars=(*lexicon.chars, "é", "😀"))
    decode, given = tf.strings.unicode_decode, []
    expected = decode(whole, "UTF-8", errors="replace")[:, :room].to_list()

    def recorded(texts, *arguments, **options):
        given.extend(texts.numpy())
        return decode(texts, *arguments, **options)

    monkeypatch.setattr(tf.strings, "unicode_decode", recorded)
    spelled = spell_by_lexicon(tf.constant(whole), lexicon, room + 2, room + 2)
    assert max(map(len, given)) <= 4 * room
    end, unknown = (lexicon.char_row(lexicon.char_marks[n]) + 1 for n in (1, 2))
    rows = {ord(c): n + 1 for n, c in enumerate(lexicon.chars) if len(c) == 1}
    for ids, points in zip(spelled.numpy().tolist(), expected, strict=True):
        letters = [rows.get(point, unknown) for point in points]
        assert ids[1 : len(points) + 2] == [*letters, end]


def test_a_lexicon_without_entries_is_refused(model):
    (model / "word.dic").write_text("\ufeff")
    assert f"Cannot read the lexicon {model}/word.dic: it has no entry" in refusal(
        model
    )


def test_its_zip_is_a_source(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    path = shutil.make_archive(str(tmp_path / "179"), "zip", MODELS / "words")
    assert open_source(path).options == open_source(MODELS / "words").options
