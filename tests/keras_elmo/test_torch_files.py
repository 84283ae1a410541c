"""Files of torch.save: their tensors are read, and nothing in them is run."""

from __future__ import annotations

import os
import pickle
import time
import zipfile

import numpy as np
import pytest

from keras_elmo import SourceError
from keras_elmo.torch_files import TorchFile
from keras_elmo.torch_pickle import _GLOBALS, Storage
from tests.keras_elmo.hostile import as_half, as_pipe
from tests.keras_elmo.torch_form import (
    WRITTEN,
    write_pickle,
    write_tensor,
    write_views,
)

pytestmark = pytest.mark.timeout(20)
LAYOUTS = ("legacy", "zip")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.pkl"


def refusal(path):
    with pytest.raises(SourceError) as caught:
        file = TorchFile(path)
        for name in file.shapes():
            file.read(name)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_state_that_torch_wrote_is_read(path, layout):
    path.write_bytes(WRITTEN["state", layout])
    file = TorchFile(path)
    assert file.shapes() == {"a": (2, 3), "b": (3, 2), "c": (2,), "d": (1,)}
    a, b = file.read("a"), file.read("b")
    np.testing.assert_array_equal(a, [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(b, a.T)
    assert (a.dtype, b.dtype) == ("float32", "float64")
    np.testing.assert_array_equal(file.read("d"), [7])
    with pytest.raises(SourceError, match="The tensor c .* float type. .*: int64"):
        file.read("c")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_array_of_numpy_that_torch_wrote_is_read(path, layout):
    path.write_bytes(WRITTEN["matrix", layout])
    file = TorchFile(path)
    assert file.shapes() == {"": (2, 2)}
    np.testing.assert_array_equal(file.read(""), [[0, 1], [2, 3]])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("change", [as_half, as_pipe], ids=["cut short", "pipe"])
def test_a_broken_file_is_named(path, layout, change):
    path.write_bytes(WRITTEN["state", layout])
    change(path)
    refusal(path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_flipped_byte_brings_more_than_a_refusal(path, layout):
    data = WRITTEN["state", layout]
    for at in range(0, len(data), 5):
        broken = bytearray(data)
        broken[at] ^= 0x55
        path.write_bytes(broken)
        try:
            file = TorchFile(path)
            for name in file.shapes():
                assert file.read(name).size < 100
        except SourceError:
            pass


class Touch:
    """What a stranger's pickle may do when it is unpickled."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_what_a_pickle_would_call_is_not_called(path, tmp_path, protocol):
    data = pickle.dumps({"a": Touch(tmp_path / "made")}, protocol)
    write_pickle(path, data[2:-1])
    refusal(path)
    assert not (tmp_path / "made").exists()
    path.write_bytes(data)
    refusal(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("opcodes", "words"),
    [
        (b"cposix\nsystem\n", "names posix system, which is no part of a tensor"),
        (b"cbuiltins\neval\n", "names builtins eval"),
        (
            b"ctorch._utils\n_rebuild_tensor_v3\n",
            "names torch._utils _rebuild_tensor_v3",
        ),
        (b"cnumpy\nload\n", "names numpy load"),
        (b"ctorch\nFloatStorage\n)R", "calls what is no part of a tensor"),
        (b"X\x01\x00\x00\x00a)R", "calls what is no part of a tensor"),
        (b"iposix\nsystem\n", "its pickle holds INST"),
        (b"K\x01\x82\x01", "its pickle holds EXT1"),
        (b"Pabc\n", "its pickle holds PERSID"),
        (b"ccollections\nOrderedDict\n)\x81", "its pickle holds NEWOBJ"),
        (b"K\x01", "holds something else than tensors"),
        (b"}X\x01\x00\x00\x00aK\x01s", "holds something else than tensors: a"),
        (b"}K\x01K\x01s", "holds int, where str belongs"),
        (b"h\x05", "Cannot read"),
        (b"0", "its pickle holds POP"),
        (b"\x85", "Cannot read"),
        (b"t", "Cannot read"),
        (b"X\xff\xff\xff\xffa", "Cannot read"),
        (b"(K\x01K\x02K\x03K\x04K\x05tQ", "names something that is no storage"),
        (b"]}b", "sets the state of list"),
    ],
)
def test_what_no_tensor_needs_is_refused(path, opcodes, words):
    write_pickle(path, opcodes)
    assert words in refusal(path)


def test_a_file_without_end_is_no_file_of_torch(path):
    path.write_bytes(b"\x80\x02" + b"(" * 1000)
    refusal(path)
    path.write_bytes(b"\x80\x02K\x01.")
    assert "it is no file of torch.save" in refusal(path)


def test_a_pickle_of_many_opcodes_is_not_read_to_its_end(path):
    write_pickle(path, b"N" * 5_000_000)
    assert "its pickle has more than 500,000 opcodes" in refusal(path)


# Each is some hundred bytes, or a few thousand, which would be gigabytes or hours.
_TWICE = b"q\0h\0\x86"  # a pair of what is there, twice
_EXPLOSIONS = {
    "a message": b"c_codecs\nencode\nX\x01\0\0\0x)" + _TWICE * 60 + b"\x86R",
    "a text": b"X\0\0\x10\0" + b"a" * (1 << 20) + b"q\1X\x06\0\0\0latin1q\2"
    b"(" + b"c_codecs\nencode\nh\1h\2\x86R" * 1000,
    "a list": b"](" + b"X\x01\0\0\0aK\1\x86" * 10_000 + b"eq\1"
    b"(" + b"ccollections\nOrderedDict\nh\1\x85R" * 1000,
}  # fmt: skip


@pytest.mark.parametrize("opcodes", _EXPLOSIONS.values(), ids=_EXPLOSIONS)
def test_a_small_pickle_is_not_made_into_much(path, opcodes):
    write_pickle(path, opcodes)
    assert "its pickle" in refusal(path)


@pytest.mark.parametrize("shape", [(2**63,), (1,) * 33], ids=["numbers", "axes"])
def test_a_shape_that_no_array_has_is_refused(shape):
    storage = Storage(np.dtype("f4"), "0", 1)
    with pytest.raises(ValueError, match="a shape that none can have"):
        _GLOBALS["torch._utils _rebuild_tensor"](storage, 0, shape, shape)


def test_a_zip_of_something_else_is_no_file_of_torch(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "")
    assert "there is no data.pkl in it" in refusal(path)


VALUE = np.arange(6, dtype="f4").reshape(2, 3)


def test_what_the_writer_of_these_tests_writes_is_read(path):
    write_tensor(path, VALUE)
    np.testing.assert_array_equal(TorchFile(path).read(""), VALUE)


def test_a_tensor_that_was_saved_from_a_gpu_is_read(path):
    write_tensor(path, VALUE, place="torch.cuda")
    np.testing.assert_array_equal(TorchFile(path).read(""), VALUE)


@pytest.mark.parametrize("kind", ["BFloat16", "ComplexFloat"])
def test_a_type_that_is_not_read_is_named(path, kind):
    write_tensor(path, VALUE, kind=f"{kind}Storage")
    assert f"numbers of the type {kind}, which is not read here" in refusal(path)


@pytest.mark.parametrize(("kind", "name"), [("Short", "int16"), ("Char", "int8")])
def test_whole_numbers_are_no_weights(path, kind, name):
    value = VALUE[:1].astype({"Short": "f2", "Char": "f2"}[kind])
    numel = value.nbytes // np.dtype(name).itemsize
    write_tensor(path, value, kind=f"{kind}Storage", numel=numel)
    assert f"must be of a float type. Received: {name}" in refusal(path)


def test_a_pickle_that_is_too_large_is_said_to_be(path):
    packed = zipfile.ZIP_DEFLATED
    write_pickle(path, b"N" * (1 << 26), compression=packed)
    assert "its pickle has more than 67,108,864 bytes" in refusal(path)


def test_of_many_views_into_one_storage_each_costs_its_own_numbers(path):
    storage = np.arange(1 << 20, dtype="f4")
    write_views(path, storage, 1000, shape=(2, 3), strides=(3, 1), offset=7)
    file, began = TorchFile(path), time.process_time()
    for name in file.shapes():
        np.testing.assert_array_equal(file.read(name), [[7, 8, 9], [10, 11, 12]])
    assert time.process_time() - began < 1


def test_numbers_that_were_changed_are_refused(path):
    write_tensor(path, VALUE)
    data = path.read_bytes()
    at = data.index(VALUE.tobytes())
    path.write_bytes(data[:at] + b"\x01" + data[at + 1 :])
    assert "its numbers are not those that were written" in refusal(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"numel": 7}, "it lacks the 28 bytes of archive/data/0"),
        ({"numel": -1}, "a storage has a size that none can have"),
        ({"offset": 1}, "its storage has no room: 6 numbers"),
        ({"offset": -1}, "a shape that none can have"),
        ({"strides": [4, 1]}, "has no room"),
        ({"strides": [-3, 1]}, "a shape that none can have"),
        ({"strides": [1]}, "a shape that none can have"),
        ({"shape": [1 << 20, 1 << 20], "strides": [0, 0]}, "has no room"),
    ],
)
def test_a_view_beyond_its_storage_is_refused(path, changes, words):
    write_tensor(path, VALUE, **changes)
    assert words in refusal(path)


def test_packed_numbers_are_refused(path):
    write_tensor(path, VALUE)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert "is packed, as torch.save never does" in refusal(path)
