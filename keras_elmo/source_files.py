"""What a source names on this machine: which files, and what each is for.

Nothing is opened here but folders, and no library is loaded: it takes no time.
"""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path

from keras_elmo import files
from keras_elmo.errors import SourceError

DEFAULT = "default"
PRETRAINED = Path(__file__).parent / "pretrained"
# The forms that a folder may have.
SAVED_MODEL = "saved_model"
PAIR = "pair"

_FILE_URL = re.compile(r"file:(//(localhost)?(?=/)|(?=/(?!/)))", re.I)
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz")
_LISTED = 5  # names in a message, at most
_OPTIONS = re.compile(r".*options.*\.json", re.I)
_WEIGHTS = re.compile(r".*\.hdf5", re.I)


def local_path(source: str) -> str:
    """Returns the path that a `file://` address of this machine names.

    Any other source comes back as it is.
    """
    address = _FILE_URL.match(source)
    if address is None:
        return source
    return urllib.parse.unquote(source[address.end() :], errors="surrogateescape")


def pair_of(source: str) -> tuple[str, str] | None:
    """Returns the two parts of `options.json,weights.hdf5`; None for any other source.

    A path may have commas of its own: it is parted where two files come out, and if
    there are none such, after `.json`.
    """
    if "," not in source or os.path.exists(local_path(source)):
        return None
    commas = [at for at, char in enumerate(source) if char == ","]
    pairs = [(source[:at], source[at + 1 :]) for at in commas]
    for are_meant in (
        lambda pair: all(os.path.exists(local_path(part)) for part in pair),
        lambda pair: pair[0].lower().endswith(".json"),
    ):
        meant = [pair for pair in pairs if are_meant(pair)]
        if len(meant) == 1:
            return meant[0]
    return None


def absolute_source(source: str) -> str:
    """Returns a source that names the same from any working folder.

    What names nothing on this machine comes back as it is.
    """
    pair = pair_of(source)
    if pair is not None:
        return ",".join(map(absolute_source, pair))
    if source == DEFAULT or not os.path.exists(source):
        return source
    return os.path.abspath(source)


def local_files(source: str) -> Iterator[tuple[str, Path]]:
    """Yields each file of a source on this machine with its name, in a fixed order.

    A handle has none: it names one fixed version of what lies elsewhere.
    """
    pair = pair_of(source)
    if pair is not None:
        for part in map(Path, map(local_path, pair)):
            yield part.name, part
        return
    path = PRETRAINED if source == DEFAULT else Path(local_path(source))
    if path.is_file():
        yield path.name, path
    elif path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            yield str(file.relative_to(path)), file


def names_in(folder: Path) -> list[str]:
    """Returns what a folder holds, without what is hidden or macOS's own."""
    with files.reading(f"the ELMo folder {folder}"):
        names = sorted(os.listdir(folder))
    return [name for name in names if not name.startswith((".", "__MACOSX"))]


def form_of(names: Sequence[str]) -> str | None:
    """Returns the form that a folder of these names has; None if it has no model."""
    if "saved_model.pb" in names:
        return SAVED_MODEL
    if any(map(_WEIGHTS.fullmatch, names)):
        return PAIR
    return None


def model_folder(folder: Path) -> Path:
    """Returns the one folder of a model in what came out of an archive.

    Raises:
        SourceError: There is none, or more than one; it names them.
    """
    found: list[Path] = []
    for path, folders, _ in os.walk(folder):
        if form_of(names_in(Path(path))):
            found.append(Path(path).relative_to(folder))
            folders.clear()
        folders.sort()
    if len(found) > 1:
        raise SourceError(
            f"An archive must hold one ELMo. Received: {_listed(map(str, found))}\n"
            f"hint: name one of these folders below {folder}"
        )
    return folder / found[0] if found else folder


def pair_in(folder: Path, names: Sequence[str]) -> tuple[Path, Path]:
    """Returns the options and the weights that lie in a folder.

    Raises:
        SourceError: There is not one of each; it names those that there are.
    """
    return options_in(folder, names), folder / _only(
        folder, names, _WEIGHTS, "*.hdf5", "weights.hdf5"
    )


def options_in(folder: Path, names: Sequence[str]) -> Path:
    """Returns the options that lie in a folder, `options.json` among others.

    Raises:
        SourceError: There is not one such file; it names those that there are.
    """
    return folder / _only(folder, names, _OPTIONS, "*options*.json", "options.json")


def _only(
    folder: Path,
    names: Sequence[str],
    pattern: re.Pattern[str],
    shown: str,
    usual: str,
) -> str:
    """Returns the one name of a pattern, or the one among them that ends as usual."""
    matches = [name for name in names if pattern.fullmatch(name)]
    named = [name for name in matches if name.endswith(usual)]
    for found in (named, matches):
        if len(found) == 1:
            return found[0]
    archives = [name for name in names if name.lower().endswith(_ARCHIVES)]
    hint = ""
    if matches:
        hint = "\nhint: name the two files that belong together: OPTIONS,WEIGHTS"
    elif archives:
        hint = f"\nhint: name the archive itself: {folder / archives[0]}"
    raise SourceError(
        f"An ELMo folder must hold exactly one {shown}. Received: {folder} with "
        f"{_listed(matches)}{hint}"
    )


def _listed(names: Iterator[str] | Sequence[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more
