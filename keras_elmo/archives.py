"""Archives of a model, unpacked where downloads lie.

An archive may be a stranger's: nothing comes out of its folder, no link or device is
made, and no more is written than its size lets expect.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
import re
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from keras_elmo import files, handles
from keras_elmo.errors import SourceError

_PIECE = 1 << 20  # bytes that are read at once: no header needs more
_MOST_FILES = 1_000
_MOST_PARTS = 32  # of a name: each folder is one
_MOST_BYTES = 1 << 34
_DRIVE = re.compile("[A-Za-z]:")  # of Windows
# Of the headers that stand before members of a tar, with their times and attributes.
_RECORD = re.compile(rb"([0-9]{1,9}) [^=]+=")
_MOST_HEADER_BYTES = 1 << 16
_MOST_HEADERS_BYTES = 1 << 21
_SOLARIS_HEADER = b"X"
# As for tensors: weights hardly compress.
_MAX_EXPANSION = 100
_ALWAYS_ALLOWED_BYTES = 1 << 26
_OPENERS: dict[str | None, Any] = {
    "a gzip archive": gzip.open,
    "a bzip2 archive": bz2.open,
    "an xz archive": lzma.open,
    "a tar archive": open,
}
# What the libraries raise over a broken archive besides Python's own errors;
# AttributeError is of tarfile in Python 3.10.
_FAILURES: tuple[type[Exception], ...] = (
    *(EOFError, AttributeError, zlib.error, lzma.LZMAError),
    *(tarfile.TarError, zipfile.BadZipFile, OverflowError),
)


def is_archive(path: Path) -> bool:
    """Returns whether a regular file begins as archives do that can be unpacked."""
    return files.kind(path) in (files.ZIP, *_OPENERS)


def check_archive(path: Path) -> None:
    """Refuses what cannot be unpacked, as far as the first file in it shows.

    Raises:
        SourceError: It says why.
    """
    with _reading(path):
        next(_members(path), None)


def unpacked(path: Path) -> Path:
    """Returns the folder that an archive was unpacked into, now or earlier.

    It is named by a hash of the archive's content, and lies where tensorflow-hub
    keeps what it downloads.

    Raises:
        SourceError: It is broken or too large, or would write elsewhere or something
            else than files.
    """
    with _reading(path), path.open("rb") as file:
        digest = hashlib.sha256()
        while piece := file.read(_PIECE):
            digest.update(piece)
    folder = handles.cache_folder() / f"elmo-{digest.hexdigest()}"
    if folder.is_dir() and _is_whole(folder):
        return folder
    with _reading(path):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpack-") as there:
            made = Path(there) / "new"
            made.mkdir()
            _unpack(path, made)
            sizes = json.dumps(_sizes(made))
            try:
                if folder.is_dir() and not _is_whole(folder):
                    folder.rename(Path(there) / "old")
                _sizes_file(folder).write_text(sizes, "utf-8")
                made.rename(folder)
            except OSError:  # another process was faster
                if not folder.is_dir():
                    raise
    return folder


def _sizes(folder: Path) -> dict[str, int]:
    """Returns the size of each file, by its path in the folder."""
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
    }


def _sizes_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _is_whole(folder: Path) -> bool:
    """Returns whether an unpacked archive is known to have all of its files.

    It lies among temporary files, which systems remove when they are old.
    """
    found = _sizes(folder)
    try:
        sizes = json.loads(_sizes_file(folder).read_text("utf-8"))
        return bool(sizes) and sizes.items() <= found.items()
    except (OSError, ValueError, AttributeError):
        return False


def _unpack(path: Path, folder: Path) -> None:
    left = _most_bytes(path)
    for number, (name, content) in enumerate(_members(path)):
        if number == _MOST_FILES:
            raise SourceError(f"{path} holds more than {_MOST_FILES:,} files")
        target = folder.joinpath(*_safe_parts(name, path))
        made = target if content is None else target.parent
        try:
            made.mkdir(parents=True, exist_ok=True)
            if content is None:
                continue
            with target.open("xb") as file:
                while piece := content.read(_PIECE):
                    left -= len(piece)
                    if left < 0:
                        raise _too_large(path)
                    file.write(piece)
        except (FileExistsError, NotADirectoryError) as error:
            raise SourceError(
                f"{path} holds two files of one name: {files.brief(name)}"
            ) from error


def _safe_parts(name: str, path: Path) -> list[str]:
    """Returns the parts of a name in an archive; refuses one that leads outside."""
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    if plain.startswith("/") or ".." in parts or any(map(_DRIVE.match, parts)):
        raise SourceError(
            f"{path} holds a file that would lie outside: {files.brief(name)}"
        )
    if len(parts) > _MOST_PARTS:
        raise SourceError(f"{path} holds folders within more than {_MOST_PARTS} others")
    return parts


def _members(path: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Yields the name and the content of each file, and folders without content."""
    kind = files.kind(path)
    if kind not in _OPENERS:
        yield from _of_zip(path)
    else:
        with (
            _OPENERS[kind](path, "rb") as file,
            _tar(_Forward(file, path)) as archive,
        ):
            yield from _of_tar(archive, path)


def _of_zip(path: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _no_file(path, info.filename)
            if info.flag_bits & 1:
                raise SourceError(f"{path} is locked by a password")
            files.check_packing(info)
            if info.is_dir():
                yield info.filename, None
            else:
                with archive.open(info) as content:
                    yield info.filename, content


def _tar(file: _Forward) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=file, mode="r:", tarinfo=_Member)  # type: ignore[call-overload]
    except tarfile.ReadError as error:
        raise ValueError(f"there is no tar in it ({error})") from error


def _of_tar(
    archive: tarfile.TarFile, path: Path
) -> Iterator[tuple[str, IO[bytes] | None]]:
    for member in archive:
        if member.isdir():
            yield member.name, None
        elif member.isreg():
            yield member.name, archive.extractfile(member)
        else:
            raise _no_file(path, member.name)


class _Member(tarfile.TarInfo):
    """A member of a tar; says to its `_Forward` when what comes is a header.

    tarfile reads such headers in time and memory by the square of their size, in Python
    before 3.10.15, 3.11.10 and 3.12.6 (CVE-2024-6232), and lists of the holes in a
    sparse file without bound.
    """

    def _proc_member(self, archive: Any) -> Any:
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise ValueError("a sparse file in it")
        is_header = self.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, _SOLARIS_HEADER)
        archive.fileobj.comes_header = is_header
        return super()._proc_member(archive)  # type: ignore[misc]


class _Forward:
    """A file that tarfile reads once, and in small pieces.

    The header of a member may announce a name of gigabytes, which tarfile would read
    at once, and a packed archive of a few bytes would hold. Headers count as files do.
    """

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self._path, self._at = file, path, 0
        self._most = _most_bytes(path)
        self._headers_left = _MOST_HEADERS_BYTES
        self.comes_header = False

    def read(self, size: int) -> bytes:
        if not 0 <= size <= 2 * _PIECE:  # a reader of a piece may take some more
            raise ValueError("a header that is too long")
        data = self._file.read(size)
        self._at += len(data)
        if self._at > self._most:
            raise _too_large(self._path)
        if self.comes_header:
            self._headers_left -= len(data)
            if len(data) > _MOST_HEADER_BYTES or self._headers_left < 0:
                raise ValueError("a header that is too long")
            _check_header(data)
        self.comes_header = False
        return data

    def tell(self) -> int:
        return self._at

    def seek(self, position: int) -> None:
        if position < self._at:
            raise ValueError("the members are not in order")
        while self._at < position:
            if not self.read(min(_PIECE, position - self._at)):
                break


def _check_header(data: bytes) -> None:
    """Refuses a header whose records are not `length keyword=value` and a line's end.

    Raises:
        ValueError: It says why.
    """
    records, start = data.rstrip(b"\0"), 0
    while start < len(records):
        match = _RECORD.match(records, start)
        end = start + int(match[1]) if match else 0
        if match is None or end < match.end() or records[end - 1 : end] != b"\n":
            raise ValueError("a header with a record that is not whole")
        if records.startswith(b"GNU.sparse.", match.end(1) + 1):
            raise ValueError("a sparse file in it")
        start = end


def _most_bytes(path: Path) -> int:
    """Returns how many bytes may come out of an archive."""
    size = path.stat().st_size
    return min(_MOST_BYTES, max(_ALWAYS_ALLOWED_BYTES, _MAX_EXPANSION * size))


def _too_large(path: Path) -> SourceError:
    size = path.stat().st_size
    return SourceError(f"{path} unpacks to far more than its {size:,} bytes let expect")


def _no_file(path: Path, name: str) -> SourceError:
    return SourceError(
        f"{path} holds a link or a device, not a file: {files.brief(name)}"
    )


def _reading(path: Path) -> AbstractContextManager[None]:
    return files.reading(f"the archive {path}", *_FAILURES)
