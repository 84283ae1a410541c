"""Files that a stranger may have written: what is checked before they are believed.

Only regular files are read, since a pipe or a device could wait for ever. A tensor is
read only when its type, its shape and its room in the file are known, and never from
another file than the one that was named.
"""

from __future__ import annotations

import contextlib
import json
import math
import stat
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from keras_elmo.errors import ElmoError, SourceError, WeightsError

Shape = tuple[int, ...]

_MAX_JSON_BYTES = 1 << 25  # a lexicon of words may be in it
_MAX_TEXT_BYTES = 1 << 27
# What a file may hold for each of its bytes, once it is unpacked. Weights hardly
# compress; a file of zeros would, to a thousand times its size.
_MAX_EXPANSION = 100
_ALWAYS_ALLOWED_BYTES = 1 << 26
_HDF5 = "an hdf5 file"
ZIP = "a zip archive"
ARCHIVE = "archive"  # the last word of such kinds
_KINDS = (  # how files of a kind begin: where, and with what
    (0, b"\x89HDF\r\n\x1a\n", _HDF5),
    (0, b"PK", ZIP),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\0", "an xz archive"),
    (257, b"ustar", "a tar archive"),
)
# What Python and h5py raise over a broken file; RuntimeError has recursion in it, and
# ValueError has broken UTF-8 and JSON.
_FAILURES: tuple[type[Exception], ...] = (
    *(OSError, RuntimeError, LookupError, TypeError, ValueError, MemoryError),
)
# What NumPy raises besides, over broken arrays: a header is Python's text to it.
BROKEN_ARRAYS: tuple[type[Exception], ...] = (
    *(EOFError, MemoryError, OverflowError, AttributeError, TypeError),
    *(SyntaxError, RecursionError),
    *(tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
UNPACK = "\nhint: name the archive itself as the source"
# How a chunk may be packed, but for a checksum. For filters of others hdf5 would load a
# plug-in; and packed by two, or by one that says itself how much it makes of a byte, a
# chunk swells without a bound.
_SHUFFLED = h5py.h5z.FILTER_SHUFFLE
_MOST_CHUNKS = 2**13  # of a tensor: to look at each takes as long as to pass all before
_WAYS_TO_PACK = [
    [],
    *([_SHUFFLED], [h5py.h5z.FILTER_DEFLATE], [h5py.h5z.FILTER_LZF]),
    *([_SHUFFLED, h5py.h5z.FILTER_DEFLATE], [_SHUFFLED, h5py.h5z.FILTER_LZF]),
]


@contextlib.contextmanager
def reading(what: str, *errors: type[Exception]) -> Iterator[None]:
    """Says which file and field is meant where a library fails over what it reads.

    Args:
        what: What is read, with its file.
        *errors: What the library raises besides Python's own errors.

    Raises:
        SourceError: In place of those; errors of this package pass.
    """
    try:
        yield
    except ElmoError:
        raise
    except (*_FAILURES, *errors) as error:
        raise SourceError(f"Cannot read {what}: {one_line(error)}") from error


def one_line(error: Exception) -> str:
    """Returns what an error says, or what it is called, without line breaks.

    It is cut where it is long: the name of a file may have thousands of characters.
    """
    return brief(" ".join(str(error).split()), 500) or type(error).__name__


def brief(text: str, most: int = 100) -> str:
    """Returns a text of at most so many characters: the beginning of a longer one."""
    return text if len(text) <= most else text[: most - 1] + "…"


def check_file(path: Path) -> None:
    """Refuses what is missing or no regular file; a link to one is as good.

    Raises:
        SourceError: It says what is there instead.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceError(f"There is no ELMo file {path}") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"Cannot read the ELMo file {path}: {error}") from error
    if stat.S_ISDIR(mode):
        raise SourceError(f"{path} is a folder, where a file belongs")
    if not stat.S_ISREG(mode):
        raise SourceError(f"{path} is a pipe, a socket or a device, not a file")


def kind(path: Path) -> str | None:
    """Returns what a regular file is by its first bytes; None if they tell nothing."""
    with reading(f"the ELMo file {path}"), path.open("rb") as file:
        start = file.read(512)
    for offset, magic, name in _KINDS:
        if start.startswith(magic, offset):
            return name
    return None


def is_hdf5(path: Path) -> bool:
    """Returns whether a regular file begins as hdf5 files do."""
    return kind(path) == _HDF5


def refuse_kind(what: str, path: Path) -> None:
    """Refuses a file that is plainly of another kind than text.

    Raises:
        SourceError: It says of which, and what can be done about an archive.
    """
    found = kind(path)
    if found is not None:
        hint = UNPACK if found.endswith(ARCHIVE) else ""
        raise SourceError(f"Cannot read {what} from {path}: it is {found}{hint}")


def read_json(path: Path) -> Any:
    """Returns what a small JSON file says.

    Raises:
        SourceError: If it is not a file, is too large or is not JSON; NaN and infinity
            are not JSON.
    """
    what = "ELMo options"
    check_file(path)
    refuse_kind(what, path)
    with reading(f"{what} from {path}"):
        with path.open("rb") as file:
            data = file.read(_MAX_JSON_BYTES + 1)
        if len(data) > _MAX_JSON_BYTES:
            raise ValueError(f"it is larger than {_MAX_JSON_BYTES:,} bytes")
        try:
            return json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def read_text(path: Path) -> str:
    """Returns what a list of words says, with one kind of line break.

    Raises:
        SourceError: If it is not a file, or is too large.
        ValueError: If it is not UTF-8.
    """
    check_file(path)
    with path.open("rb") as file:
        data = file.read(_MAX_TEXT_BYTES + 1)
    if len(data) > _MAX_TEXT_BYTES:
        raise SourceError(f"{path} is larger than {_MAX_TEXT_BYTES:,} bytes")
    return data.decode("utf-8-sig").replace("\r\n", "\n")


def read_arrays(what: str, path: Path) -> dict[str, np.ndarray]:
    """Returns all arrays of an npz file, none of them pickled.

    Args:
        what: What the file is.
        path: Of the file.

    Raises:
        SourceError: If it is missing, or broken.
    """
    check_file(path)
    with (
        reading(f"{what} {path}", *BROKEN_ARRAYS),
        np.load(path, allow_pickle=False) as arrays,
    ):
        return {name: arrays[name] for name in arrays.files}


@contextlib.contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Opens an hdf5 file of weights to read; errors name it.

    Raises:
        SourceError: If it is not an hdf5 file, or is broken.
    """
    what = "ELMo weights"
    check_file(path)
    if not is_hdf5(path):  # hdf5 may follow other bytes, as in a .mat file
        refuse_kind(what, path)
    with reading(f"{what} from {path}"), h5py.File(path, "r") as file:
        yield file


def find_tensor(file: h5py.File, name: str) -> h5py.Dataset | None:
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


def check_packing(member: zipfile.ZipInfo) -> None:
    """Refuses a member of a zip that would be unpacked at once, however large it is.

    Raises:
        ValueError: It is neither stored nor deflated.
    """
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        name = brief(member.filename)
        raise ValueError(f"{name} is neither stored nor deflated, as zips mostly are")


def check_room(tensors: dict[str, h5py.Dataset], path: Path) -> None:
    """Refuses tensors that a file has no room for, or that were never written.

    A few bytes can announce as much as they like, and reading them would take it.

    Raises:
        WeightsError: It names the tensor, or how much all of them would take.
    """
    total = 0
    for name, tensor in tensors.items():
        with reading(f"the tensor {name} of {path}"):
            if tensor.chunks is None:
                is_whole = tensor.id.get_storage_size() >= tensor.nbytes
                total += tensor.nbytes
            else:
                pairs = zip(tensor.shape, tensor.chunks, strict=True)
                chunks = math.prod(-(-size // chunk) for size, chunk in pairs)
                is_whole = tensor.id.get_num_chunks() >= chunks
                total += chunks * math.prod(tensor.chunks) * tensor.dtype.itemsize
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
