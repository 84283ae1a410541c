"""hdf5 files of weights, which a stranger may have written.

A tensor is read only when its type, its shape and its room in the file are known, and
never from another file than the one that was named. Open only what `hdf5_trial` has let
pass: a file can be made for the faults of libhdf5, which reads it.
"""

from __future__ import annotations

import contextlib
import math
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from keras_elmo import errors
from keras_elmo.errors import WeightsError
from keras_elmo.files import Shape, reading

WHAT = "ELMo weights"
# What a file may hold for each of its bytes, once it is unpacked. Weights hardly
# compress; a file of zeros would, to a thousand times its size.
_MAX_EXPANSION = 100
_ALWAYS_ALLOWED_BYTES = 1 << 26
# How a chunk may be packed, but for a checksum. For filters of others hdf5 would load a
# plug-in; and packed by two, or by one that says itself how much it makes of a byte, a
# chunk swells without a bound.
_SHUFFLED = h5py.h5z.FILTER_SHUFFLE
_WAYS_TO_PACK = [
    [],
    *([_SHUFFLED], [h5py.h5z.FILTER_DEFLATE], [h5py.h5z.FILTER_LZF]),
    *([_SHUFFLED, h5py.h5z.FILTER_DEFLATE], [_SHUFFLED, h5py.h5z.FILTER_LZF]),
]
_MOST_CHUNKS = 2**13  # of a tensor: to look at each takes as long as to pass all before


class Expected(NamedTuple):
    """What a file must hold, by path in it.

    Attributes:
        shapes: The shapes that each tensor may have.
        together: The same for tensors that are all there, or none of them.
        foreign: Tensors of another model, each with the rule that it breaks.
    """

    shapes: Mapping[str, list[Shape]]
    together: Mapping[str, list[Shape]]
    foreign: Mapping[str, str]


@contextlib.contextmanager
def open_tensors(path: Path, expected: Expected) -> Iterator[dict[str, h5py.Dataset]]:
    """Opens the expected tensors of a file; no value is read.

    Raises:
        SourceError: It cannot be read.
        WeightsError: They are not as expected, as `hdf5_trial.check` says.
    """
    with reading(f"{WHAT} from {path}"), h5py.File(path, "r") as file:
        yield _fitting_tensors(file, expected, path)


def read(tensor: h5py.Dataset) -> np.ndarray:
    """Returns the values of a tensor of `open_tensors`."""
    with reading(f"the tensor {tensor.name} of {tensor.file.filename}"):
        return tensor[()]


def _fitting_tensors(
    file: h5py.File, expected: Expected, path: Path
) -> dict[str, h5py.Dataset]:
    """Returns the expected tensors by their paths; no value is read.

    Raises:
        WeightsError: If they are not as expected, as `hdf5_trial.check` says.
    """
    shapes = dict(expected.shapes)
    if any(_find_tensor(file, name) is not None for name in expected.together):
        shapes |= expected.together
    found: dict[str, h5py.Dataset] = {}
    for name, allowed in shapes.items():
        tensor = _find_tensor(file, name)
        shape = tuple(allowed[0])
        if tensor is None:
            raise WeightsError(f"{path} lacks the tensor {name} of shape {shape}")
        if tensor.shape not in map(tuple, allowed):
            raise WeightsError(
                f"The tensor {name} of {path} does not fit the options: expected "
                f"shape {shape}. Received: {tensor.shape}"
            )
        found[name] = tensor
    for name, rule in expected.foreign.items():
        if _find_tensor(file, name) is not None:
            raise errors.no_place(f"the tensor {name}", str(path), rule)
    _check_room(found, path)
    return found


def _find_tensor(file: h5py.File, name: str) -> h5py.Dataset | None:
    """Returns the dataset at a path; None if nothing is there.

    No value is read. What is returned holds floats, all of them in this file.

    Raises:
        WeightsError: If there is anything else.
    """
    tensor = f"tensor {name} of {file.filename}"
    with reading(f"the {tensor}"):
        item = _follow(file, name)
        if item is None:
            return None
        if not isinstance(item, h5py.Dataset):
            raise WeightsError(
                f"{file.filename} has no tensor, but something else, at {name}"
            )
        if item.dtype.kind != "f" or item.dtype.itemsize > 8:
            raise WeightsError(
                f"The {tensor} must be of float16, float32 or float64. Received: "
                f"{item.dtype}"
            )
        plan = item.id.get_create_plist()
        if plan.get_external_count() or plan.get_layout() == h5py.h5d.VIRTUAL:
            raise WeightsError(f"The {tensor} lies in another file, which is not read")
        filters = [plan.get_filter(i) for i in range(plan.get_nfilters())]
        packed = [f for f in filters if f[0] != h5py.h5z.FILTER_FLETCHER32]
        if [code for code, *_ in packed] not in _WAYS_TO_PACK:
            names = " and ".join(f"{f[3].decode()} ({f[0]})" for f in packed)
            raise WeightsError(
                f"The {tensor} must be packed by gzip, by lzf or not at all, after "
                f"shuffle or without it. Received: the filters {names}"
            )
        return item


def _follow(file: h5py.File, name: str) -> Any:
    """Returns the object at a path of plain links; None if one is missing."""
    item: Any = file
    for part in name.split("/"):
        if not isinstance(item, h5py.Group):
            return None
        links, link = item.id.links, part.encode()
        if not links.exists(link):
            return None
        if links.get_info(link).type != h5py.h5l.TYPE_HARD:
            raise WeightsError(
                f"The tensor {name} of {file.filename} stands behind a link, which "
                "is not followed"
            )
        item = item[part]
    return item


def check_chunks(tensor: h5py.Dataset) -> None:
    """Refuses chunks that unpack to more than they should hold, before hdf5 does it.

    A chunk may have its announced size and still hold a thousand times as much.

    Raises:
        WeightsError: It names the tensor.
    """
    if tensor.chunks is None:
        return
    plan = tensor.id.get_create_plist()
    codes = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
    size = math.prod(tensor.chunks) * tensor.dtype.itemsize
    most = size + size // 8 + 1024  # filters before the last one may add a little
    count = tensor.id.get_num_chunks()
    if count > _MOST_CHUNKS:
        raise WeightsError(
            f"The tensor {tensor.name} of {tensor.file.filename} lies in {count:,} "
            f"chunks; at most {_MOST_CHUNKS:,} are read"
        )
    for index in range(count):
        chunk = tensor.id.get_chunk_info(index)
        is_larger = chunk.size > most
        if codes and not is_larger:
            left_out, packed = tensor.id.read_direct_chunk(chunk.chunk_offset)
            used = {code for n, code in enumerate(codes) if not left_out >> n & 1}
            is_larger = _unpacked_size(packed, used, most) > most
        if is_larger:
            raise WeightsError(
                f"The tensor {tensor.name} of {tensor.file.filename} has a chunk that "
                "holds more than its shape announces"
            )


def _unpacked_size(packed: bytes, filters: set[int], most: int) -> int:
    """Returns how many bytes a chunk unpacks to, or a number above `most`."""
    if h5py.h5z.FILTER_DEFLATE in filters:
        with contextlib.suppress(zlib.error):  # hdf5 itself says what is wrong
            return len(zlib.decompressobj().decompress(packed, most + 1))
    if h5py.h5z.FILTER_LZF not in filters:
        return len(packed)
    # Pieces: up to 31 is a number of bytes that follow, less one; above, the highest
    # three bits, or at 7 the next byte too, are how many come again, less two.
    place = size = 0
    while place < len(packed) and size <= most:
        control = packed[place]
        if control < 32:
            place, size = place + control + 2, size + control + 1
            continue
        is_long = control >> 5 == 7
        more = packed[place + 1] if is_long and place + 1 < len(packed) else 0
        place, size = place + 2 + is_long, size + (control >> 5) + more + 2
    return size


def _check_room(tensors: dict[str, h5py.Dataset], path: Path) -> None:
    """Refuses tensors that a file has no room for, or that were never written.

    A few bytes can announce as much as they like, and reading them would take it.

    Raises:
        WeightsError: It names the tensor, or how much all of them would take.
    """
    total = 0
    for name, tensor in tensors.items():
        with reading(f"the tensor {name} of {path}"):
            total += unpacked_bytes(tensor)
            if tensor.chunks is None:
                is_whole = tensor.id.get_storage_size() >= tensor.nbytes
            else:
                is_whole = tensor.id.get_num_chunks() >= _expected_chunks(tensor)
        if not is_whole:
            raise WeightsError(
                f"The tensor {name} of {path} has a shape, {tensor.shape}, but its "
                "values were never written"
            )
    size = path.stat().st_size
    if total > max(_ALWAYS_ALLOWED_BYTES, _MAX_EXPANSION * size):
        raise WeightsError(
            f"The tensors of {path} would take {total:,} bytes, from a file of {size:,}"
        )


def unpacked_bytes(tensor: h5py.Dataset) -> int:
    """Returns what a tensor takes: the chunks at its edges may reach beyond it."""
    if tensor.chunks is None:
        return tensor.nbytes
    chunk = math.prod(tensor.chunks) * tensor.dtype.itemsize
    return _expected_chunks(tensor) * chunk


def _expected_chunks(tensor: h5py.Dataset) -> int:
    """Returns in how many chunks a chunked tensor lies."""
    pairs = zip(tensor.shape, tensor.chunks, strict=True)
    return math.prod(-(-size // chunk) for size, chunk in pairs)
