"""Checkpoints that bilm-tf's training leaves, in its names."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import BiLM, ElmoEmbeddingLayer, SourceError
from keras_elmo.source_files import local_files
from keras_elmo.sources import check_source, open_source
from tests.keras_elmo.hostile import as_half, as_pipe, refusal
from tests.keras_elmo.tiny import FEWER, PLAIN, change_options, read_hdf5, write_model

pytestmark = pytest.mark.timeout(20)


def write_checkpoint(folder, model, step=10, dtype="f4", rows=0, drop=(), **changes):
    """Writes what is in a folder of bilm-tf's training, with the weights of a model."""
    folder.mkdir(exist_ok=True)
    options = json.loads((model / "options.json").read_text())
    options["char_cnn"]["n_characters"] = 261 + rows
    options |= {"bidirectional": True, "dropout": 0.1, "n_tokens_vocab": 7}
    (folder / "options.json").write_text(json.dumps(options))
    stack = "multi_rnn_cell/cell_%s/" if options["lstm"]["n_layers"] > 1 else ""
    values = {"global_step": np.int64(step), "lm/softmax/W": np.zeros((7, 5), "f4")}
    for path, value in read_hdf5(model / "weights.hdf5").items():
        name = re.sub(
            r"/RNN/MultiRNNCell/Cell(\d)/LSTMCell/(\w+)",
            lambda match: (
                "/rnn/"
                + (stack and stack % match[1])
                + "lstm_cell/"
                + {"W_0": "kernel", "B": "bias", "W_P_0": "projection/kernel"}[match[2]]
            ),
            path,
        )
        values[f"lm/{name}"] = value.astype(dtype)
        values[f"lm/{name}/Adagrad"] = np.ones_like(value)
    table = values["lm/char_embed"]
    values["lm/char_embed"] = np.concatenate([table, np.full_like(table[:rows], 9)])
    values |= {f"lm/{name}": value for name, value in changes.items()}
    values = {name: value for name, value in values.items() if name not in drop}
    path = folder / f"model.ckpt-{step}"
    tf.raw_ops.SaveV2(
        prefix=str(path),
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=[tf.constant(value) for value in values.values()],
    )
    path.with_name(f"{path.name}.meta").touch()
    (folder / "checkpoint").write_text(
        f'model_checkpoint_path: "/their/machine/{path.name}"\n'
        f'all_model_checkpoint_paths: "/their/machine/{path.name}"\n'
    )
    return path


@pytest.fixture
def checkpoint(tiny_elmo, tmp_path):
    return write_checkpoint(tmp_path / "training", tiny_elmo)


def assert_same(source, model):
    weights = []
    for each in (source, model):
        opened = open_source(each)
        bilm = BiLM(opened.options)
        opened.load(bilm)
        weights.append(bilm.get_weights())
    for mine, theirs in zip(*weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_folder_of_training_is_a_source(checkpoint, tiny_elmo):
    check_source(str(checkpoint.parent))
    assert_same(checkpoint.parent, tiny_elmo)
    info = open_source(checkpoint.parent).info
    assert info.form == "a checkpoint of bilm-tf's training"
    assert info.runs.endswith(f"weights read from the variables of {checkpoint}")


def test_one_lstm_layer_has_other_names_in_training(tmp_path):
    model = write_model(tmp_path / "plain", **PLAIN)
    assert_same(write_checkpoint(tmp_path / "training", model).parent, model)


def test_a_row_too_many_in_training_is_the_last_one(tmp_path, tiny_elmo):
    path = write_checkpoint(tmp_path / "training", tiny_elmo, rows=1)
    assert_same(path, tiny_elmo)


def test_the_last_of_several_checkpoints_is_read(checkpoint, tmp_path, plain_elmo):
    folder = checkpoint.parent
    model = write_model(tmp_path / "other", n_highway=1, cell_clip=2.0)
    later = write_checkpoint(folder, model, step=20)
    assert str(later) in open_source(folder).info.runs
    (folder / "checkpoint").unlink()
    line = refusal(folder)
    assert "more than one checkpoint. Received: model.ckpt-10, model.ckpt-20" in line
    check_source(str(checkpoint))
    assert str(checkpoint) in open_source(checkpoint).info.runs
    pair = f"{folder}/options.json,{later}"
    assert str(later) in open_source(pair).info.runs


@pytest.mark.parametrize(
    "path",
    [r"/home/m\303\274ller/%s", r"C:\\them\\elmo\\%s", "%s", r"/a \"b\"/%s"],
)
def test_the_last_checkpoint_is_found_wherever_it_was_written(
    checkpoint, tiny_elmo, path
):
    folder = checkpoint.parent
    later = write_checkpoint(folder, tiny_elmo, step=20)
    text = f'model_checkpoint_path: "{path % later.name}"\n'
    (folder / "checkpoint").write_text(text)
    assert str(later) in open_source(folder).info.runs
    (folder / "checkpoint").write_text(text.replace("20", r"\x2"))
    assert f"Cannot read {folder}/checkpoint" in refusal(folder)


def test_the_files_of_a_checkpoint_are_told_from_those_of_another(
    checkpoint, tiny_elmo
):
    write_checkpoint(checkpoint.parent, tiny_elmo, step=100)
    for ending in (".index.bak", ".data-00000-of-00001.tempstate1", ".data-old"):
        checkpoint.with_name(checkpoint.name + ending).touch()
    assert [name for name, _ in local_files(str(checkpoint))] == [
        "model.ckpt-10.data-00000-of-00001",
        "model.ckpt-10.index",
        "options.json",
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"drop": ("lm/CNN_proj/b_proj",)}, "lacks the variable lm/CNN_proj/b_proj"),
        (
            {"char_embed": np.zeros((261, 7), "f4")},
            r"lm/char_embed of the checkpoint .* the shape \(261, 4\).*\(261, 7\)",
        ),
        ({"dtype": "i4"}, "must be of a float type. Received: int32"),
    ],
    ids=["a variable", "a shape", "a type"],
)
def test_what_does_not_fit_is_named(tmp_path, tiny_elmo, change, words):
    path = write_checkpoint(tmp_path / "training", tiny_elmo, **change)
    assert re.search(words, refusal(path.parent))


@pytest.mark.parametrize(("changes", "words"), FEWER.values(), ids=FEWER)
def test_more_layers_than_the_options_are_refused(checkpoint, changes, words):
    change_options(checkpoint.parent / "options.json", changes)
    assert f"which has no place here: {words}" in refusal(checkpoint.parent)


@pytest.mark.parametrize("ending", [".index", ".data-00000-of-00001"])
@pytest.mark.parametrize("change", [as_half, as_pipe], ids=["cut short", "pipe"])
def test_broken_files_are_refused(checkpoint, ending, change):
    change(checkpoint.with_name(checkpoint.name + ending))
    assert str(checkpoint.parent) in refusal(checkpoint.parent)


def test_a_part_that_is_missing_is_named(checkpoint):
    checkpoint.with_name(f"{checkpoint.name}.data-00000-of-00001").unlink()
    assert f"there is no file {checkpoint}.data-*" in refusal(checkpoint.parent)


def test_a_checkpoint_without_index_asks_for_it(checkpoint):
    checkpoint.with_name(f"{checkpoint.name}.index").unlink()
    with pytest.raises(SourceError, match=r"hint: a checkpoint has a file \*.index"):
        open_source(checkpoint.parent)


def test_an_archive_of_training_is_read(checkpoint, tmp_path, monkeypatch, tiny_elmo):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    archive = shutil.make_archive(str(tmp_path / "a"), "gztar", tmp_path, "training")
    assert_same(archive, tiny_elmo)


WORDS = ("<S>", "</S>", "<UNK>", "the", "größte", "cat")


@pytest.fixture
def model_of_words(checkpoint):
    """A model of words alone; returns its folder and the vectors of its words."""
    folder = checkpoint.parent
    reader = tf.train.load_checkpoint(str(checkpoint))
    values = {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if "/RNN_" in name
    }
    table = np.arange(30, dtype="f4").reshape(6, 5) / 30
    values["lm/embedding"] = table
    tf.raw_ops.SaveV2(
        prefix=str(checkpoint),
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=[tf.constant(value) for value in values.values()],
    )
    options = json.loads((folder / "options.json").read_text())
    del options["char_cnn"]
    (folder / "options.json").write_text(json.dumps(options))
    text = "\n".join([*WORDS[:4], "!!!MAXTERMID", *WORDS[4:], ""])
    (folder / "vocab.txt").write_text(text, encoding="utf-8")
    return folder, table


def test_a_model_of_words_is_read_with_its_vocabulary(model_of_words, tiny_elmo):
    folder, table = model_of_words
    check_source(str(folder))
    layer = ElmoEmbeddingLayer(str(folder), output="layers", initial_state="zeros")
    layers = layer([["cat", "größte", "Cat", "the"]])[0]
    np.testing.assert_allclose(layers[0], np.tile(table[[5, 4, 2, 3]], 2), rtol=1e-6)
    # The same LSTMs as those of a model of characters, over these vectors.
    other = ElmoEmbeddingLayer(str(tiny_elmo), initial_state="zeros").bilm
    vectors = table[[0, 5, 4, 2, 3, 1]][None]
    theirs, _ = other.contextualize(vectors, np.array([4]), other.zero_states(1))
    np.testing.assert_allclose(layers, theirs[0], atol=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, r"exactly one *vocab*.txt"),
        ("<S>\n</S>\n<UNK>\nthe\n", "has the shape|must have the shape (4, 5)"),
        ("<S>\n</S>\nthe\n", "`lexicon.words` lacks the entry <UNK>"),
        ("<S>\n</S>\n<UNK>\nthe\nthe\n", "line 5 repeats line 4: 'the'"),
        ("<S>\n\n</S>\n<UNK>\n", "line 2 has no word"),
    ],
)
def test_a_vocabulary_that_does_not_fit_is_refused(model_of_words, text, words):
    folder, _ = model_of_words
    (folder / "vocab.txt").unlink()
    if text is not None:
        (folder / "vocab.txt").write_text(text)
    line = refusal(folder)
    assert any(part in line for part in words.split("|"))


def test_a_checkpoint_without_options_asks_for_them(checkpoint):
    (checkpoint.parent / "options.json").unlink()
    with pytest.raises(SourceError, match=r"exactly one \*options\*\.json"):
        open_source(checkpoint)
