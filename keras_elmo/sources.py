"""Where an ELMo model can come from, and how each form is opened."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from keras_elmo import checkpoints, handles
from keras_elmo.bilm import BiLM
from keras_elmo.errors import SourceError
from keras_elmo.options import BiLMOptions

if TYPE_CHECKING:  # they need TensorFlow; files do not
    from keras_elmo.runtime.signature_module import SignatureModule
    from keras_elmo.scalar_mix import ScalarMix

DEFAULT = "default"
PRETRAINED = Path(__file__).parent / "pretrained"
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
        load: Fills a `BiLM` of these options; None likewise.
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

    Args:
        source: `default` for the embedded model; a folder with options.json and an
            hdf5 file; the pair of these files; the folder of a SavedModel, in
            TF1-Hub or TF2 form, with google/elmo's variables or at least its
            signature `tokens`; a handle that tensorflow-hub resolves (through its
            cache, TFHUB_CACHE_DIR), such as https://tfhub.dev/google/elmo/3; or a
            Kaggle handle, such as google/elmo/tensorFlow1/elmo.

    Raises:
        SourceError: If nothing of that form is there.
    """
    if isinstance(source, (tuple, list)):
        return _files(Path(source[0]), Path(source[1]), " and ".join(map(str, source)))
    name = str(source)
    if name == DEFAULT:
        files = (PRETRAINED / "options.json", PRETRAINED / "weights.hdf5")
        return _files(*files, name, form="the model embedded in keras_elmo")
    if Path(source).is_dir():
        return _folder(Path(source), name)
    if handles.is_handle(name):
        folder, package = handles.resolve(name)
        return _folder(folder, name, where=f", fetched by {package} into {folder}")
    missing = "" if Path(source).exists() else ", which does not exist"
    raise SourceError(
        "An ELMo source must be `default`, a folder with options.json and an "
        "hdf5 file, a SavedModel folder, or a handle such as "
        f"https://tfhub.dev/google/elmo/3. Received: {source}{missing}"
    )


def _folder(folder: Path, name: str, where: str = "") -> Source:
    if (folder / "saved_model.pb").exists():
        return _saved_model(folder, name, where)
    options, weights = _only(folder, "*options.json"), _only(folder, "*weights.hdf5")
    return _files(options, weights, name, where=where)


def _files(
    options: Path,
    weights: Path,
    name: str,
    *,
    form: str = "a pair of files in the published format",
    where: str = "",
) -> Source:
    for path in (options, weights):
        if not path.is_file():
            raise SourceError(f"There is no ELMo file {path}")
    runs = f"the native layer, with weights read from {weights}"
    return Source(
        info=SourceInfo(name, form + where, runs),
        options=BiLMOptions.from_file(options),
        load=lambda bilm: checkpoints.load_hdf5(bilm, weights),
    )


def _only(folder: Path, pattern: str) -> Path:
    matches = sorted(folder.glob(pattern))
    if len(matches) != 1:
        names = ", ".join(path.name for path in matches) or "none"
        raise SourceError(
            f"An ELMo folder must hold exactly one {pattern}. Received: {folder} with "
            f"{names}"
        )
    return matches[0]


def _saved_model(folder: Path, name: str, where: str) -> Source:
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
