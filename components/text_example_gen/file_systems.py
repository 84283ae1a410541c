"""Files of this machine by Python alone, and those elsewhere by Beam.

Beam takes seconds to import, so it is imported for addresses with `://` only: what is
wrong with a file on this machine is said at once.
"""

from __future__ import annotations

import importlib.util
import os
import re
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from components.text_example_gen.errors import DataError
from components.text_example_gen.globs import has_hidden_name, match_local

if TYPE_CHECKING:
    from apache_beam.io.filesystems import FileSystems

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# A module that an address needs, and the extra of Beam's package that brings it.
_NEEDED = {
    "gs": ("google.cloud.storage", "gcp"),
    "s3": ("boto3", "aws"),
    "azfs": ("azure.storage.blob", "azure"),
    "hdfs": ("hdfs", "hadoop"),
}
_WEB = {"http", "https", "ftp"}


class FoundFile(NamedTuple):
    """A file; `last_updated_in_seconds` is since 1970, 0 where nobody says."""

    path: str
    size_in_bytes: int
    last_updated_in_seconds: float


def match(pattern: str) -> list[FoundFile]:
    """Returns the files that a name or glob matches, sorted by path.

    Names that begin with `.` or `_` are by convention not data (`_SUCCESS`,
    `.DS_Store`, `__MACOSX/`): no wildcard at the beginning of a name matches them.

    Raises:
        DataError: Nothing here can read such an address.
        OSError: A folder cannot be read.
    """
    if not _SCHEME.match(pattern):
        return [FoundFile(*each) for each in sorted(match_local(pattern))]
    try:
        [result] = _beam(pattern).match([pattern])
    except OSError as error:  # as BeamIOError is
        raise DataError(f"{pattern} cannot be looked at: {_cause(error)}") from error
    found = [
        FoundFile(each.path, each.size_in_bytes, each.last_updated_in_seconds or 0.0)
        for each in result.metadata_list
        if not has_hidden_name(each.path, pattern)
    ]
    return sorted(found)


def open_raw(path: str) -> BinaryIO:
    """Opens a file for its bytes as they lie there, compressed or not."""
    if not _SCHEME.match(path):
        return cast(BinaryIO, open(path, "rb", buffering=0))
    from apache_beam.io.filesystem import CompressionTypes

    opened = _beam(path).open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    return cast(BinaryIO, opened)


def exists(path: str) -> bool:
    """Returns whether there is a file or folder of this name."""
    if not _SCHEME.match(path):
        return os.path.exists(path)
    return _beam(path).exists(path)


def needs_beam(path: str) -> bool:
    """Returns whether a path is an address that Beam may know."""
    scheme = _SCHEME.match(path)
    return scheme is not None and scheme[1].lower() not in (*_WEB, "file")


def check_address(address: str) -> None:
    """Refuses an address of which it is clear without Beam that nothing reads it.

    Raises:
        DataError: It is on the web, a local path in an unusual form, or its file system
            needs a package that is not installed.
    """
    scheme = _SCHEME.match(address)
    if scheme is None:
        return
    name = scheme[1].lower()
    module, extra = _NEEDED.get(name, ("", ""))
    if module and not _is_installed(module):
        raise DataError(
            f"{name}:// needs a package that is not installed. Received: {address}\n"
            f"hint: pip install 'apache-beam[{extra}]'"
        )
    if needs_beam(address):
        return
    if name == "file":
        raise DataError(
            "A file of this machine is named by its path alone. "
            f"Received: {address}\nhint: {address[scheme.end() :]}"
        )
    raise DataError(
        f"Nothing is read from the web, or written to it. Received: {address}\n"
        "hint: download the data, and name the file"
    )


def check_known(address: str) -> None:
    """Refuses an address whose file system Beam does not know here; imports Beam.

    Raises:
        DataError: With what would help.
    """
    check_address(address)
    if needs_beam(address):
        _beam(address)


def _beam(address: str) -> type[FileSystems]:
    """Returns Beam's file systems, once they are known to have that of an address."""
    check_address(address)
    from apache_beam.io.filesystems import FileSystems

    try:
        FileSystems.get_filesystem(address)
    except ValueError as error:
        scheme = address.partition(":")[0]
        raise DataError(
            f"Beam does not know {scheme}:// here. Received: {address}\n"
            "hint: give a path of this machine, or the address of another file system"
        ) from error
    return FileSystems


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even a package around it
        return False


def _cause(error: BaseException) -> str:
    """Returns the first line of what Beam has wrapped."""
    details = getattr(error, "exception_details", None)
    while details:
        error = next(iter(details.values()))
        details = getattr(error, "exception_details", None)
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
