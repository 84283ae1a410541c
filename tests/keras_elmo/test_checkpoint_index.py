"""Indexes of checkpoints at which TensorFlow would end the process, and whole ones."""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Callable

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import tensor_bundle_pb2

from keras_elmo import SourceError, WeightsError
from keras_elmo.checkpoint_index import _block, _entries, check_index

Entry = tensor_bundle_pb2.BundleEntryProto
Header = tensor_bundle_pb2.BundleHeaderProto

pytestmark = pytest.mark.timeout(20)


def number(value):
    data = b""
    while value > 127:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])


def block(entries, restarts=(0,)):
    data = b""
    for key, value in entries:
        data += b"\0" + number(len(key)) + number(len(value)) + key + value
    return data + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def table(entries, magic=0xDB4775248B80FB57, compressed=0, again=1, **options):
    """Returns an index of one block, or of several times the same one."""
    data = block(entries, **options)
    handle = number(0) + number(len(data))
    data += bytes([compressed]) + bytes(4)
    last = block([(struct.pack(">I", n), handle) for n in range(again)])
    footer = number(0) + number(0) + number(len(data)) + number(len(last))
    data += last + bytes(5)
    return data + footer.ljust(40, b"\0") + struct.pack("<Q", magic)


def shared_keys(count):
    """Returns an index of many long keys, of which each takes a few bytes."""
    name, value = b"k" * 4093, entry()
    data = b"".join(
        b"\0" + number(len(k)) + number(len(v)) + k + v for k, v in [HEADER]
    )
    data += b"\0" + number(4093) + number(len(value)) + name + value
    for each in range(count):
        more = number(4093) + number(3) + number(len(value))
        data += more + struct.pack(">I", each)[1:] + value
    data += struct.pack("<II", 0, 1)
    last = block([(b"z", number(0) + number(len(data)))])
    footer = number(0) + number(0) + number(len(data) + 5) + number(len(last))
    whole = data + bytes(5) + last + bytes(5) + footer.ljust(40, b"\0")
    return whole + struct.pack("<Q", 0xDB4775248B80FB57)


def entry(shape=(2, 3), dtype=1, slices=(), **fields):
    made = Entry(dtype=dtype, **fields)
    for size in shape:
        made.shape.dim.add().size = size
    for extents in slices:
        added = made.slices.add()
        for start, length in extents:
            added.extent.add(start=start, length=length)
    return made.SerializeToString()


HEADER = (b"", Header(num_shards=1).SerializeToString())
GOOD = [HEADER, (b"a", entry())]


@pytest.fixture
def checked(tmp_path) -> Callable[[bytes], None]:
    (tmp_path / "m.data-00000-of-00001").write_bytes(bytes(10**6))

    def check(data):
        path = tmp_path / "m.index"
        path.write_bytes(data)
        check_index(path, "the variables of m")

    return check


def test_what_tensorflow_writes_is_whole(tmp_path):
    values = {f"layer {n}/w": tf.ones([n, 3]) for n in range(60)}
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "one"),
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=list(values.values()),
    )
    check_index(tmp_path / "one.index", "one")
    model = tf.Module()
    model.kernel = tf.Variable(tf.ones([2, 2]), name="kernel")
    model.words = tf.Variable(["a", "b"])
    tf.train.Checkpoint(model=model).write(str(tmp_path / "two"))
    check_index(tmp_path / "two.index", "two")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (entry((-1, 3)), r"has the shape \[-1, 3\]"),
        (entry((-5, -3)), "has the shape"),
        (entry((2**62, 2**62)), "has the shape"),
        (entry((0, 2**62, 2**62)), "has the shape"),
        (entry((1,) * 300), "has too many axes"),
        (entry(dtype=101), "has the type 101"),
        (entry(dtype=20), "has the type 20"),
        (entry(shard_id=1), "lies outside its files"),
        (entry(offset=-8), "lies outside its files"),
        (entry(size=-8), "lies outside its files"),
        (entry(size=2**40), r"has 1,099,.* bytes, and m.data-\S+ has 1,000,000"),
        (entry(offset=10**6, size=1), r"has 1 bytes, and m.data-\S+ has 1,000,000"),
        (entry(slices=[[(0, 3), (0, 3)]]), "a slice beyond its shape"),
        (entry(slices=[[(-1, 1), (0, 3)]]), "a slice beyond its shape"),
        (entry(slices=[[(0, 2)]]), "a slice of another rank"),
        (b"\xff\xff", "Error parsing"),
        (entry() + b"\0", "not as TensorFlow writes them|Error parsing"),
        (entry() + b"\x0c", "not as TensorFlow writes them|Error parsing"),
    ],
)
@pytest.mark.parametrize("place", [1, 2])
def test_a_tensor_that_cannot_be_is_refused(checked, value, said, place):
    with pytest.raises(SourceError, match=f"Cannot read the variables of m: .*{said}"):
        checked(table([*GOOD[:place], (b"b", value), *GOOD[place:]]))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "buffer of 8 bytes"),
        (b"x" * 100, "it is not an index"),
        (table(GOOD, magic=7), "it is not an index"),
        (table(GOOD[1:]), "has no header"),
        (table([(b"", Header(num_shards=-1).SerializeToString())]), "has -1 parts"),
        (
            table([(b"", Header(num_shards=1, endianness=1).SerializeToString())]),
            "are not little-endian",
        ),
        (table(GOOD, compressed=1), "a block is compressed"),
        (table(GOOD, again=200), "its keys are not in their order"),
        (table([HEADER, (b"b", entry()), (b"a", entry())]), "not in their order"),
        (shared_keys(2**15), "its names have more than 67,1.* bytes"),
        (table(GOOD, restarts=(0, 9)), "a block begins within an entry"),
        (
            table([HEADER, (b"a", entry(slices=[[(0, 1), (0, 3)]] * 2))]),
            "has a slice twice",
        ),
        (table([HEADER, (b"k" * 5000, entry())]), "a key cannot be"),
        (table(GOOD)[20:], "a block lies outside|a block is|cut off|too"),
    ],
)
def test_what_is_no_index_is_refused(checked, data, said):
    with pytest.raises(SourceError, match=said):
        checked(data)


def test_keys_may_share_how_they_begin():
    data = b"\0\x03\x01abcX" + b"\x02\x01\x01dY" + struct.pack("<II", 0, 1)
    assert list(_block(data + b"\0", 0, len(data))) == [(b"abc", b"X"), (b"abd", b"Y")]
    with pytest.raises(ValueError, match="a key cannot be"):
        list(_block(data.replace(b"\x02\x01", b"\x04\x01") + b"\0", 0, len(data)))


@pytest.mark.parametrize("length", [2**62, 2**40, 2**31, 61, 59])
def test_a_text_has_the_length_that_the_index_says(checked, tmp_path, length):
    text = number(length) + bytes(4) + bytes(60)
    (tmp_path / "m.data-00000-of-00001").write_bytes(b"before" + text)
    graph = b"_CHECKPOINTABLE_OBJECT_GRAPH"
    fields = {"dtype": 7, "shape": (), "offset": 6, "size": 60 + 4 + 1}
    with pytest.raises(WeightsError, match=f"has a text of {length:,} bytes"):
        checked(table([HEADER, (graph, entry(**fields))]))


@pytest.mark.parametrize("length", [2**36, 3 * 2**30, 2**26 + 1])
def test_a_text_is_no_longer_than_its_file(checked, tmp_path, length):
    """TensorFlow makes room for what is announced, or ends the process over it."""
    size = len(number(length)) + 4 + length
    part = tmp_path / "m.data-00000-of-00001"
    part.write_bytes(number(length) + bytes(64))
    graph = entry(dtype=7, shape=(), size=size)
    data = table([HEADER, (b"_CHECKPOINTABLE_OBJECT_GRAPH", graph)])
    with pytest.raises(WeightsError, match=f"has {size:,} bytes, and"):
        checked(data)
    os.truncate(part, size)  # a file with a hole
    with pytest.raises(WeightsError, match=f"has {size:,} bytes$"):
        checked(data)


def test_a_good_one_passes(checked):
    checked(table(GOOD))
    checked(table([HEADER, (b"a", entry(slices=[[(0, 1), (0, 3)], [(1, 1), (0, 3)]]))]))


@pytest.fixture
def in_slices(tmp_path):
    """Saves a tensor in slices, as partitioned variables are; returns its entries."""
    rows, starts = 20_000, (0, 1, 63, 64, 8191, 8192, 20_000)
    pairs = list(itertools.pairwise(starts))
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "parts"),
        tensor_names=["a\0\xff"] * len(pairs) + ["b"],
        shape_and_slices=[f"{rows} 2 {a},{b - a}:-" for a, b in pairs] + [""],
        tensors=[tf.ones([b - a, 2]) for a, b in pairs] + [tf.ones([3])],
    )
    check_index(tmp_path / "parts.index", "parts")
    found = list(_entries((tmp_path / "parts.index").read_bytes()))
    assert [key[:1] for key, _ in found] == [b"", *[b"\0"] * len(pairs), b"a", b"b"]
    return found


@pytest.mark.parametrize(
    "change", [{"dtype": 3}, {"dtype": 2}, {"shape": (1, 2)}, {"shape": (2,)}]
)
def test_a_slice_that_is_not_as_its_tensor_says_is_refused(checked, in_slices, change):
    checked(table(in_slices))
    for place in range(1, 7):
        changed = list(in_slices)
        key, value = changed[place]
        whole = Entry.FromString(value)
        kind = {"shape": [axis.size for axis in whole.shape.dim], "dtype": whole.dtype}
        if kind["shape"] == list(change.get("shape", ())):
            continue
        changed[place] = (key, entry(**{**kind, **change}, size=whole.size))
        with pytest.raises(WeightsError, match="a slice of a tensor.*is not as that"):
            checked(table(changed))


def test_texts_for_which_there_is_no_room_are_refused(checked):
    checked(table([HEADER, (b"a", entry(dtype=7, shape=(5,), size=30))]))
    with pytest.raises(
        WeightsError, match=r"texts of the shape \[67108864\], and room"
    ):
        checked(table([HEADER, (b"a", entry(dtype=7, shape=(2**26,), size=30))]))
    with pytest.raises(WeightsError, match="has texts of the shape"):
        value = entry(dtype=7, shape=(5,), size=30, slices=[[(0, 5)]])
        checked(table([HEADER, (b"a", value)]))
