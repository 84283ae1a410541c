"""What the index of a TensorFlow checkpoint says, checked before TensorFlow reads it.

At a shape or a type that cannot be, TensorFlow ends the whole process. The index is a
table of LevelDB's form without compression: blocks of keys and values, of which the
last one tells where the others lie. A value is a `BundleEntryProto`.

Source: tensorflow/core/lib/io/format.cc, table_format.txt and
    tensorflow/core/protobuf/tensor_bundle.proto.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import tensor_bundle_pb2

from keras_elmo import files
from keras_elmo.errors import SourceError, WeightsError

_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_MOST_BYTES = 2**26
_MOST_KEY_BYTES = 2**12
_MOST_BYTES_OF_KEYS = 2**26  # of all: in the file they share what they begin with
_MOST_TENSORS = 10**5
_MOST_AXES = 32  # as NumPy
_MOST_VALUES = 2**40  # of a tensor
_MOST_SHARDS = 10**4
_MOST_SLICES = 10**4
_OF_SLICE = b"\0"  # begins the key of an entry that holds a slice
_MOST_NUMBER_BYTES = 10
_SUM_BYTES = 4  # behind the length of a text
_TYPES = {
    *(tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.bool, tf.string),
    *(tf.int8, tf.int16, tf.int32, tf.int64),
    *(tf.uint8, tf.uint16, tf.uint32, tf.uint64),
    *(tf.complex64, tf.complex128, tf.qint8, tf.quint8, tf.qint32),
}
_NUMBERS = {dtype.as_datatype_enum for dtype in _TYPES}
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""The tensor, one text, in which TF2 says what the others are."""


def check_index(path: Path, what: str) -> None:
    """Refuses an index that is not one, or says of a tensor what cannot be.

    Args:
        path: Of the index, a regular file.
        what: Of which it is the index, for messages.

    Raises:
        WeightsError: It names the first fault.
    """
    try:
        _check(path, what)
    except SourceError as error:
        # Of this kind: a SavedModel with such an index is not called in another way.
        raise WeightsError(str(error)) from error


def _check(path: Path, what: str) -> None:
    with files.reading(what, DecodeError, struct.error):
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise ValueError(f"{path} has {size:,} bytes")
        entries = _entries(path.read_bytes())
        first, value = next(entries, (b"none", b""))
        if first:
            raise ValueError(f"{path} has no header")
        header = _message(tensor_bundle_pb2.BundleHeaderProto, value)
        if header.endianness != tensor_bundle_pb2.BundleHeaderProto.LITTLE:
            raise ValueError(f"the numbers of {path} are not little-endian")
        if not 1 <= header.num_shards <= _MOST_SHARDS:
            raise ValueError(f"{path} has {header.num_shards} parts")
        told: dict[bytes, tuple[int, list[int]]] = {}
        found: dict[bytes, tuple[int, list[int]]] = {}
        for number, (key, value) in enumerate(entries, 1):
            entry = _message(tensor_bundle_pb2.BundleEntryProto, value)
            fault = _fault(entry, header.num_shards)
            if not fault:
                part = f"{path.stem}.data-{entry.shard_id:05}-of-{header.num_shards:05}"
                is_graph = key == OBJECT_GRAPH.encode()
                fault = _fault_in_file(entry, path.with_name(part), is_graph)
            if fault:
                name = files.brief(key.decode("utf-8", "replace"))
                raise ValueError(f"the tensor {name!r} in {path} {fault}")
            for slice_key, kind in _slices(key, entry):
                if slice_key in told:
                    raise ValueError(f"{path} has a slice twice")
                told[slice_key] = kind
            if key.startswith(_OF_SLICE):
                found[key] = (entry.dtype, [axis.size for axis in entry.shape.dim])
            if number + len(told) > _MOST_TENSORS:
                raise ValueError(f"{path} has more than {_MOST_TENSORS:,} tensors")
        # TensorFlow takes the type and the size of a slice from its variable.
        for key, kind in found.items():
            if told.get(key) != kind:
                raise ValueError(f"a slice of a tensor in {path} is not as that says")


def _message(kind: Any, value: bytes) -> Any:
    """Returns a message, all of whose bytes TensorFlow will understand."""
    try:
        message = kind.FromString(value)
        if message.ByteSize() == len(value):
            return message
    except SystemError:  # what protobuf itself makes of a zero behind a message
        pass
    raise DecodeError("its entries are not as TensorFlow writes them")


def _fault_in_file(entry: Any, part: Path, is_graph: bool) -> str | None:
    """Returns what cannot be about a tensor in its file of values, or None.

    TensorFlow makes room for as many bytes as are announced, before it reads any; of a
    text, as its length says, which stands before it.
    """
    if entry.offset + entry.size > (there := part.stat().st_size):
        return f"has {entry.size:,} bytes, and {part.name} has {there:,}"
    if not is_graph or entry.dtype != tf.string.as_datatype_enum or entry.shape.dim:
        return None  # it is not read as a text
    if entry.size > _MOST_BYTES:  # a file with holes may have them
        return f"has {entry.size:,} bytes"
    with part.open("rb") as file:
        file.seek(entry.offset)
        length, place = _number(file.read(_MOST_NUMBER_BYTES), 0)
    if place + _SUM_BYTES + length != entry.size:
        return f"has a text of {length:,} bytes, and room for {entry.size:,}"
    return None


def _fault(entry: tensor_bundle_pb2.BundleEntryProto, shards: int) -> str | None:
    """Returns what cannot be about a tensor, or None."""
    if entry.dtype not in _NUMBERS:
        return f"has the type {entry.dtype}"
    if entry.shape.unknown_rank or len(entry.shape.dim) > _MOST_AXES:
        return "has no shape" if entry.shape.unknown_rank else "has too many axes"
    shape = [axis.size for axis in entry.shape.dim]
    # A product with a 0 in it says nothing of the others.
    if min(shape, default=0) < 0 or math.prod(max(n, 1) for n in shape) > _MOST_VALUES:
        return f"has the shape {shape}"
    if min(entry.offset, entry.size) < 0 or not 0 <= entry.shard_id < shards:
        return "lies outside its files"
    is_text = entry.dtype == tf.string.as_datatype_enum
    # A text takes a byte at least, but 24 in memory.
    if is_text and (entry.slices or math.prod(shape) > entry.size):
        return f"has texts of the shape {shape}, and room for {entry.size:,}"
    if len(entry.slices) > _MOST_SLICES:
        return f"has {len(entry.slices):,} slices"
    for each in entry.slices:
        if len(each.extent) != len(shape):
            return "has a slice of another rank"
        for extent, axis in zip(each.extent, shape, strict=True):
            length = extent.length if extent.HasField("length") else 0
            if min(extent.start, length) < 0 or extent.start + length > axis:
                return "has a slice beyond its shape"
    return None


def _slices(key: bytes, entry: Any) -> Iterator[tuple[bytes, tuple[int, list[int]]]]:
    """Yields, for each slice in which a tensor is saved, its key, type and shape.

    Source: tensorflow/core/util/saved_tensor_slice_util.cc, EncodeTensorNameSlice.
    """
    other = {b"\0": b"\0\xff", b"\xff": b"\xff\0"}
    name = re.sub(rb"[\0\xff]", lambda match: other[match[0]], key)
    for each in entry.slices:
        rank = len(each.extent)
        extents = []
        shape = []
        for extent, axis in zip(each.extent, entry.shape.dim, strict=True):
            is_whole = not extent.HasField("length")
            extents += [0, -1] if is_whole else [extent.start, extent.length]
            shape.append(axis.size if is_whole else extent.length)
        begin = _OF_SLICE + name + b"\0\1" + (bytes([1, rank]) if rank else b"\0")
        yield begin + b"".join(map(_ordered, extents)), (entry.dtype, shape)


def _ordered(number: int) -> bytes:
    """Returns a number as in the key of a slice: as bytes in the order of numbers.

    Source: tensorflow/core/lib/strings/ordered_code.cc, WriteSignedNumIncreasing.
    """
    magnitude = ~number if number < 0 else number
    length = magnitude.bit_length() // 7 + 1
    marks = (1 << 8 * length) - (1 << 7 * length)  # as many ones as bytes, then zeros
    return ((number + (1 << 8 * length)) % (1 << 8 * length) ^ marks).to_bytes(
        length, "big"
    )


def _entries(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of a table, in its order."""
    footer = data[-_FOOTER_BYTES:]
    (magic,) = struct.unpack("<Q", footer[-8:])
    if magic != _MAGIC:
        raise ValueError("it is not an index")
    place = 0
    numbers = []
    for _ in range(4):  # offset and size of a block that is not used, and of the last
        number, place = _number(footer, place)
        numbers.append(number)
    left = len(data)
    bytes_of_keys = 0
    last: bytes | None = None
    for _, handle in _block(data, *numbers[2:]):
        offset, place = _number(handle, 0)
        size, _ = _number(handle, place)
        left -= size
        if left < 0:
            raise ValueError("its blocks overlap")
        for key, value in _block(data, offset, size):
            if last is not None and key <= last:
                raise ValueError("its keys are not in their order")
            bytes_of_keys += len(key)
            if bytes_of_keys > _MOST_BYTES_OF_KEYS:
                most = f"{_MOST_BYTES_OF_KEYS:,}"
                raise ValueError(f"its names have more than {most} bytes")
            last = key
            yield key, value


def _block(data: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of a block."""
    if offset + size >= len(data):
        raise ValueError("a block lies outside the file")
    if data[offset + size]:
        raise ValueError("a block is compressed")
    block = data[offset : offset + size]
    (count,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (count + 1)
    if end < 0:
        raise ValueError("a block is too short")
    # TensorFlow also begins to read here: only where an entry begins with a whole key.
    restarts = set(struct.unpack(f"<{count}I", block[end:-4]))
    place, key = 0, b""
    while place < end:
        begin = place
        shared, place = _number(block, place)
        added, place = _number(block, place)
        length, place = _number(block, place)
        if shared > len(key) or shared + added > _MOST_KEY_BYTES:
            raise ValueError("a key cannot be")
        if place + added + length > end:
            raise ValueError("an entry is cut off")
        if not shared:
            restarts.discard(begin)
        key = key[:shared] + block[place : place + added]
        place += added
        yield key, block[place : place + length]
        place += length
    if restarts - {0}:
        raise ValueError("a block begins within an entry")


def _number(data: bytes, place: int) -> tuple[int, int]:
    """Returns a number of LevelDB's form, and the place behind it."""
    number = shift = 0
    while True:
        if place >= len(data):
            raise ValueError("a number is cut off")
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, place
        if shift > 63:
            raise ValueError("a number is too long")
