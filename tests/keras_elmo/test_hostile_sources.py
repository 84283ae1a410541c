"""Sources that are broken, or made to hurt: each gets one line, and soon."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import tarfile
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import BiLM, BiLMOptions, SourceError
from keras_elmo.saved_model import variable_name
from keras_elmo.sources import open_source
from tests.keras_elmo.tiny import read_hdf5

pytestmark = pytest.mark.timeout(20)  # what waits or never ends fails

KERNEL = "RNN_0/RNN/MultiRNNCell/Cell0/LSTMCell/W_0"  # (10, 24) in the tiny model


@pytest.fixture
def folder(tiny_elmo, tmp_path):
    return Path(shutil.copytree(tiny_elmo, tmp_path / "elmo"))


def refusal(source) -> str:
    """Returns what is said of a source, which must be one line and perhaps a hint."""
    with pytest.raises(SourceError) as caught:
        opened = open_source(source)
        opened.load(BiLM(opened.options))
    line, *rest = str(caught.value).split("\n")
    assert all(text.startswith("hint: ") for text in rest)
    return line


def set_entry(options, entry, value):
    *path, last = entry.split(".")
    for name in path:
        options = options[name]
    options[last] = value


ENTRIES = [
    ("lstm", 3),
    ("lstm", None),
    ("char_cnn", []),
    ("char_cnn.embedding", "16"),
    ("char_cnn.embedding.dim", 0),
    ("char_cnn.embedding.dim", "4"),
    ("char_cnn.embedding.dim", 4.5),
    ("char_cnn.n_highway", -1),
    ("char_cnn.n_highway", 10_000_000),
    ("char_cnn.n_highway", [1]),
    ("char_cnn.max_characters_per_token", 2),
    ("char_cnn.max_characters_per_token", 10**9),
    ("char_cnn.n_characters", 300),
    ("char_cnn.n_characters", "262"),
    ("char_cnn.activation", ["relu"]),
    ("char_cnn.activation", None),
    ("char_cnn.filters", {}),
    ("char_cnn.filters", []),
    ("char_cnn.filters", [1, 2]),
    ("char_cnn.filters", [[1, 2, 3]]),
    ("char_cnn.filters", [[1, 3]] * 101),
    ("char_cnn.filters[0][0]", 13),  # wider than a token
    ("char_cnn.filters[0][1]", -3),
    ("char_cnn.filters[0][1]", "3"),
    ("lstm.dim", True),
    ("lstm.dim", 10**30),
    ("lstm.dim", {"a": 1}),
    ("lstm.n_layers", 0),
    ("lstm.n_layers", 10_000_000),
    ("lstm.n_layers", None),
    ("lstm.projection_dim", -5),
    ("lstm.cell_clip", "3"),
    ("lstm.cell_clip", -1.0),
    ("lstm.cell_clip", 10**400),
    ("lstm.proj_clip", True),
    ("lstm.use_skip_connections", "false"),
    ("bidirectional", False),
    ("bidirectional", "no"),
]


@pytest.mark.parametrize(
    ("entry", "value"), ENTRIES, ids=[f"{e}={str(v)[:12]}" for e, v in ENTRIES]
)
def test_an_entry_of_another_type_or_size_is_named(folder, entry, value):
    path = folder / "options.json"
    options = json.loads(path.read_text())
    if entry.endswith("]"):  # of the first pair
        set_entry(
            options, "char_cnn.filters", [[1, value] if "[1]" in entry else [value, 3]]
        )
    else:
        set_entry(options, entry, value)
    path.write_text(json.dumps(options))
    line = refusal(folder)
    assert f"options from {path}: `{entry}` must be" in line
    assert len(line) < 400


TEXTS = {
    "not UTF-8": (b'{"lstm": "\xff"}', "can't decode byte 0xff"),
    "UTF-16": ('{"lstm": 1}'.encode("utf-16"), "can't decode"),
    "empty": (b"", "Expecting value"),
    "cut short": (b'{"lstm": {"dim": 4', "delimiter"),
    "a list": (b"[]", "`the whole` must be a JSON object"),
    "nothing in it": (b"{}", "lack the entry char_cnn"),
    "nested": (b'{"lstm":' + b"[" * 100_000, "nested too deeply"),
    "NaN": (b'{"lstm": NaN}', "NaN is not a number"),
    "infinity": (b'{"lstm": -Infinity}', "-Infinity is not a number"),
    "many digits": (b'{"lstm": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
    "large": (b" " * (1 << 21), "larger than 1,048,576 bytes"),
    "zeros": (bytes(100), "Expecting value"),
}


@pytest.mark.parametrize(("data", "words"), TEXTS.values(), ids=TEXTS)
def test_options_that_are_no_small_json_are_refused(folder, data, words):
    (folder / "options.json").write_bytes(data)
    line = refusal(folder)
    assert f"Cannot read ELMo options from {folder}/options.json" in line
    assert words in line


def test_options_for_more_weights_than_a_machine_has_are_refused(folder):
    path = folder / "options.json"
    options = json.loads(path.read_text())
    options["lstm"]["dim"] = options["lstm"]["projection_dim"] = 65_536
    path.write_text(json.dumps(options))
    assert re.search(r"options.json.*1,073,741,824 weights.*Received", refusal(folder))


def test_what_other_programs_write_besides_is_read(folder, tmp_path):
    path = folder / "options.json"
    options = json.loads(path.read_text())
    expected = BiLMOptions.from_dict(options)
    options |= {"bidirectional": True, "n_epochs": 10, "dropout": 0.1}
    options["lstm"]["dim"] = float(options["lstm"]["dim"])
    options["char_cnn"]["n_characters"] = 261
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(options).encode())  # with a BOM
    assert open_source(folder).options == expected


@pytest.mark.parametrize(
    "entry",
    [
        "char_cnn.n_highway",
        "char_cnn.n_characters",
        "lstm.use_skip_connections",
        "lstm.cell_clip",
        "lstm.proj_clip",
        "bidirectional",
    ],
)
def test_null_is_what_a_missing_entry_is_where_the_original_takes_it_so(folder, entry):
    options = json.loads((folder / "options.json").read_text())
    set_entry(options, entry, None)
    read = BiLMOptions.from_dict(options)
    *path, last = entry.split(".")
    del (options[path[0]] if path else options)[last]
    assert read == BiLMOptions.from_dict(options)


def replace(file, name, value=None, **arguments):
    del file[name]
    return file.create_dataset(name, data=value, **arguments)


def value_of(file, name=KERNEL):
    return np.asarray(file[name])


def link_outside(file):
    with h5py.File(Path(file.filename).parent / "other.h5", "w") as other:
        other["kernel"] = value_of(file)
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink("other.h5", "/kernel")


def link_to_a_pipe(file):
    os.mkfifo(Path(file.filename).parent / "pipe.h5")
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink("pipe.h5", "/kernel")


def link_a_group_outside(file):
    shutil.copy(file.filename, Path(file.filename).parent / "other.h5")
    del file["RNN_0"]
    file["RNN_0"] = h5py.ExternalLink("other.h5", "/RNN_0")


def store_outside(file):
    path = Path(file.filename).parent / "raw.bin"
    path.write_bytes(value_of(file).tobytes())
    external = [(str(path), 0, h5py.h5f.UNLIMITED)]
    replace(file, KERNEL, shape=(10, 24), dtype="f4", external=external)


def map_outside(file):
    with h5py.File(Path(file.filename).parent / "other.h5", "w") as other:
        source = h5py.VirtualSource(other.create_dataset("x", data=value_of(file)))
    layout = h5py.VirtualLayout((10, 24), "f4")
    layout[:] = source
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def link_to_itself(file):
    del file[KERNEL]
    file[KERNEL] = h5py.SoftLink("/" + KERNEL)


def put_a_group(file):
    del file[KERNEL]
    file.create_group(KERNEL)


def name_a_type(file):
    del file[KERNEL]
    file[KERNEL] = np.dtype("f4")


def put_a_tensor_for_a_group(file):
    del file["RNN_0"]
    file["RNN_0"] = np.ones(3, "f4")


def unknown_filter(file):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((10, 24))
    plan.set_filter(32_015, h5py.h5z.FLAG_OPTIONAL)  # zstd, from a plug-in
    del file[KERNEL]
    group, _, name = KERNEL.rpartition("/")
    space = h5py.h5s.create_simple((10, 24))
    h5py.h5d.create(
        file[group].id, name.encode(), h5py.h5t.IEEE_F32LE, space, dcpl=plan
    )


def damage_a_chunk(file):
    tensor = replace(file, KERNEL, np.zeros((10, 24), "f4"), compression="gzip")
    tensor.id.write_direct_chunk((0, 0), b"no deflated data")


def some_chunks(file):
    tensor = replace(file, KERNEL, shape=(10, 24), dtype="f4", chunks=(5, 24))
    tensor[:5] = 1


def large_chunks(file):
    tensor = replace(
        file,
        KERNEL,
        shape=(10, 24),
        dtype="f4",
        maxshape=(None, None),
        chunks=(1 << 12, 1 << 14),
        compression="gzip",
    )
    tensor.id.write_direct_chunk((0, 0), b"x")


def swell(times):
    """Returns an edit whose chunk unpacks to far more than it announces."""

    def edit(file):
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((10, 24))
        packed = bytes(1 << 24)
        for _ in range(times):
            plan.set_deflate(9)
            packed = zlib.compress(packed, 9)
        del file[KERNEL]
        group, _, name = KERNEL.rpartition("/")
        space = h5py.h5s.create_simple((10, 24))
        kind = h5py.h5t.IEEE_F32LE
        h5py.h5d.create(file[group].id, name.encode(), kind, space, dcpl=plan)
        file[KERNEL].id.write_direct_chunk((0, 0), packed)

    return edit


def with_value(place, value, dtype="f4"):
    def edit(file):
        values = value_of(file).astype(dtype)
        values[place] = value
        replace(file, KERNEL, values)

    return edit


HDF5 = {
    "an external link": (link_outside, "behind a link, which is not followed"),
    "a link into a pipe": (link_to_a_pipe, "behind a link"),
    "a group's external link": (link_a_group_outside, "behind a link"),
    "external storage": (store_outside, "lies in another file"),
    "a virtual dataset": (map_outside, "lies in another file"),
    "a circle of links": (link_to_itself, "behind a link"),
    "a group": (put_a_group, "has no tensor, but something else, at"),
    "a named type": (name_a_type, "has no tensor, but something else, at"),
    "a tensor in place of a group": (put_a_tensor_for_a_group, "lacks the tensor"),
    "an empty dataset": (
        lambda file: replace(file, KERNEL, h5py.Empty("f4")),
        "does not fit the options",
    ),
    "a scalar": (lambda file: replace(file, KERNEL, 1.0), "does not fit"),
    "huge and never written": (
        lambda f: replace(f, KERNEL, shape=(40_000,) * 2, dtype="f4", chunks=True),
        r"expected shape \(10, 24\). Received: \(40000, 40000\)",
    ),
    "never written": (
        lambda f: replace(f, KERNEL, shape=(10, 24), dtype="f4", chunks=True),
        "values were never written",
    ),
    "never written, in one piece": (
        lambda f: replace(f, KERNEL, shape=(10, 24), dtype="f4"),
        "values were never written",
    ),
    "written in part": (some_chunks, "values were never written"),
    "chunks of 256 MiB": (large_chunks, r"would take 268,.* bytes, from a file of"),
    "integers": (
        lambda file: replace(file, KERNEL, np.ones((10, 24), "i4")),
        "must be of float16, float32 or float64. Received: int32",
    ),
    "strings": (
        lambda file: replace(file, KERNEL, np.full((10, 24), b"1.0")),
        "must be of float16.*S3",
    ),
    "text": (
        lambda f: replace(f, KERNEL, shape=(10, 24), dtype=h5py.string_dtype()),
        "must be of float16.*object",
    ),
    "references": (
        lambda f: replace(f, KERNEL, shape=(10, 24), dtype=h5py.ref_dtype),
        "must be of float16.*object",
    ),
    "records": (
        lambda file: replace(file, KERNEL, np.ones((10, 24), [("a", "f4")])),
        "must be of float16",
    ),
    "complex numbers": (
        lambda file: replace(file, KERNEL, np.ones((10, 24), "c8")),
        "must be of float16.*complex64",
    ),
    "long doubles": (
        lambda file: replace(file, KERNEL, np.ones((10, 24), "longdouble")),
        "must be of float16.*float128",
    ),
    "a plug-in": (unknown_filter, "packed by the filter 32015"),
    "a damaged chunk": (damage_a_chunk, "Cannot read the tensor .*: .*"),
    "a chunk with more in it": (swell(1), "holds more than its shape announces"),
    "a chunk packed twice": (swell(2), "packed by one filter more than once"),
    "NaN": (with_value((3, 4), np.nan), "holds NaN or infinity"),
    "infinity": (with_value((3, 4), -np.inf), "holds NaN or infinity"),
    "more than float32": (with_value((3, 4), 1e300, "f8"), "NaN or infinity"),
    "a large value": (with_value((3, 4), -1e38), r"holds values as large as 1e\+38"),
    "a large column": (
        with_value(np.s_[:, 4], 9e17),
        r"may let values grow to \de\+20",
    ),
}


@pytest.mark.parametrize(("edit", "words"), HDF5.values(), ids=HDF5)
def test_a_tensor_that_cannot_be_one_is_named(folder, edit, words):
    path = folder / "weights.hdf5"
    with h5py.File(path, "a") as file:
        edit(file)
    line = refusal(folder)
    assert re.search(words, line)
    assert str(path) in line
    assert KERNEL in line or "would take" in line


@pytest.mark.parametrize("value", [1e38, 9e17])
def test_weights_that_are_too_large_for_one_letter_are_refused(folder, value):
    with h5py.File(folder / "weights.hdf5", "a") as file:
        table = value_of(file, "char_embed")
        table[ord("~")] = value  # no sentence that is tried out would have it
        replace(file, "char_embed", table)
    assert re.search(r"1e\+38|may let values grow", refusal(folder))


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8", ">f8"])
def test_floats_of_other_widths_and_orders_are_read(folder, dtype):
    expected = np.full((10, 24), 0.5, "f4")
    with h5py.File(folder / "weights.hdf5", "a") as file:
        replace(file, KERNEL, expected.astype(dtype), chunks=True, compression="lzf")
    opened = open_source(folder)
    bilm = BiLM(opened.options)
    opened.load(bilm)
    np.testing.assert_array_equal(bilm.forward_lstm.layers[0].cell.kernel, expected.T)


def test_a_name_that_leads_to_the_same_tensor_is_followed(folder):
    with h5py.File(folder / "weights.hdf5", "a") as file:
        del file["RNN_1"]
        file["RNN_1"] = file["RNN_0"]  # a hard link
    assert open_source(folder).options


def as_pipe(path):
    path.unlink()
    os.mkfifo(path)


def as_folder(path):
    path.unlink()
    path.mkdir()


def as_device(path):
    path.unlink()
    path.symlink_to("/dev/zero")


def as_socket(path):
    path.unlink()
    with socket.socket(socket.AF_UNIX) as made:
        here = os.getcwd()
        os.chdir(path.parent)  # a socket's path must be short
        made.bind(path.name)
        os.chdir(here)


def as_broken_link(path):
    path.unlink()
    path.symlink_to(path.parent / "gone")


def as_loop(path):
    path.unlink()
    path.symlink_to(path)


def as_zip(path):
    data = path.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner", data)


def as_tar(mode):
    def make(path):
        path.rename(path.with_suffix(".inner"))
        with tarfile.open(path, mode) as archive:
            archive.add(path.with_suffix(".inner"))
        path.with_suffix(".inner").unlink()

    return make


def as_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


FILES = {
    "a pipe": (as_pipe, "is a pipe, a socket or a device"),
    "a device": (as_device, "is a pipe, a socket or a device"),
    "a socket": (as_socket, "is a pipe, a socket or a device"),
    "a folder": (as_folder, "is a folder, where a file belongs"),
    "a broken link": (as_broken_link, "There is no ELMo file"),
    "a link to itself": (as_loop, "Cannot read the ELMo file"),
    "a zip": (as_zip, "it is a zip archive"),
    "a tar": (as_tar("w"), "it is a tar archive"),
    "a tar.gz": (as_tar("w:gz"), "it is a gzip archive"),
    "a tar.xz": (as_tar("w:xz"), "it is an xz archive"),
    "cut in half": (as_half, "Cannot read ELMo"),
    "zeros": (lambda path: path.write_bytes(bytes(4096)), "Cannot read ELMo"),
    "nothing": (lambda path: path.write_bytes(b""), "Cannot read ELMo"),
}


@pytest.mark.parametrize("name", ["options.json", "weights.hdf5"])
@pytest.mark.parametrize(("change", "words"), FILES.values(), ids=FILES)
def test_what_is_no_file_of_its_kind_is_said_to_be_what_it_is(
    folder, name, change, words
):
    change(folder / name)
    line = refusal(folder)
    assert words in line
    assert str(folder / name) in line


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", [".", "options.json", "weights.hdf5"])
def test_what_may_not_be_read_is_named(folder, name):
    (folder / name).chmod(0)
    assert str(folder) in refusal(folder)
    (folder / name).chmod(0o700)


def test_a_pair_in_the_wrong_order_is_told_the_right_one(folder):
    line = refusal((str(folder / "weights.hdf5"), str(folder / "options.json")))
    assert "in this order: options.json, then the hdf5 file" in line
    assert f"{folder}/weights.hdf5, which is an hdf5 file" in line


@pytest.mark.parametrize("scheme", ["https", "http", "gs", "s3", "file"])
def test_a_pair_is_not_downloaded_and_keeps_its_slashes(folder, scheme):
    pair = [f"{scheme}://host/x_options.json", f"{scheme}://host/x_weights.hdf5"]
    assert f"Received: {pair[0]}" in refusal(pair)
    assert "must lie on this machine" in refusal(pair)
    assert pair[1] in refusal((folder / "options.json", pair[1]))


@pytest.mark.parametrize(
    "source",
    [None, 3, b"default", ("a",), ("a", "b", "c"), (1, 2), (None, "a"), (), {"a": 1}],
    ids=repr,
)
def test_what_names_nothing_is_shown_as_it_is(source):
    assert f"Received: {source!r}" in refusal(source)


@pytest.mark.parametrize("source", ["x" * 5000, "a\0b"], ids=["long", "zero byte"])
def test_a_name_that_no_file_can_have_is_refused(source):
    refusal(source)
    refusal((source, source))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (as_zip, "which is a zip archive\nhint: unpack the archive"),
        (as_tar("w:gz"), "which is a gzip archive\nhint: unpack the archive"),
        (lambda path: None, "which is an hdf5 file\nhint: name the folder"),
        (as_pipe, "is a pipe"),
    ],
    ids=["zip", "tar.gz", "weights alone", "pipe"],
)
def test_a_file_that_is_named_alone_is_told_what_to_do(folder, make, words):
    make(folder / "weights.hdf5")
    with pytest.raises(SourceError) as caught:
        open_source(folder / "weights.hdf5")
    assert words in str(caught.value)


def test_a_folder_with_an_archive_is_told_to_unpack_it(tmp_path):
    (tmp_path / "elmo.tar.gz").touch()
    with pytest.raises(SourceError, match="with none\nhint: unpack elmo.tar.gz first"):
        open_source(tmp_path)


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
    "a graph of many": (announce_a_graph_of_many, "an object graph of a wrong type"),
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
    "an empty index": (
        lambda f: index_file(f).write_bytes(b""),
        "Cannot read the variables",
    ),
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
