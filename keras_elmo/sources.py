"""Where an ELMo model can come from, and how each form is opened."""

from __future__ import annotations

import dataclasses
import logging
import os
import reprlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from keras_elmo import archives, files, handles, source_files
from keras_elmo.errors import SourceError, WeightsError
from keras_elmo.options import BiLMOptions
from keras_elmo.source_files import DEFAULT, PRETRAINED, local_path

if TYPE_CHECKING:  # they need Keras or TensorFlow; files do not
    from keras_elmo.bilm import BiLM
    from keras_elmo.runtime.signature_module import SignatureModule
    from keras_elmo.scalar_mix import ScalarMix

_EXPECTED = (
    "An ELMo source must be `default`, a folder with options.json and an hdf5 file, a "
    "SavedModel folder, an archive of such a folder, the pair OPTIONS,WEIGHTS, or a "
    "handle such as https://tfhub.dev/google/elmo/3"
)
_LOG = logging.getLogger("keras_elmo")


@dataclasses.dataclass(frozen=True)
class SourceInfo:
    """What a source turned out to be; `str()` makes one sentence of it.

    Attributes:
        source: As it was named.
        form: What was found there.
        runs: What computes the vectors: the native layer, or the module itself.
    """

    source: str
    form: str
    runs: str

    @classmethod
    def of_random_layer(cls, source: str) -> SourceInfo:
        """Describes a rebuilt layer whose `source` could not be read again."""
        form = "the source of a rebuilt layer, which could not be read again"
        runs = "the native layer, with random weights unless others were set"
        return cls(source, form, runs)

    @classmethod
    def of_saved_layer(cls, source: str) -> SourceInfo:
        """Describes a layer rebuilt from its own file, where `source` is not read."""
        form = "the source of a saved layer, which is not read again"
        return cls(source, form, "the native layer, with the weights it was saved with")

    def __str__(self) -> str:
        return f"{self.source} is {self.form}; what runs is {self.runs}."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """An opened source: a model to fill natively, or a module to call.

    Attributes:
        info: What was found, and what runs.
        options: Of the native model; None if the module itself must be called.
        load: Fills a `BiLM` of these options; None likewise, or if there is
            nothing to fill it with.
        load_mix: Fills a `ScalarMix`; None if the source says nothing of the mix.
        module: The module to call; None if the native model runs.
    """

    info: SourceInfo
    options: BiLMOptions | None = None
    load: Callable[[BiLM], None] | None = None
    load_mix: Callable[[ScalarMix], None] | None = None
    module: SignatureModule | None = None


def open_source(source: str | Path | tuple[str, str]) -> Source:
    """Opens an ELMo source; native weights are read only when its `load` is called.

    That they fit is checked here, as far as it shows without reading their values.

    Args:
        source: `default` for the embedded model; a folder with options.json and an
            hdf5 file; the pair of these files, or `options.json,weights.hdf5`; the
            folder of bilm-tf's training, with options.json and a checkpoint, or the
            checkpoint's path without its ending; the folder of a SavedModel, in
            TF1-Hub or TF2 form, with google/elmo's variables or at least its signature
            `tokens`; an archive of such a folder,
            zip or tar, packed or not; a handle that tensorflow-hub resolves (through
            its cache, TFHUB_CACHE_DIR), such as https://tfhub.dev/google/elmo/3; or a
            Kaggle handle, such as google/elmo/tensorFlow1/elmo.

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
        return _files(*pretrained, name, form="the model embedded in keras_elmo")
    pair = source_files.pair_of(name)
    if pair is not None:
        return _pair(pair, name)
    path = Path(local_path(name))
    if _is_folder(path):
        return _folder(path, name, is_trusted=is_trusted)
    if _is_archive(path):
        folder = source_files.model_folder(archives.unpacked(path))
        where = f", unpacked into {folder}"
        return _folder(folder, name, where, is_trusted=is_trusted)
    if source_files.is_checkpoint(path):
        return _checkpoint(_options_beside(path), path, name)
    _refuse_other_machines(name)
    if handles.is_handle(local_path(name)):
        fetch = handles.resolve if is_trusted else handles.resolved
        folder, package = fetch(name)
        where = f", fetched by {package} into {folder}"
        return _folder(folder, name, where, is_trusted=is_trusted)
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
        _check_options(_paths_of(pair)[0])
        return
    path = Path(local_path(source))
    _refuse_other_machines(source)
    if _is_folder(path):
        names = source_files.names_in(path)
        form = source_files.form_of(names)
        if form == source_files.CHECKPOINT:
            source_files.checkpoint_in(path, names)
            _check_options(source_files.options_in(path, names))
        elif form != source_files.SAVED_MODEL:
            _check_options(source_files.pair_in(path, names)[0])
    elif _is_archive(path):
        archives.check_archive(path)
    elif source_files.is_checkpoint(path):
        _check_options(_options_beside(path))
    elif source != DEFAULT and not handles.is_handle(local_path(source)):
        raise _no_source(path, source)


def _check_options(path: Path) -> None:
    files.check_file(path)
    BiLMOptions.from_file(path)


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
        return _checkpoint(options, weights, name)
    return _files(options, weights, name)


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


def _folder(folder: Path, name: str, where: str = "", *, is_trusted: bool) -> Source:
    names = source_files.names_in(folder)
    form = source_files.form_of(names)
    if form == source_files.SAVED_MODEL:
        for path in folder.rglob("*"):
            if not path.is_dir():
                files.check_file(path)
        return _saved_model(folder, name, where, is_trusted=is_trusted)
    if form == source_files.CHECKPOINT:
        path = source_files.checkpoint_in(folder, names)
        options = source_files.options_in(folder, names)
        return _checkpoint(options, path, name, where)
    return _files(*source_files.pair_in(folder, names), name, where=where)


def _options_beside(path: Path) -> Path:
    folder = path.parent
    return source_files.options_in(folder, source_files.names_in(folder))


def _checkpoint(options: Path, path: Path, name: str, where: str = "") -> Source:
    files.check_file(options)
    read_options = BiLMOptions.from_file(options)
    from keras_elmo import training_checkpoints

    return Source(
        info=SourceInfo(
            name,
            f"a checkpoint of bilm-tf's training{where}",
            f"the native layer, with weights read from the variables of {path}",
        ),
        options=read_options,
        load=training_checkpoints.open_checkpoint(path, read_options),
    )


def _files(
    options: Path,
    weights: Path,
    name: str,
    *,
    form: str = "a pair of files in the published format",
    where: str = "",
) -> Source:
    for path in (options, weights):
        files.check_file(path)
    if files.is_hdf5(options) and not files.is_hdf5(weights):
        raise SourceError(
            "A pair of ELMo files must be named in this order: options.json, then the "
            f"hdf5 file. Received: {options}, which is an hdf5 file, then {weights}"
        )
    from keras_elmo import checkpoints

    read_options = BiLMOptions.from_file(options)
    checkpoints.check_hdf5(read_options, weights)
    runs = f"the native layer, with weights read from {weights}"
    return Source(
        info=SourceInfo(name, form + where, runs),
        options=read_options,
        load=lambda bilm: checkpoints.load_hdf5(bilm, weights),
    )


def _saved_model(folder: Path, name: str, where: str, *, is_trusted: bool) -> Source:
    from keras_elmo import saved_model
    from keras_elmo.runtime.signature_module import (
        HUB_MARKER,
        SIGNATURE,
        SignatureModule,
    )

    is_hub = (folder / HUB_MARKER).exists()
    form = ("a module in TF1-Hub form" if is_hub else "a SavedModel") + where
    try:
        module = saved_model.open_module(folder)
    except SourceError as error:
        # A module of other names can be called; one that is broken cannot.
        if isinstance(error, WeightsError) or saved_model.is_export(folder):
            raise
        unmapped = error
    else:
        runs = f"the native layer, with weights read from the variables of {folder}"
        if module.assumed:
            runs += f" ({module.assumed} are assumed, since variables do not tell)"
        return Source(
            info=SourceInfo(name, form, runs),
            options=module.options,
            load=module.load,
            load_mix=module.load_mix,
        )
    if not is_trusted:
        raise unmapped
    try:
        callable_module = SignatureModule(folder)
    except SourceError as error:
        raise SourceError(
            f"{unmapped}. Nor can its signature be called: {error}\n"
            "hint: a source must have the variables of google/elmo, or its signature "
            f"`{SIGNATURE}`"
        ) from error
    runs = (
        f"the module's own `{SIGNATURE}` signature; it cannot be fine-tuned and its "
        "state handling is its own"
    )
    info = SourceInfo(name, form, runs)
    _LOG.warning("%s The native layer cannot take its place: %s", info, unmapped)
    return Source(info=info, module=callable_module)
