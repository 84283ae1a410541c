"""Files of this machine by Python alone, and those elsewhere by Beam.

Beam takes seconds to import, so it is imported for addresses with `://` only: what is
wrong with a file on this machine is said at once.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from components.text_example_gen.errors import DataError
from components.text_example_gen.globs import has_hidden_name, match_local

if TYPE_CHECKING:
    from apache_beam.io.filesystems import FileSystems

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_EXTRAS = {"gs": "gcp", "s3": "aws", "azfs": "azure"}  # of Beam's package
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
    [result] = _beam(pattern).match([pattern])
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


def _beam(address: str) -> type[FileSystems]:
    """Returns Beam's file systems, once they are known to have that of an address.

    Raises:
        DataError: They have not; it says what to do.
    """
    scheme = cast(re.Match[str], _SCHEME.match(address))[1].lower()
    if scheme in _WEB:
        raise DataError(
            f"Data is not read from the web. Received: {address}\n"
            "hint: download it, and name the file"
        )
    if scheme == "file":
        raise DataError(
            "A file of this machine is named by its path alone. "
            f"Received: {address}\nhint: {address[len('file://') :]}"
        )
    from apache_beam.io.filesystems import FileSystems

    try:
        FileSystems.get_filesystem(address)
    except ValueError as error:
        extra = _EXTRAS.get(scheme)
        hint = "give a path of this machine"
        if extra is not None:
            hint = f"pip install 'apache-beam[{extra}]'"
        raise DataError(
            f"Beam cannot read {scheme}:// here. Received: {address}\nhint: {hint}"
        ) from error
    return FileSystems
