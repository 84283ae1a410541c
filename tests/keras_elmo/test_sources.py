"""Where models come from: files, folders, and what is neither."""

from __future__ import annotations

import json
import re
import shutil
import tracemalloc
import urllib.parse

import h5py
import numpy as np
import pytest

from keras_elmo import BiLM, SourceError, WeightsError
from keras_elmo.checkpoints import load_hdf5, save_hdf5
from keras_elmo.source_files import absolute_source, pair_of
from keras_elmo.sources import SourceInfo, check_source, open_source
from tests.keras_elmo.hostile import refusal
from tests.keras_elmo.tiny import FEWER, change_options


def load(source):
    opened = open_source(source)
    bilm = BiLM(opened.options)
    opened.load(bilm)
    return bilm


def assert_same(bilm, other):
    for mine, theirs in zip(bilm.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_folder_and_a_pair_of_files_are_the_same_source(tiny_elmo):
    pair = (str(tiny_elmo / "options.json"), str(tiny_elmo / "weights.hdf5"))
    assert_same(load(str(tiny_elmo)), load(pair))


def test_the_default_is_embedded_and_gives_vectors():
    bilm = load("default")
    assert bilm.options.dim == 512


def test_exported_weights_come_back_bit_for_bit(tiny_elmo, tmp_path):
    bilm = load(str(tiny_elmo))
    save_hdf5(bilm, tmp_path / "again.hdf5")
    again = BiLM(bilm.options)
    load_hdf5(again, tmp_path / "again.hdf5")
    assert_same(bilm, again)


def test_a_character_table_with_a_padding_row_is_read_too(tiny_elmo, tmp_path):
    path = tmp_path / "padded.hdf5"
    path.write_bytes((tiny_elmo / "weights.hdf5").read_bytes())
    with h5py.File(path, "a") as file:
        table = np.asarray(file["char_embed"])
        del file["char_embed"]
        file["char_embed"] = np.concatenate([np.zeros_like(table[:1]), table])
    bilm = BiLM(open_source(str(tiny_elmo)).options)
    load_hdf5(bilm, path)
    assert_same(bilm, load(str(tiny_elmo)))


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            lambda folder: "default",
            r"default is the model embedded in keras_elmo; what runs is the native "
            r"layer, with weights read from .*weights.hdf5\.",
        ),
        (
            lambda folder: folder,
            r".* is a pair of files in the published format; what runs is the native "
            r"layer, with weights read from .*weights.hdf5\.",
        ),
        (
            lambda folder: (str(folder / "options.json"), str(folder / "weights.hdf5")),
            r".*options.json and .*weights.hdf5 is a pair of files .*",
        ),
    ],
    ids=["default", "folder", "pair"],
)
def test_a_source_says_in_one_sentence_what_it_is(tiny_elmo, source, sentence):
    info = open_source(source(tiny_elmo)).info
    assert re.fullmatch(sentence, str(info))


def test_a_rebuilt_layers_source_is_not_said_to_be_read():
    assert str(SourceInfo.of_saved_layer("gone")) == (
        "gone is the source of a saved layer, which is not read again; what runs is "
        "the native layer, with the weights it was saved with."
    )


@pytest.mark.parametrize("start", ["file://", "FILE://localhost", "file:"])
def test_a_file_address_is_the_path_that_it_names(tiny_elmo, tmp_path, start):
    folder = shutil.copytree(tiny_elmo, tmp_path / "my elmö 100%")
    address = start + urllib.parse.quote(str(folder))
    assert open_source(address).options == open_source(folder).options
    pair = [f"{address}/{name}" for name in ("options.json", "weights.hdf5")]
    assert open_source(pair).options == open_source(folder).options


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("file:///no%20where", "Received: file:///no%20where, which does not exist"),
        ("file://host/elmo", "must name a path of this machine, as file:///folder"),
        ("file://elmo", "must name a path of this machine, as file:///folder"),
    ],
)
def test_a_file_address_of_nothing_is_not_taken_for_a_handle(source, words):
    with pytest.raises(SourceError, match=words) as error:
        open_source(source)
    assert "\n" not in str(error.value)


def test_a_source_that_is_nothing_is_told_what_there_could_be(tmp_path):
    with pytest.raises(SourceError, match="`default`, a folder with options.json"):
        open_source(str(tmp_path / "absent"))


def test_a_folder_that_is_not_there_is_said_not_to_exist(tmp_path):
    with pytest.raises(SourceError, match="nowhere, which does not exist"):
        open_source(str(tmp_path / "nowhere"))


def test_a_folder_without_weights_names_the_file_it_wants(tiny_elmo, tmp_path):
    (tmp_path / "options.json").write_bytes((tiny_elmo / "options.json").read_bytes())
    with pytest.raises(SourceError, match=r"exactly one \*\.hdf5.* with none"):
        open_source(str(tmp_path))


def test_a_missing_file_of_a_pair_is_named(tiny_elmo):
    with pytest.raises(SourceError, match="There is no ELMo file .*nowhere.hdf5"):
        open_source((str(tiny_elmo / "options.json"), "nowhere.hdf5"))


def test_a_tensor_of_another_shape_is_named_with_both_shapes(tiny_elmo, tmp_path):
    options = json.loads((tiny_elmo / "options.json").read_text())
    options["char_cnn"]["embedding"]["dim"] = 7
    (tmp_path / "options.json").write_text(json.dumps(options))
    pair = (str(tmp_path / "options.json"), str(tiny_elmo / "weights.hdf5"))
    with pytest.raises(WeightsError, match=r"char_embed .*\(261, 7\).*\(261, 4\)"):
        load(pair)


@pytest.mark.parametrize(("changes", "words"), FEWER.values(), ids=FEWER)
def test_weights_of_more_layers_than_the_options_are_refused(folder, changes, words):
    with h5py.File(folder / "weights.hdf5", "a") as file:
        file["softmax/W"] = np.zeros((2, 2), "f4")  # what is no layer is passed over
    load(folder)
    change_options(folder / "options.json", changes)
    line = refusal(folder)
    assert "weights.hdf5 holds the tensor" in line
    assert line.endswith(f", which has no place here: {words}")


def test_a_missing_tensor_is_named_and_nothing_is_set(tiny_elmo, tmp_path):
    path = tmp_path / "weights.hdf5"
    path.write_bytes((tiny_elmo / "weights.hdf5").read_bytes())
    with h5py.File(path, "a") as file:
        del file["CNN_proj/b_proj"]
    bilm = BiLM(open_source(str(tiny_elmo)).options)
    before = bilm.get_weights()
    with pytest.raises(WeightsError, match="lacks the tensor CNN_proj/b_proj"):
        load_hdf5(bilm, path)
    for mine, old in zip(bilm.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, old)


def test_a_file_cut_short_is_refused(tiny_elmo, tmp_path):
    path = tmp_path / "weights.hdf5"
    path.write_bytes((tiny_elmo / "weights.hdf5").read_bytes()[:500])
    with pytest.raises(SourceError, match="Cannot read ELMo weights"):
        load((str(tiny_elmo / "options.json"), str(path)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lstm": {}}, "lack the entry"),
        ({"char_cnn": {"activation": "gelu"}}, "`char_cnn.activation` must be one of"),
    ],
)
def test_bad_options_name_the_file_and_the_entry(tiny_elmo, tmp_path, change, words):
    options = json.loads((tiny_elmo / "options.json").read_text())
    for section, values in change.items():
        options[section] = {**options[section], **values} if values else {}
    path = tmp_path / "options.json"
    path.write_text(json.dumps(options))
    with pytest.raises(SourceError, match=f"{path}.*{words}"):
        open_source((str(path), str(tiny_elmo / "weights.hdf5")))


LAYOUTS = {  # of published collections: the name of the options, and of the weights
    "AllenNLP": ("elmo_options.json", "elmo_weights.hdf5"),
    "PubMed": ("elmo_options.json", "elmo_weights_PubMed_only.hdf5"),
    "clinical": ("elmo_options.json", "mimic_wiki.hdf5"),
    "NLPL": ("options.json", "model.hdf5"),
    "cross-lingual": ("options262.json", "es_weights.hdf5"),
}


@pytest.mark.parametrize(("options", "weights"), LAYOUTS.values(), ids=LAYOUTS)
def test_a_folder_is_read_whatever_its_two_files_are_called(
    tiny_elmo, tmp_path, options, weights
):
    shutil.copy(tiny_elmo / "options.json", tmp_path / options)
    shutil.copy(tiny_elmo / "weights.hdf5", tmp_path / weights)
    for name in ("README", "vocab.txt", "meta.json", "._options.json", ".DS_Store"):
        (tmp_path / name).touch()
    check_source(str(tmp_path))
    assert_same(load(str(tmp_path)), load(str(tiny_elmo)))


def test_several_candidates_are_named_in_one_line(folder):
    (folder / "weights.hdf5").rename(folder / "news.hdf5")
    shutil.copy(folder / "news.hdf5", folder / "wiki.hdf5")
    with pytest.raises(SourceError) as caught:
        open_source(folder)
    line, hint = str(caught.value).split("\n")
    assert line.endswith(
        f"exactly one *.hdf5. Received: {folder} with news.hdf5, wiki.hdf5"
    )
    assert hint == "hint: name the two files that belong together: OPTIONS,WEIGHTS"
    pair = f"{folder}/options.json,{folder}/wiki.hdf5"
    assert open_source(pair).options == load(pair).options


def test_the_usual_names_are_taken_beside_other_files_of_their_kind(folder):
    shutil.copy(folder / "weights.hdf5", folder / "vocabulary_vectors.hdf5")
    (folder / "training_options_262.json").write_text("{}")
    assert open_source(folder).info.runs.endswith("/weights.hdf5")


def test_a_pair_in_one_text_is_parted_where_two_files_are(tiny_elmo, tmp_path):
    folder = shutil.copytree(tiny_elmo, tmp_path / "a,b.json,c")
    text = f"{folder}/options.json,{folder}/weights.hdf5"
    check_source(text)
    assert_same(load(text), load(str(tiny_elmo)))
    with pytest.raises(SourceError, match="There is no ELMo file nowhere.hdf5"):
        load("options.json,nowhere.hdf5".replace("options", f"{tiny_elmo}/options"))
    with pytest.raises(SourceError, match="There is no ELMo file gone.json"):
        check_source("gone.json,nowhere.hdf5")


def test_a_source_is_made_absolute_whatever_its_form(tiny_elmo, monkeypatch):
    monkeypatch.chdir(tiny_elmo)
    (tiny_elmo / "default").touch()
    assert absolute_source(".") == str(tiny_elmo)
    pair = f"{tiny_elmo}/options.json,{tiny_elmo}/weights.hdf5"
    assert absolute_source("options.json,weights.hdf5") == pair
    for kept in ("default", "https://tfhub.dev/google/elmo/3", "gone"):
        assert absolute_source(kept) == kept
    (tiny_elmo / "default").unlink()


def test_a_source_of_many_commas_takes_no_memory_for_each():
    tracemalloc.start()
    try:
        assert pair_of("," * 5000) is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**21, "all pairs of parts take 25 MiB"
