"""What is a wildcard, what only looks like one, and what matches on this machine.

`*` and `?` stand for what a name may hold, `[ab]` for one of these characters, and `**`
for folders, too.
"""

from __future__ import annotations

import errno
import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator

WILDCARD = re.compile(r"[*?\[]")
_ESCAPED = re.compile(r"\[[*?\[]\]")  # as `glob.escape` writes them
# A bracket that nothing closes is text: `[]` and `[!]` are no classes.
_PIECE = re.compile(r"(\*\*|\*|\?|\[(?:![^/]|[^!/])[^\]/]*\])")
_IN_CLASS = re.compile(r"(.)-(.)|(.)", re.DOTALL)
_EXPRESSIONS = {"*": "[^/]*", "?": "[^/]", "**": ".*"}
# Names that are by convention not data: `_SUCCESS`, `.DS_Store`, `__MACOSX/`.
_HIDDEN = (".", "_")
UNFINISHED = ".unfinished"
"""Ends the name of a folder in which a batch job works."""


def escape_existing(pattern: str) -> str:
    """Returns a pattern in which folders and files that exist stand for themselves.

    Of `e[1]/*.csv` the first part is a name if there is such a folder, else a wildcard.

    Args:
        pattern: A name or glob; elsewhere than on this machine it stays as it is.
    """
    if "://" in pattern or not WILDCARD.search(pattern):
        return pattern
    parts = pattern.split("/")
    return "/".join(
        glob.escape(part)
        if WILDCARD.search(part) and os.path.lexists("/".join(parts[: place + 1]))
        else part
        for place, part in enumerate(parts)
    )


def has_wildcard(pattern: str) -> bool:
    """Returns whether something in a pattern is more than an escaped name."""
    return WILDCARD.search(_ESCAPED.sub("", pattern)) is not None


def unescape(pattern: str) -> str:
    """Returns the name that an escaped one stands for."""
    return _ESCAPED.sub(lambda match: match[0][1], pattern)


def glob_expression(pattern: str) -> str:
    """Returns a regular expression for what a glob matches."""
    return "".join(map(_expression, _PIECE.split(pattern)))


def _expression(piece: str) -> str:
    if piece in _EXPRESSIONS:
        return _EXPRESSIONS[piece]
    if not _PIECE.fullmatch(piece):
        return re.escape(piece)
    inner = "".join(
        re.escape(one) if one else f"{re.escape(first)}-{re.escape(last)}"
        for first, last, one in _IN_CLASS.findall(piece[1:-1].removeprefix("!"))
        if first <= last  # as `z-a` stands for nothing
    )
    if piece.startswith("[!"):
        return f"[^/{inner}]"
    return f"(?!/)[{inner}]" if inner else "(?!)"


def is_hidden(name: str) -> bool:
    """Returns whether a name of a file or folder is by convention not data."""
    return name.startswith(_HIDDEN) or name.endswith(UNFINISHED)


def _is_meant(name: str, part: str) -> bool:
    """Returns whether a name is not hidden, or a part of a pattern asks for such."""
    if name.endswith(UNFINISHED) and not part.endswith(UNFINISHED):
        return False
    return not name.startswith(_HIDDEN) or name[:1] == part[:1]


def has_hidden_name(path: str, pattern: str) -> bool:
    """Returns whether only a wildcard of a pattern names a hidden part of a path.

    Args:
        path: Matches the pattern.
        pattern: A name or glob. What begins with `.` or `_` in it is not hidden.
    """
    wanted, names = pattern.split("/"), path.split("/")
    depth = next((i for i, part in enumerate(wanted) if "**" in part), len(wanted))
    return any(
        is_hidden(name) and (place >= depth or not _is_meant(name, wanted[place]))
        for place, name in enumerate(names)
    )


def match_local(pattern: str) -> Iterator[tuple[str, int, float]]:
    """Yields path, bytes and time of change of the files that a pattern matches.

    Links are followed. One that leads nowhere is a file as well: whoever opens it sees
    what is wrong. A wildcard at the beginning of a name matches no hidden one.

    Raises:
        OSError: A folder cannot be read.
    """
    base = "" if pattern.startswith("/") else os.path.join(os.getcwd(), "")
    parts = (glob.escape(base) + pattern).split("/")
    for path in _match(["/".join(_named(parts))], parts[len(_named(parts)) :]):
        try:
            found = os.stat(path)
        except PermissionError:
            raise
        except OSError:
            if not os.path.islink(path):
                continue  # it has disappeared
            found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode):
            yield path[len(base) :], found.st_size, found.st_mtime


def _named(parts: list[str]) -> list[str]:
    """Returns the parts before the first wildcard, as the names they stand for."""
    number = next((i for i, part in enumerate(parts) if has_wildcard(part)), len(parts))
    return [unescape(part) for part in parts[:number]]


def _match(paths: list[str], parts: list[str]) -> Iterator[str]:
    """Yields what begins with one of some paths and goes on as the parts say."""
    if not parts:
        yield from paths
        return
    part, *rest = parts
    if not has_wildcard(part):
        yield from _match([f"{path}/{unescape(part)}" for path in paths], rest)
        return
    if "**" in part:
        form = re.compile(glob_expression("/".join(parts)), re.DOTALL)
        for path, each in _below(paths):
            if form.fullmatch(each, len(path) + 1):
                yield each
        return
    form = re.compile(glob_expression(part))
    for path in paths:
        folders = []
        for name, is_a_folder in _entries(path):
            if not _is_meant(name, part) or not form.fullmatch(name):
                continue
            if is_a_folder or not rest:
                folders.append(f"{path}/{name}")
            elif not os.path.exists(f"{path}/{name}"):  # a link that leads nowhere
                yield f"{path}/{name}"
        yield from _match(folders, rest)


def files_below(folder: str) -> Iterator[str]:
    """Yields the files in a folder and deeper down.

    Links are followed, and each folder is read once, however many links lead to it.
    """
    return (path for _, path in _below([folder]))


def _below(folders: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields each file that lies deeper down, behind the one of the folders it is in.

    A folder that lies there itself is read under that name; links to folders come last.
    None leads up to what holds one of the folders.
    """
    named = sorted(folders, key=os.path.islink)
    above = {place for folder in named for place in _places_above(folder)}
    read: set[tuple[int, int]] = set()
    links = [(folder, folder) for folder in named]
    for number, (base, link) in enumerate(links):  # which grow meanwhile
        below = [link]
        while below:
            folder = below.pop()
            place = _place(folder)
            is_above = number >= len(named) and folder == link and place in above
            if place is None or place in read or is_above:
                continue
            read.add(place)
            deeper = []
            for name, is_a_folder in _entries(folder):
                path = f"{folder}/{name}"
                if is_hidden(name):
                    continue
                if not is_a_folder:
                    yield base, path
                elif os.path.islink(path):
                    links.append((base, path))
                else:
                    deeper.append(path)
            below += reversed(deeper)


def _place(folder: str) -> tuple[int, int] | None:
    """Returns device and inode of a folder; None: it has disappeared."""
    try:
        found = os.stat(folder or "/")
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _places_above(folder: str) -> Iterator[tuple[int, int]]:
    """Yields device and inode of the folders that a folder, behind links, lies in."""
    folder = os.path.realpath(folder or "/")
    while folder != "/":
        folder = folder.rpartition("/")[0] or "/"
        if place := _place(folder):
            yield place


def _entries(folder: str) -> list[tuple[str, bool]]:
    """Returns the names in a folder, sorted, and whether each is a folder."""
    try:
        with os.scandir(folder or "/") as entries:
            return sorted((entry.name, is_folder(entry)) for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Returns whether an entry is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return False  # a link to itself: whoever opens it sees that
