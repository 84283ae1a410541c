"""An hdf5 file of weights that is broken, or made to hurt: the tensor is named."""

from __future__ import annotations

import os
import re
import shutil
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from keras_elmo import BiLM
from keras_elmo.sources import open_source
from tests.keras_elmo.hostile import refusal
from tests.keras_elmo.tiny import write_model

pytestmark = pytest.mark.timeout(20)  # what waits or never ends fails

KERNEL = "RNN_0/RNN/MultiRNNCell/Cell0/LSTMCell/W_0"  # (10, 24) in the tiny model


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


def swell(times, more=lambda plan: None):
    """Returns an edit whose chunk unpacks to far more than it announces."""

    def edit(file):
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((10, 24))
        packed = bytes(1 << 24)
        for _ in range(times):
            plan.set_deflate(9)
            packed = zlib.compress(packed, 9)
        more(plan)
        del file[KERNEL]
        group, _, name = KERNEL.rpartition("/")
        space = h5py.h5s.create_simple((10, 24))
        kind = h5py.h5t.IEEE_F32LE
        h5py.h5d.create(file[group].id, name.encode(), kind, space, dcpl=plan)
        file[KERNEL].id.write_direct_chunk((0, 0), packed)

    return edit


def swell_by_lzf(file):
    options = {"shape": (10, 24), "chunks": (10, 24), "compression": "lzf"}
    tensor = replace(file, KERNEL, dtype="f4", **options)
    # A byte, and 300 times the 264 bytes that were before.
    tensor.id.write_direct_chunk((0, 0), b"\0a" + b"\xe0\xff\0" * 300)


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
    "a plug-in": (unknown_filter, r"must be packed by gzip, .* filters .*\(32015\)"),
    "a damaged chunk": (damage_a_chunk, "Cannot read the tensor .*: .*"),
    "a chunk with more in it": (swell(1), "holds more than its shape announces"),
    "a chunk that lzf swells": (swell_by_lzf, "holds more than its shape announces"),
    "a chunk packed twice": (swell(2), "the filters deflate .* and deflate"),
    "a chunk that swells behind a filter": (
        swell(1, lambda plan: plan.set_shuffle()),
        "the filters deflate .* and shuffle",
    ),
    "a filter that says how much it makes": (
        lambda f: replace(f, KERNEL, np.ones((10, 24), "f4"), scaleoffset=3),
        "the filters scaleoffset",
    ),
    "NaN": (with_value((3, 4), np.nan), "holds NaN or infinity"),
    "infinity": (with_value((3, 4), -np.inf), "holds NaN or infinity"),
    "more than float32": (with_value((3, 4), 1e300, "f8"), "NaN or infinity"),
    "a large value": (with_value((3, 4), -1e38), r"holds values as large as 1e\+38"),
    "a large column": (
        with_value(np.s_[:, 4], 9e17),
        r"may let values grow to 9e\+18",
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


def test_a_tensor_in_thousands_of_chunks_is_refused(tmp_path):
    folder = write_model(tmp_path / "elmo", char_dim=32)
    with h5py.File(folder / "weights.hdf5", "a") as file:
        table = value_of(file, "char_embed")
        replace(file, "char_embed", table, chunks=(1, 1))
    assert "lies in 8,352 chunks; at most 8,192 are read" in refusal(folder)


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


@pytest.mark.parametrize("scale", [0.5, 0])
def test_weights_that_lzf_packs_or_leaves_as_they_are_are_read(folder, scale):
    expected = scale * np.random.default_rng(0).normal(size=(10, 24)).astype("f4")
    with h5py.File(folder / "weights.hdf5", "a") as file:
        tensor = replace(file, KERNEL, expected, chunks=(10, 24), compression="lzf")
        left_out, _ = tensor.id.read_direct_chunk((0, 0))
        assert bool(left_out) == bool(scale)
    opened = open_source(folder)
    bilm = BiLM(opened.options)
    opened.load(bilm)
    np.testing.assert_array_equal(bilm.forward_lstm.layers[0].cell.kernel, expected.T)


def test_a_name_that_leads_to_the_same_tensor_is_followed(folder):
    with h5py.File(folder / "weights.hdf5", "a") as file:
        del file["RNN_1"]
        file["RNN_1"] = file["RNN_0"]  # a hard link
    assert open_source(folder).options
