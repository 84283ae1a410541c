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
from keras_elmo.paths import absolute

DEFAULT = "default"
PRETRAINED = Path(__file__).parent / "pretrained"
# The forms that a folder may have.
SAVED_MODEL = "saved_model"
PAIR = "pair"
CHECKPOINT = "checkpoint"
MANY_LANGS = "many_langs"

_FILE_URL = re.compile(r"file:(//(localhost)?(?=/)|(?=/(?!/)))", re.I)
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz")
_LISTED = 5  # names in a message, at most
_OPTIONS = re.compile(r".*options.*\.json", re.I)
_WEIGHTS = re.compile(r".*\.hdf5", re.I)
_VOCABULARY = re.compile(r".*vocab.*\.txt|.*vocab[^.]*", re.I)
_INDEX = ".index"  # of a checkpoint
_OF_CHECKPOINT = re.compile(r"\.index|\.data-\d+-of-\d+")
# Where TensorFlow says which of several checkpoints in a folder is the last.
_LATEST = "checkpoint"
_LATEST_PATH = re.compile(rb'^model_checkpoint_path: "((?:[^"\\\n]|\\.)+)"', re.M)
_SEPARATOR = re.compile(r"[/\\]")  # it may have been written under Windows


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
    if "," not in source or _exists(source):
        return None
    commas = [at for at, char in enumerate(source) if char == ","]
    for are_meant in (
        lambda at: _exists(source[:at]) and _exists(source[at + 1 :]),
        lambda at: source[max(0, at - 5) : at].lower() == ".json",
    ):
        meant = [at for at in commas if are_meant(at)]
        if len(meant) == 1:
            return source[: meant[0]], source[meant[0] + 1 :]
    return None


def absolute_source(source: str) -> str:
    """Returns a source that names the same from any working folder.

    What names nothing on this machine comes back as it is.
    """
    pair = pair_of(source)
    if pair is not None:
        return ",".join(map(absolute_source, pair))
    if source == DEFAULT or source != local_path(source) or not _exists(source):
        return source
    return absolute(source)


def _exists(source: str) -> bool:
    path = local_path(source)
    return os.path.exists(path) or os.path.exists(path + _INDEX)


def local_files(source: str) -> Iterator[tuple[str, Path]]:
    """Yields each file of a source on this machine with its name, in a fixed order.

    A handle has none: it names one fixed version of what lies elsewhere.
    """
    pair = pair_of(source)
    if pair is not None:
        for part in pair:
            yield from local_files(part)
        return
    path = PRETRAINED if source == DEFAULT else Path(local_path(source))
    if path.is_file():
        yield path.name, path
    elif path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            yield str(file.relative_to(path)), file
    elif is_checkpoint(path):
        names = names_in(path.parent)
        beside = (_OPTIONS, _VOCABULARY)
        for file in checkpoint_files(path):
            yield file.name, file
        for name in names:
            if any(pattern.fullmatch(name) for pattern in beside):
                yield name, path.parent / name


def is_checkpoint(path: Path) -> bool:
    """Returns whether a path is that of a checkpoint's files, without the endings."""
    return bool(path.name) and os.path.exists(f"{path}{_INDEX}")


def checkpoint_files(path: Path) -> list[Path]:
    """Returns the files of a checkpoint: its index, and its data in parts."""
    with files.reading(f"the folder {path.parent}"):
        return sorted(
            file
            for file in path.parent.iterdir()
            if file.name.startswith(f"{path.name}.")
            and _OF_CHECKPOINT.fullmatch(file.name, len(path.name))
        )


def checkpoint_in(folder: Path, names: Sequence[str]) -> Path:
    """Returns the one checkpoint of a folder, or the one that TensorFlow says is last.

    Raises:
        SourceError: There are several, and no file says which is the last.
    """
    found = [name.removesuffix(_INDEX) for name in names if name.endswith(_INDEX)]
    if len(found) > 1 and _LATEST in names:
        files.check_file(folder / _LATEST)
        with (
            files.reading(f"{folder / _LATEST}"),
            (folder / _LATEST).open("rb") as file,
        ):
            latest = _LATEST_PATH.search(file.read(1 << 20))
            # A text of protobuf: what is not ASCII is spelled in octal digits.
            path = latest[1].decode("unicode_escape") if latest is not None else ""
            path = path.encode("latin-1").decode(errors="surrogateescape")
        name = _SEPARATOR.split(path)[-1]
        found = [name] if name in found else found
    if len(found) != 1:
        raise SourceError(
            f"{folder} holds more than one checkpoint. Received: {_listed(found)}\n"
            f"hint: name one of them, as {folder / found[0]}"
        )
    return folder / found[0]


def names_in(folder: Path) -> list[str]:
    """Returns what a folder holds, without what is hidden or macOS's own."""
    with files.reading(f"the ELMo folder {folder}"):
        names = sorted(os.listdir(folder))
    return [name for name in names if not name.startswith((".", "__MACOSX"))]


def form_of(names: Sequence[str]) -> str | None:
    """Returns the form that a folder of these names has; None if it has no model."""
    if "saved_model.pb" in names:
        return SAVED_MODEL
    if {"encoder.pkl", "token_embedder.pkl"} <= set(names):
        return MANY_LANGS
    if any(map(_WEIGHTS.fullmatch, names)):
        return PAIR
    if any(name.endswith(_INDEX) for name in names) and any(
        map(_OPTIONS.fullmatch, names)
    ):
        return CHECKPOINT
    return None


def model_folder(folder: Path, archive: Path) -> Path:
    """Returns the one folder of a model in what came out of an archive.

    Args:
        folder: Where it was unpacked.
        archive: For messages.

    Raises:
        SourceError: There is none, or more than one; it names them.
    """
    found: list[Path] = []
    for path, folders, _ in os.walk(folder):
        if form_of(names_in(Path(path))):
            found.append(Path(path).relative_to(folder))
            folders.clear()
        folders.sort()
    if not found:
        raise SourceError(
            f"The archive {archive} holds no ELMo. Received: "
            f"{_listed(names_in(folder))}\n"
            "hint: it must hold the files of one, such as options.json and an hdf5 file"
        )
    if len(found) > 1:
        raise SourceError(
            f"The archive {archive} must hold one ELMo. Received: "
            f"{_listed(map(str, found))}\n"
            f"hint: name one of these folders below {folder}"
        )
    return folder / found[0]


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


def vocabulary_in(folder: Path, names: Sequence[str]) -> Path:
    """Returns the vocabulary that lies beside a model of words.

    Raises:
        SourceError: There is not one such file; it names those that there are.
    """
    return folder / _only(folder, names, _VOCABULARY, "*vocab*.txt", "vocab.txt")


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
    if pattern is _VOCABULARY:
        hint = (
            "\nhint: options without `char_cnn` are of a model of words, which needs "
            "the vocabulary it was trained with"
        )
    elif matches:
        hint = "\nhint: name the two files that belong together: OPTIONS,WEIGHTS"
    elif pattern is _WEIGHTS and any(".data-" in name for name in names):
        hint = f"\nhint: a checkpoint has a file *{_INDEX}, too"
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
