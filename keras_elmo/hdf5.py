"""hdf5 files of weights, which a stranger may have written.

libhdf5 reads them, and a file can be made for its faults: one whose tables lead back to
themselves ends the process, or takes all memory. So a file is first read, whole, by a
process of its own, within bounds; only what that one has read is opened here. It costs
0.3 seconds, once for each file that a process opens.

Besides, a tensor is read only when its type, its shape and its room in the file are
known, and never from another file than the one that was named.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from multiprocessing import spawn
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from keras_elmo import errors, files
from keras_elmo.errors import SourceError, WeightsError
from keras_elmo.files import Shape, reading

_WHAT = "ELMo weights"
_OWN_FOLDER = Path(__file__).resolve().parent  # the included model is in it
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
# The bounds of the process that reads a file first.
_TRIAL_BYTES = 1 << 30  # of memory, and room for two copies of the largest tensor
_TRIAL_SECONDS = 60  # of processor, and a second for so many bytes of the file:
_TRIAL_BYTES_PER_SECOND = 1 << 22
_TRIAL = (
    "import json, sys; job = json.load(sys.stdin); sys.path[:] = job['path']; "
    "from keras_elmo import hdf5; hdf5.answer_trial(job)"
)
_REFUSALS = {error.__name__: error for error in (SourceError, WeightsError)}


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


def check(path: Path, expected: Expected) -> None:
    """Reads a file in a process of its own, to the end, and keeps nothing of it.

    Raises:
        SourceError: If it is missing, cut short, not hdf5, or does harm to the process.
        WeightsError: If a tensor is missing, of another shape or type, was never
            written, lies in another file or has no place; or unpacks to more than its
            shape announces.
    """
    files.check_file(path)
    if not files.is_hdf5(path):  # hdf5 may follow other bytes, as in a .mat file
        files.refuse_kind(_WHAT, path)
    if path.resolve().is_relative_to(_OWN_FOLDER):
        return
    now = path.stat()
    version = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)
    _try_out(str(path), version, json.dumps(expected))


@contextlib.contextmanager
def open_tensors(path: Path, expected: Expected) -> Iterator[dict[str, h5py.Dataset]]:
    """Opens the expected tensors of a file that passes `check`, which it does first.

    Raises:
        SourceError, WeightsError: As `check` says.
    """
    check(path, expected)
    with reading(f"{_WHAT} from {path}"), h5py.File(path, "r") as file:
        yield _fitting_tensors(file, expected, path)


def read(tensor: h5py.Dataset) -> np.ndarray:
    """Returns the values of a tensor of `open_tensors`."""
    with reading(f"the tensor {tensor.name} of {tensor.file.filename}"):
        return tensor[()]


@functools.lru_cache(maxsize=256)
def _try_out(path: str, version: tuple[int, ...], expected: str) -> None:
    """Raises what `answer_trial` says of a file, or of how its process ended."""
    places = [place for place in sys.path if isinstance(place, str)]
    job = {"file": path, "expected": expected, "path": places}
    threads = {"OPENBLAS_NUM_THREADS": "1"}  # each would take memory within the bounds
    try:
        ended = subprocess.run(
            [spawn.get_executable(), "-I", "-c", _TRIAL],
            input=json.dumps(job).encode(),
            capture_output=True,
            env=os.environ | threads,
            check=False,
        )
    except (OSError, TypeError) as error:  # no Python is known, or none is there
        raise SourceError(
            f"Cannot read {_WHAT} from {path}: the process that tries it cannot be "
            f"started: {files.one_line(error)}"
            "\nhint: name a Python in multiprocessing.set_executable"
        ) from error
    if ended.returncode == 0 and ended.stdout:
        answer = json.loads(ended.stdout)
        if answer is not None:
            raise _REFUSALS[answer["error"]](answer["message"])
        return
    if ended.returncode < 0:
        name = signal.Signals(-ended.returncode).name
        how = f"was ended by {name}: it may be broken, or made to do harm"
    else:
        lines = ended.stderr.decode(errors="replace").splitlines()
        how = f"failed: {files.brief(lines[-1] if lines else 'it said nothing', 500)}"
    raise SourceError(
        f"Cannot read {_WHAT} from {path}: the process that tried it {how}"
    )


def answer_trial(job: dict[str, Any]) -> None:
    """Reads a file within bounds and writes, as JSON, what is wrong with it, or null.

    Args:
        job: `file`, its path, and `expected`, an `Expected` as JSON.
    """
    path, expected = Path(job["file"]), Expected(*json.loads(job["expected"]))
    answer = None
    try:
        _limit(path)
        with (
            reading(f"{_WHAT} from {path}"),
            _within_bounds(),
            h5py.File(path, "r") as file,
        ):
            tensors = _fitting_tensors(file, expected, path)
            largest = max(map(_unpacked_bytes, tensors.values()), default=0)
            _limit(path, largest)
            for tensor in tensors.values():
                with reading(f"the tensor {tensor.name} of {path}"):
                    _check_chunks(tensor)
                    tensor[()]
    except SourceError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    sys.stdout.write(json.dumps(answer))


@contextlib.contextmanager
def _within_bounds() -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise ValueError("it takes more memory than its tensors need") from error


def _limit(path: Path, largest: int = 0) -> None:
    """Bounds this process, which reads tensors of at most so many bytes.

    On Windows nothing is bounded: a process there can still end without this one.
    """
    if os.name != "posix":
        return
    import resource  # not there on Windows

    seconds = _TRIAL_SECONDS + path.stat().st_size // _TRIAL_BYTES_PER_SECOND
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_DATA, _TRIAL_BYTES + 2 * largest),
    ):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(kind, (most, hard))


def _fitting_tensors(
    file: h5py.File, expected: Expected, path: Path
) -> dict[str, h5py.Dataset]:
    """Returns the expected tensors by their paths; no value is read.

    Raises:
        WeightsError: If they are not as expected, as `check` says.
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


def _check_chunks(tensor: h5py.Dataset) -> None:
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
            total += _unpacked_bytes(tensor)
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


def _unpacked_bytes(tensor: h5py.Dataset) -> int:
    """Returns what a tensor takes: the chunks at its edges may reach beyond it."""
    if tensor.chunks is None:
        return tensor.nbytes
    chunk = math.prod(tensor.chunks) * tensor.dtype.itemsize
    return _expected_chunks(tensor) * chunk


def _expected_chunks(tensor: h5py.Dataset) -> int:
    """Returns in how many chunks a chunked tensor lies."""
    pairs = zip(tensor.shape, tensor.chunks, strict=True)
    return math.prod(-(-size // chunk) for size, chunk in pairs)
