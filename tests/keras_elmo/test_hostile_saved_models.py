"""A SavedModel whose variables are broken, or made to hurt: it is refused."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import BiLM
from keras_elmo.saved_model import variable_name
from keras_elmo.sources import check_source, open_source
from tests.keras_elmo.hostile import as_half, as_pipe, refusal
from tests.keras_elmo.tiny import FEWER, change_options, read_hdf5

pytestmark = pytest.mark.timeout(20)  # what waits or never ends fails


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory, tiny_elmo):
    return write_saved_model(tmp_path_factory.mktemp("saved"), tiny_elmo)


def write_saved_model(folder, model, dtype="f4", **changes):
    """Writes a SavedModel with google/elmo's variables, and no signature."""
    values = {**read_hdf5(model / "weights.hdf5"), **changes}
    module = tf.Module()
    module.kept = [
        tf.Variable(np.asarray(value).astype(dtype), name=f"bilm/{variable_name(path)}")
        for path, value in values.items()
    ]
    tf.saved_model.save(module, str(folder))
    return folder


def data_file(folder):
    return folder / "variables/variables.data-00000-of-00001"


def index_file(folder):
    return folder / "variables/variables.index"


def flip(path, step):
    data = bytearray(path.read_bytes())
    for i in range(step // 2, len(data), step):
        data[i] ^= 0xFF
    path.write_bytes(data)


def announce_a_graph_of_many(folder):
    """Lets the object graph announce 100 million strings, of which one is there."""
    prefix = str(folder / "variables" / "variables")
    reader = tf.train.load_checkpoint(prefix)
    names = list(reader.get_variable_to_shape_map())
    values = [reader.get_tensor(name) for name in names]
    slices = [""] * len(names)
    place = names.index("_CHECKPOINTABLE_OBJECT_GRAPH")
    values[place], slices[place] = np.array([b"x"], object), "100000000 0,1"
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=names,
        shape_and_slices=slices,
        tensors=values,
    )


def break_the_options(folder):
    (folder / "assets.extra").mkdir(exist_ok=True)
    (folder / "assets.extra" / "options.json").write_text("{}")


SAVED = {
    "a graph of many": (announce_a_graph_of_many, "has texts of the shape"),
    "options beside it that are none": (break_the_options, "options.json"),
    "an index that is a pipe": (
        lambda f: as_pipe(index_file(f)),
        "variables.index is a pipe",
    ),
    "values in a pipe": (lambda f: as_pipe(data_file(f)), "is a pipe"),
    "a graph in a pipe": (lambda f: as_pipe(f / "saved_model.pb"), "is a pipe"),
    "anything else in a pipe": (
        lambda f: as_pipe(f / "fingerprint.pb"),
        "fingerprint.pb is a pipe",
    ),
    "no index": (lambda f: index_file(f).unlink(), "Cannot read the variables"),
    "a broken index": (lambda f: flip(index_file(f), 40), "Cannot read the variables"),
    "an empty index": (lambda f: index_file(f).write_bytes(b""), "is empty"),
    "values cut short": (
        lambda f: as_half(data_file(f)),
        "bytes, from files of|Cannot read the variables",
    ),
    "no values": (lambda f: data_file(f).unlink(), "from files of|Cannot read"),
    "values that are others": (
        lambda f: flip(data_file(f), 100),
        "Cannot read the variable",
    ),
}


@pytest.mark.parametrize(("change", "words"), SAVED.values(), ids=SAVED)
def test_a_saved_model_with_broken_variables_is_refused(
    saved_model, tmp_path, change, words
):
    folder = Path(shutil.copytree(saved_model, tmp_path / "saved"))
    change(folder)
    line = refusal(folder)
    assert re.search(words, line)
    assert str(folder) in line


@pytest.mark.parametrize(("changes", "words"), FEWER.values(), ids=FEWER)
def test_a_saved_model_of_more_layers_than_its_options_is_refused(
    saved_model, tmp_path, tiny_elmo, changes, words
):
    folder = Path(shutil.copytree(saved_model, tmp_path / "saved"))
    options = folder / "assets.extra" / "options.json"
    options.parent.mkdir(exist_ok=True)
    shutil.copy(tiny_elmo / "options.json", options)
    check_source(str(folder))
    change_options(options, changes)
    assert f"which has no place here: {words}" in refusal(folder)


def test_a_saved_model_with_values_that_are_no_numbers_is_refused(tiny_elmo, tmp_path):
    bias = "CNN/b_cnn_0"
    folder = write_saved_model(tmp_path, tiny_elmo, **{bias: np.full(3, np.nan, "f4")})
    assert f"The tensor {bias} of {folder} holds NaN" in refusal(folder)


def test_a_saved_model_of_values_that_overflow_is_refused(tiny_elmo, tmp_path):
    bias = "CNN/b_cnn_0"
    values = np.full(3, 1e38, "f4")
    folder = write_saved_model(tmp_path, tiny_elmo, **{bias: values})
    assert f"The tensor {bias} of {folder} holds values as large as" in refusal(folder)


def test_a_saved_model_of_integers_is_refused(tiny_elmo, tmp_path):
    folder = write_saved_model(tmp_path, tiny_elmo, dtype="i4")
    assert "must be of a float type. Received: int32" in refusal(folder)


def test_a_saved_model_of_other_floats_is_read(tiny_elmo, tmp_path):
    folder = write_saved_model(tmp_path, tiny_elmo, dtype="f8")
    opened = open_source(folder)
    opened.load(BiLM(opened.options))
