"""Where an ELMo model can come from: what a source names, found and opened."""

from __future__ import annotations

import logging
import os
import reprlib
from collections.abc import Sequence
from pathlib import Path

from keras_elmo import archives, files, handles, source_files
from keras_elmo.errors import SourceError
from keras_elmo.forms import (
    Source,
    SourceInfo,
    check_folder,
    check_options,
    open_checkpoint,
    open_files,
    open_folder,
    options_beside,
)
from keras_elmo.options import BiLMOptions
from keras_elmo.source_files import DEFAULT, PRETRAINED, local_path

_EXPECTED = (
    "An ELMo source must be `default`, a folder with options.json and an hdf5 file, a "
    "SavedModel folder, an archive of such a folder, the pair OPTIONS,WEIGHTS, or a "
    "handle such as https://tfhub.dev/google/elmo/3"
)
_LOG = logging.getLogger("keras_elmo")


def open_source(source: str | Path | tuple[str, str]) -> Source:
    """Opens an ELMo source; native weights are read only when its `load` is called.

    That they fit is checked here, as far as it shows without reading their values.

    Args:
        source: `default` for the embedded model; a folder with options.json and an
            hdf5 file; the pair of these files, or `options.json,weights.hdf5`; the
            folder of a model of ELMoForManyLangs; that of bilm-tf's training, or a
            checkpoint in it, by its path without an ending; the folder of a SavedModel,
            in TF1-Hub or TF2 form, with google/elmo's variables or at least its
            signature `tokens`; an archive of such a folder, zip or tar, packed or not;
            a handle that tensorflow-hub resolves (through its cache, TFHUB_CACHE_DIR),
            such as https://tfhub.dev/google/elmo/3; or a Kaggle handle, such as
            google/elmo/tensorFlow1/elmo.

    Raises:
        SourceError: If nothing of that form is there, or if it is broken.
    """
    return _open(source, is_trusted=True)


def reopen_source(source: str | Path | tuple[str, str], options: BiLMOptions) -> Source:
    """Opens the source of a native layer once more, as its configuration names it.

    A configuration may be a stranger's. So a handle is not fetched, but found where
    it was fetched in this process; and no module is called. If the source cannot be
    read, a warning says so, and what is returned has no weights.

    Args:
        source: As `open_source` takes it.
        options: Those of the layer.
    """
    name = _name(source)
    try:
        opened = _open(source, is_trusted=False)
        if opened.options != options:
            raise SourceError(f"{name} is a model of other options by now")
    except SourceError as error:
        _LOG.warning(
            "A layer is rebuilt from its configuration, and its source cannot be read "
            "again: its weights are random until others are set. %s",
            error,
        )
        return Source(info=SourceInfo.of_random_layer(name), options=options)
    return opened


def _name(source: object) -> str:
    if isinstance(source, (tuple, list)):
        return " and ".join(map(str, source))
    return str(source)


def _open(source: object, *, is_trusted: bool) -> Source:
    name = _name(source)
    if isinstance(source, (tuple, list)):
        return _pair(source, name)
    if not isinstance(source, (str, os.PathLike)):
        raise SourceError(f"{_EXPECTED}. Received: {source!r}")
    if not name:
        raise SourceError(f"{_EXPECTED}. Received: ''")
    if name == DEFAULT:
        pretrained = (PRETRAINED / "options.json", PRETRAINED / "weights.hdf5")
        return open_files(*pretrained, name, form="the model embedded in keras_elmo")
    pair = source_files.pair_of(name)
    if pair is not None:
        return _pair(pair, name)
    path = Path(local_path(name))
    if _is_folder(path):
        return open_folder(path, name, is_trusted=is_trusted)
    if _is_archive(path):
        folder = source_files.model_folder(archives.unpacked(path), path)
        where = f", unpacked into {folder}"
        return open_folder(folder, name, where, is_trusted=is_trusted)
    if source_files.is_checkpoint(path):
        return open_checkpoint(options_beside(path), path, name)
    _refuse_other_machines(name)
    if handles.is_handle(local_path(name)):
        fetch = handles.resolve if is_trusted else handles.resolved
        folder, package = fetch(name)
        where = f", fetched by {package} into {folder}"
        return open_folder(folder, name, where, is_trusted=is_trusted)
    raise _no_source(path, name)


def check_source(source: str) -> None:
    """Refuses what is no source at all, in no time: no Keras, no weights, no download.

    Args:
        source: As `open_source` takes it, which finds what this does not.

    Raises:
        SourceError: It is no folder, no archive and no handle, or a folder without the
            files.
    """
    pair = source_files.pair_of(source)
    if pair is not None:
        options, weights = _paths_of(pair)
        check_options(options, words=source_files.is_checkpoint(weights))
        return
    path = Path(local_path(source))
    _refuse_other_machines(source)
    if _is_folder(path):
        check_folder(path)
    elif _is_archive(path):
        archives.check_archive(path)
    elif source_files.is_checkpoint(path):
        check_options(options_beside(path), words=True)
    elif source != DEFAULT and not handles.is_handle(local_path(source)):
        raise _no_source(path, source)


def _refuse_other_machines(source: str) -> None:
    if source.lower().startswith("file://") and local_path(source) == source:
        raise SourceError(
            "A file:// source must name a path of this machine, as file:///folder "
            f"does. Received: {source}"
        )


def _is_folder(path: Path) -> bool:
    with files.reading(f"the ELMo source {reprlib.repr(str(path))}"):
        return path.is_dir()


def _is_archive(path: Path) -> bool:
    with files.reading(f"the ELMo source {reprlib.repr(str(path))}"):
        return path.is_file() and archives.is_archive(path)


def _no_source(path: Path, name: str) -> SourceError:
    """Returns the error for what is neither a folder nor a handle."""
    if not path.exists():
        return SourceError(f"{_EXPECTED}. Received: {name}, which does not exist")
    files.check_file(path)
    found = files.kind(path) or "a file"
    hint = "\nhint: name the folder that holds it, or OPTIONS,WEIGHTS"
    return SourceError(f"{_EXPECTED}. Received: {name}, which is {found}{hint}")


def _pair(source: Sequence[object], name: str) -> Source:
    if len(source) != 2 or not all(isinstance(x, (str, os.PathLike)) for x in source):
        raise SourceError(
            "A pair of ELMo files must be the paths of options.json and of an hdf5 "
            f"file. Received: {source!r}"
        )
    options, weights = _paths_of(list(map(str, source)))
    if source_files.is_checkpoint(weights):
        return open_checkpoint(options, weights, name)
    return open_files(options, weights, name)


def _paths_of(pair: Sequence[str]) -> tuple[Path, Path]:
    parts = [local_path(part) for part in pair]
    for part in parts:
        if "://" in part:
            raise SourceError(
                "A pair of ELMo files must lie on this machine; only handles are "
                f"fetched. Received: {part}\nhint: download both files, and name them "
                "by their paths"
            )
    return Path(parts[0]), Path(parts[1])
