"""An hdf5 file of weights is first read by a process of its own.

libhdf5 reads these files, and one can be made for its faults: with tables that lead
back to themselves it ends the process, or takes all memory. So a file is read whole,
within bounds, by another process; only what that one has come through is opened here.
It costs 0.3 seconds, once for each file that a process opens.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
from multiprocessing import spawn
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from keras_elmo import files, hdf5
from keras_elmo.errors import SourceError, WeightsError
from keras_elmo.files import reading

_OWN_FOLDER = Path(__file__).resolve().parent  # the included model is in it
# The bounds of that process.
_MOST_BYTES = 1 << 30  # of memory, and room for two copies of the largest tensor
_MOST_SECONDS = 60  # of processor, and a second for so many bytes of the file:
_READ_PER_SECOND = 1 << 22
_LONGEST_SECONDS = 600  # of time, which a slow disk may take, and the same for bytes:
_BYTES_PER_SECOND = 1 << 20
_PROGRAM = """
import json, sys
job = json.load(sys.stdin)
sys.path.insert(0, job["package"])
import keras_elmo
sys.path[:] = job["path"]
from keras_elmo import hdf5_trial
hdf5_trial.answer(job)
"""
_ANSWER = b"keras_elmo answers: "  # a line of its own: others may print, too
_MARK = "KERAS_ELMO_HDF5_TRIAL"  # in the environment of the process that tries
_HINT = "\nhint: name a Python that can be started in multiprocessing.set_executable"
_REFUSALS = {error.__name__: error for error in (SourceError, WeightsError)}


def check(path: Path, expected: hdf5.Expected) -> None:
    """Reads a file in a process of its own, to the end, and keeps nothing of it.

    Raises:
        SourceError: If it is missing, cut short, not hdf5, or does harm to the process.
        WeightsError: If a tensor is missing, of another shape or type, was never
            written, lies in another file or has no place; or unpacks to more than its
            shape announces.
    """
    files.check_file(path)
    if not files.is_hdf5(path):  # hdf5 may follow other bytes, as in a .mat file
        files.refuse_kind(hdf5.WHAT, path)
    if path.resolve().is_relative_to(_OWN_FOLDER):
        return
    now = path.stat()
    version = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)
    _try_out(str(path), version, json.dumps(expected))


@functools.lru_cache(maxsize=256)
def _try_out(path: str, version: tuple[int, ...], expected: str) -> None:
    """Raises what `answer` says of a file, or of how its process ended."""
    problem = f"Cannot read {hdf5.WHAT} from {path}"
    python = os.fsdecode(spawn.get_executable() or "")
    is_program = getattr(sys, "frozen", False) and python == sys.executable
    if not python or is_program or _MARK in os.environ:
        # This program would start itself, which starts itself.
        raise SourceError(f"{problem}: there is no Python that could try it{_HINT}")
    try:
        ended = subprocess.run(
            [python, "-I", "-c", _PROGRAM],
            input=json.dumps(_job(path, expected)).encode(),
            capture_output=True,
            # Each thread of OpenBLAS would take memory within the bounds.
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", _MARK: "1"},
            timeout=_LONGEST_SECONDS + version[2] // _BYTES_PER_SECOND,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        is_missing = isinstance(error, (FileNotFoundError, PermissionError))
        raise SourceError(
            f"{problem}: the process that tries it failed: {files.one_line(error)}"
            f"{_HINT if is_missing else ''}"
        ) from error
    answers = [
        line.removeprefix(_ANSWER)
        for line in ended.stdout.splitlines()
        if line.startswith(_ANSWER)
    ]
    if ended.returncode < 0:
        name = signal.Signals(-ended.returncode).name
        raise SourceError(
            f"{problem}: the process that tried it was ended by {name}: the file is "
            "broken, or made to do harm, or memory is short"
        )
    if ended.returncode or not answers:
        lines = ended.stderr.decode(errors="replace").splitlines()
        said = files.brief(lines[-1] if lines else "it said nothing", 500)
        raise SourceError(f"{problem}: the process that tried it failed: {said}{_HINT}")
    answer = json.loads(answers[-1])
    if answer is not None:
        raise _REFUSALS[answer["error"]](answer["message"])


def _job(path: str, expected: str) -> dict[str, Any]:
    """Returns what the process that tries a file needs to know.

    It imports what this one has imported, wherever that was found: as an editable
    installation, or before the working folder was changed.
    """
    packages = [str(Path(str(each.__file__)).parent.parent) for each in (h5py, np)]
    texts = [place for place in sys.path if isinstance(place, str)]  # as Python does
    return {
        "file": path,
        "expected": expected,
        "package": str(_OWN_FOLDER.parent),
        "path": [*filter(os.path.isabs, texts), *packages],
    }


def answer(job: dict[str, Any]) -> None:
    """Reads a file within bounds and writes, as JSON, what is wrong with it, or null.

    Args:
        job: What `_job` returns.
    """
    path, expected = Path(job["file"]), hdf5.Expected(*json.loads(job["expected"]))
    refusal = None
    try:
        _limit(path)
        with (
            reading(f"{hdf5.WHAT} from {path}"),
            hdf5.open_tensors(path, expected) as tensors,
        ):
            _limit(path, max(map(hdf5.unpacked_bytes, tensors.values()), default=0))
            for tensor in tensors.values():
                hdf5.check_chunks(tensor)
                hdf5.read(tensor)
    except SourceError as error:
        refusal = {"error": type(error).__name__, "message": str(error)}
    text = json.dumps(refusal).encode()
    sys.stdout.buffer.write(b"\n" + _ANSWER + text + b"\n")


def _limit(path: Path, largest: int = 0) -> None:
    """Bounds this process, which reads tensors of at most so many bytes.

    On Windows nothing is bounded: a process there can still end without this one.
    """
    if os.name != "posix":
        return
    import resource  # not there on Windows

    seconds = _MOST_SECONDS + path.stat().st_size // _READ_PER_SECOND
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_DATA, _MOST_BYTES + 2 * largest),
    ):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(kind, (most, hard))
