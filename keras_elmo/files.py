"""Files that a stranger may have written: what is checked before they are believed.

Only regular files are read, since a pipe or a device could wait for ever.
"""

from __future__ import annotations

import contextlib
import json
import stat
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_elmo.errors import ElmoError, SourceError

Shape = tuple[int, ...]

_MAX_JSON_BYTES = 1 << 25  # a lexicon of words may be in it
_MAX_TEXT_BYTES = 1 << 27
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
# What Python and hdf5 raise over a broken file; RuntimeError has recursion in it, and
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
_SHOWN_NAMES = 3

TRAINING = "training"
"""Folder in the output of a pre-training, where it works."""
_TRAINING_FACTS = "corpus/corpus.json"
# As it stands while texts are prepared.
_TRAINING_BEGUN = {".lock", "corpus.partial"}
UNPACK = "\nhint: name the archive itself as the source"


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
    if isinstance(error, MemoryError):
        return "it takes more memory than there is"
    return brief(" ".join(str(error).split()), 500) or type(error).__name__


def brief(text: str, most: int = 100) -> str:
    """Returns a text of at most so many characters: the beginning of a longer one."""
    return text if len(text) <= most else text[: most - 1] + "…"


def check_file(path: Path, *, may_be_empty: bool = False) -> None:
    """Refuses what is missing, empty or no regular file; a link to one is as good.

    What the kernel shows as an empty regular file, as /proc/kmsg, may wait like a pipe.

    Args:
        path: Of the file.
        may_be_empty: Whether an empty one will do, as nothing of it will be read.

    Raises:
        SourceError: It says what is there instead.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceError(f"There is no ELMo file {path}") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"Cannot read the ELMo file {path}: {error}") from error
    if stat.S_ISDIR(found.st_mode):
        raise SourceError(f"{path} is a folder, where a file belongs")
    if not stat.S_ISREG(found.st_mode):
        raise SourceError(f"{path} is a pipe, a socket or a device, not a file")
    if not found.st_size and not may_be_empty:
        raise SourceError(f"{path} is empty")


def check_training(folder: Path) -> None:
    """Refuses a folder of other files, into which a pre-training would write.

    Args:
        folder: Its output; what is not there, or is empty, may begin.

    Raises:
        ValueError: It has files, but no training that could go on. It says which.
    """
    work = folder / TRAINING
    if not folder.is_dir() or (work / _TRAINING_FACTS).is_file():
        return
    names = sorted(path.name for path in folder.iterdir())
    is_begun = names == [TRAINING] and work.is_dir()
    if is_begun and {path.name for path in work.iterdir()} <= _TRAINING_BEGUN:
        return
    if names:
        shown = ", ".join(brief(name) for name in names[:_SHOWN_NAMES])
        more = ", ..." if names[_SHOWN_NAMES:] else ""
        raise ValueError(
            f"{folder} has other files ({shown}{more}), and no training that could go "
            "on\nhint: name a new or an empty folder"
        )


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
    if kind(path) != ZIP:
        raise SourceError(f"Cannot read {what} {path}: it is no npz file")
    with (
        reading(f"{what} {path}", *BROKEN_ARRAYS),
        np.load(path, allow_pickle=False) as arrays,
    ):
        return {name: arrays[name] for name in arrays.files}


def check_packing(member: zipfile.ZipInfo) -> None:
    """Refuses a member of a zip that would be unpacked at once, however large it is.

    Raises:
        ValueError: It is neither stored nor deflated.
    """
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        name = brief(member.filename)
        raise ValueError(f"{name} is neither stored nor deflated, as zips mostly are")
