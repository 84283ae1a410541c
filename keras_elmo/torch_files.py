"""Tensors from the files of torch.save, without torch and without unpickling.

Such a file holds a pickle, which is read by `torch_pickle`, and beside it the bytes of
its tensors. Those files pass that hold tensors, or a dictionary of them, as with
`torch.load(weights_only=True)`; and arrays of NumPy, which that refuses.
"""

from __future__ import annotations

import dataclasses
import math
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from keras_elmo import files
from keras_elmo.errors import WeightsError
from keras_elmo.torch_pickle import Array, Machine, Shape, Tensor

_MAGIC = 0x1950A86A20F9469CFC6C  # of the layout before torch 1.6
_PROTOCOL = 1001
_MAX_PICKLE_BYTES = 1 << 26  # far above a model's names, or the array of a matrix
_NUMEL = struct.Struct("<q")  # before the bytes of each storage of that layout
_MEMBER = struct.Struct("<26xHH")  # of a zip: how long its name and its notes are
_PIECE = 1 << 20
# What zipfile, pickletools and NumPy raise over a broken file, besides what
# `files.reading` knows.
_FAILURES = (
    *(EOFError, OverflowError, AttributeError, NotImplementedError),
    *(struct.error, zipfile.BadZipFile),
)


class TorchFile:
    """The tensors of a file, each read when it is asked for.

    Args:
        path: Of the file, in the layout of torch 1.6 (a zip archive) or the one before.

    Errors: `SourceError` if it is broken or in neither layout; `WeightsError` if it
        holds anything but tensors, or tensors that it has no room for.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        files.check_file(path)
        with self._reading("the PyTorch file"):
            is_zip = files.kind(path) == files.ZIP
            root, self._places = (_of_zip if is_zip else _of_legacy)(path)
            tensors = root if isinstance(root, dict) else {"": root}
            for name, tensor in tensors.items():
                if isinstance(tensor, Array) and tensor.is_set:
                    continue
                if not isinstance(tensor, Tensor):
                    raise WeightsError(
                        f"{path} holds something else than tensors: {name}"
                    )
                _check_view(tensor, name, path)
            self._tensors: dict[str, Tensor | Array] = tensors
            self._checked: set[str] = set()  # storages whose sum was found right

    def shapes(self) -> dict[str, Shape]:
        """Returns the shape of every tensor by its name; that of a lone one is ``."""
        return {
            name: tensor.shape if isinstance(tensor, Tensor) else tensor.value.shape
            for name, tensor in self._tensors.items()
        }

    def read(self, name: str) -> np.ndarray:
        """Returns the tensor of one of the names in `shapes()`.

        Raises:
            WeightsError: It does not hold floats.
        """
        tensor = self._tensors[name]
        if isinstance(tensor, Array):
            value = tensor.value
        else:
            with self._reading(f"the tensor {name} of"):
                numbers = self._numbers(tensor)
                strides = [stride * numbers.itemsize for stride in tensor.strides]
                # `_check_view` has seen that these stay within the storage.
                value = np.lib.stride_tricks.as_strided(
                    numbers, tensor.shape, strides, writeable=False
                ).copy()
        if value.dtype.kind != "f":
            raise WeightsError(
                f"The tensor {name} of {self._path} must be of a float type. Received: "
                f"{value.dtype}"
            )
        return value

    def _numbers(self, tensor: Tensor) -> np.ndarray:
        """Reads the numbers from a tensor's first to its last, and no others.

        Thousands of tensors may be views into one storage.
        """
        key, dtype = tensor.storage.key, tensor.storage.dtype
        place = self._places[key]
        if key not in self._checked:
            place.check()
            self._checked.add(key)
        count = 0 if 0 in tensor.shape else _last(tensor) + 1 - tensor.offset
        data = place.read(tensor.offset * dtype.itemsize, count * dtype.itemsize)
        return np.frombuffer(data, dtype)

    def _reading(self, what: str) -> Any:
        return files.reading(f"{what} {self._path}", *_FAILURES)


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where the bytes of a storage lie in a file, and their sum if it is known."""

    path: Path
    start: int
    size: int
    crc: int | None = None

    def check(self) -> None:
        if self.crc is None:
            return
        crc = 0
        for at in range(0, self.size, _PIECE):
            crc = zlib.crc32(self.read(at, min(_PIECE, self.size - at)), crc)
        if crc != self.crc:
            raise ValueError("its numbers are not those that were written")

    def read(self, at: int, size: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.start + at)
            data = file.read(size)
        if len(data) != size:
            raise ValueError("it is cut short")
        return data


def _of_zip(path: Path) -> tuple[Any, dict[str, _Place]]:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        pickles = [name for name in members if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError("it is no file of torch.save: there is no data.pkl in it")
        folder = pickles[0].removesuffix("data.pkl")
        for member in members.values():
            files.check_packing(member)
        order = members.get(f"{folder}byteorder")
        if order is not None and archive.open(order).read(10) != b"little":
            raise ValueError("its numbers are not little-endian")
        if members[pickles[0]].file_size > _MAX_PICKLE_BYTES:
            raise ValueError(f"its pickle has more than {_MAX_PICKLE_BYTES:,} bytes")
        with archive.open(pickles[0]) as file:
            machine = Machine(file.read(_MAX_PICKLE_BYTES + 1))
        root = machine.run()
        places = {}
        for key, storage in machine.storages.items():
            name = f"{folder}data/{key}"
            size = storage.numel * storage.dtype.itemsize
            info = members.get(name)
            if info is None or info.file_size != size:
                raise ValueError(f"it lacks the {size:,} bytes of {name}")
            if info.compress_type != zipfile.ZIP_STORED or info.compress_size != size:
                raise ValueError(f"{name} is packed, as torch.save never does")
            places[key] = _Place(path, _start(path, info), size, info.CRC)
    return root, places


def _start(path: Path, info: zipfile.ZipInfo) -> int:
    """Returns where the bytes of a member begin: after its name and its notes."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        lengths = _MEMBER.unpack(file.read(_MEMBER.size))
    return info.header_offset + _MEMBER.size + sum(lengths)


def _of_legacy(path: Path) -> tuple[Any, dict[str, _Place]]:
    with path.open("rb") as file:
        machine = Machine(file.read(_MAX_PICKLE_BYTES + 1))
    if machine.run() != _MAGIC or machine.run() != _PROTOCOL:
        raise ValueError("it is no file of torch.save")
    system = machine.run()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("its numbers are not little-endian")
    root, keys = machine.run(), machine.run()
    places: dict[str, _Place] = {}
    # What a pickle has made of tuples may take for ever to compare.
    if (
        not isinstance(keys, list)
        or not all(type(key) is str for key in keys)
        or sorted(keys) != sorted(machine.storages)
    ):
        raise ValueError("its storages are not those of its tensors")
    at, end = machine.position, path.stat().st_size
    with path.open("rb") as file:
        for key in keys:
            storage = machine.storages[key]
            size = storage.numel * storage.dtype.itemsize
            file.seek(at)
            (numel,) = _NUMEL.unpack(file.read(_NUMEL.size))
            at += _NUMEL.size
            if numel != storage.numel or at + size > end:
                raise ValueError("it is cut short")
            places[key] = _Place(path, at, size)
            at += size
    return root, places


def _check_view(tensor: Tensor, name: str, path: Path) -> None:
    """Refuses a tensor that reaches beyond its storage, or has more numbers than it."""
    shape, numel = tensor.shape, tensor.storage.numel
    if math.prod(shape) > numel or (0 not in shape and _last(tensor) >= numel):
        raise WeightsError(
            f"The tensor {name} of {path} has a shape, {shape}, for which its storage "
            f"has no room: {numel:,} numbers"
        )


def _last(tensor: Tensor) -> int:
    """Returns the place in its storage of the last number of a tensor that has any."""
    pairs = zip(tensor.shape, tensor.strides, strict=True)
    return tensor.offset + sum((size - 1) * stride for size, stride in pairs)
