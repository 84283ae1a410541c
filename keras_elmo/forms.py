"""The forms in which a model may lie on this machine, and how each is opened.

What needs Keras or TensorFlow is imported when a model of its form is opened: a check
of files alone does not wait for it.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from keras_elmo import files, source_files
from keras_elmo.errors import SourceError, WeightsError
from keras_elmo.lexicon import read_vocabulary
from keras_elmo.options import BiLMOptions

if TYPE_CHECKING:  # they need Keras or TensorFlow; files do not
    from keras_elmo.bilm import BiLM
    from keras_elmo.runtime.signature_module import SignatureModule
    from keras_elmo.scalar_mix import ScalarMix

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


def check_folder(folder: Path) -> None:
    """Refuses a folder that holds no model, in no time.

    Raises:
        SourceError: It lacks the files of every form, or its options are wrong.
    """
    names = source_files.names_in(folder)
    form = source_files.form_of(names)
    if form == source_files.CHECKPOINT:
        source_files.checkpoint_in(folder, names)
        check_options(source_files.options_in(folder, names), words=True)
    elif form == source_files.MANY_LANGS:
        files.read_json(folder / "config.json")
    elif form != source_files.SAVED_MODEL:
        check_options(source_files.pair_in(folder, names)[0])


def check_options(path: Path, *, words: bool = False) -> None:
    """Refuses a file of options that is wrong; `words` as for a checkpoint."""
    files.check_file(path)
    if words:
        _training_options(path)
    else:
        BiLMOptions.from_file(path)


def open_folder(
    folder: Path, name: str, where: str = "", *, is_trusted: bool
) -> Source:
    """Opens the model that lies in a folder, in whichever form.

    Args:
        folder: That holds it.
        name: Of the source, as it was named.
        where: What is said of the folder, if it is not the source itself.
        is_trusted: Whether a module may be called whose variables cannot be read.

    Raises:
        SourceError: If nothing of that form is there, or if it is broken.
    """
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
        return open_checkpoint(options, path, name, where)
    if form == source_files.MANY_LANGS:
        return _many_langs(folder, name, where)
    return open_files(*source_files.pair_in(folder, names), name, where=where)


def _many_langs(folder: Path, name: str, where: str) -> Source:
    from keras_elmo import many_langs

    options = many_langs.read_options(folder)
    return Source(
        info=SourceInfo(
            name,
            f"a model of ELMoForManyLangs{where}",
            f"the native layer, with weights read from the tensors of {folder}",
        ),
        options=options,
        load=many_langs.open_weights(folder, options),
    )


def _training_options(path: Path) -> BiLMOptions:
    """Reads the options of bilm-tf's training, of a model of words alone as well."""
    options = files.read_json(path)
    if not isinstance(options, dict) or "char_cnn" in options:
        return BiLMOptions.from_file(path)
    folder = path.parent
    vocabulary = source_files.vocabulary_in(folder, source_files.names_in(folder))
    try:
        return BiLMOptions.of_words(options, read_vocabulary(vocabulary))
    except SourceError as error:
        message = f"Cannot read ELMo options from {path} and {vocabulary}: {error}"
        raise SourceError(message) from error


def options_beside(path: Path) -> Path:
    """Returns the options that lie beside a checkpoint."""
    folder = path.parent
    return source_files.options_in(folder, source_files.names_in(folder))


def open_checkpoint(options: Path, path: Path, name: str, where: str = "") -> Source:
    """Opens a checkpoint of bilm-tf's training.

    Args:
        options: The file of options.
        path: Of the checkpoint, without an ending.
        name: Of the source, as it was named.
        where: What is said of the place, if it is not the source itself.

    Raises:
        SourceError: If nothing of that form is there, or if it is broken.
    """
    files.check_file(options)
    read_options = _training_options(options)
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


def open_files(
    options: Path,
    weights: Path,
    name: str,
    *,
    form: str = "a pair of files in the published format",
    where: str = "",
) -> Source:
    """Opens a pair of files in the published format.

    Args:
        options: The file of options.
        weights: The hdf5 file.
        name: Of the source, as it was named.
        form: What is said of them.
        where: What is said of the place, if it is not the source itself.

    Raises:
        SourceError: If nothing of that form is there, or if it is broken.
    """
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
