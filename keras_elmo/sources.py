"""Where an ELMo model can come from, and how each form is opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from keras_elmo import checkpoints
from keras_elmo.bilm import BiLM
from keras_elmo.errors import SourceError
from keras_elmo.options import BiLMOptions

DEFAULT = "default"
PRETRAINED = Path(__file__).parent / "pretrained"


@dataclasses.dataclass(frozen=True)
class Source:
    """An opened source: the model's options, and what fills a `BiLM` from it."""

    options: BiLMOptions
    load: Callable[[BiLM], None]
    description: str


def open_source(source: str | Path | tuple[str, str]) -> Source:
    """Opens an ELMo source; weights are read only when its `load` is called.

    Args:
        source: `default` for the embedded model; a folder with options.json and
            an hdf5 file; the pair of these files; a SavedModel folder with the
            variable names of google/elmo; or a handle that tensorflow_hub
            resolves (through its cache, TFHUB_CACHE_DIR).

    Raises:
        SourceError: If nothing of that form is there.
    """
    if isinstance(source, (tuple, list)):
        return _files(Path(source[0]), Path(source[1]))
    if str(source) == DEFAULT:
        return _files(PRETRAINED / "options.json", PRETRAINED / "weights.hdf5")
    if "://" in str(source):
        return _hub_module(_resolve(str(source)), str(source))
    folder = Path(source)
    if not folder.is_dir():
        raise SourceError(
            "An ELMo source must be `default`, a folder with options.json and an "
            "hdf5 file, a SavedModel folder, or a handle such as "
            f"https://tfhub.dev/google/elmo/3. Received: {source}"
        )
    if (folder / "saved_model.pb").exists():
        return _hub_module(folder, str(folder))
    return _files(_only(folder, "*options.json"), _only(folder, "*weights.hdf5"))


def _files(options: Path, weights: Path) -> Source:
    for path in (options, weights):
        if not path.is_file():
            raise SourceError(f"There is no ELMo file {path}")
    return Source(
        options=BiLMOptions.from_file(options),
        load=lambda bilm: checkpoints.load_hdf5(bilm, weights),
        description=f"{options}, {weights}",
    )


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise SourceError(
            f"An ELMo folder must hold exactly one {pattern}. Received: {folder} with "
            f"{names}"
        )
    return found[0]


def _hub_module(folder: Path, description: str) -> Source:
    from keras_elmo import hub_module  # needs TensorFlow; files do not

    options, load = hub_module.open_module(folder)
    return Source(options=options, load=load, description=description)


def _resolve(handle: str) -> Path:
    try:
        import tensorflow_hub
    except ImportError as error:
        raise SourceError(
            f"The handle {handle} needs the package tensorflow-hub 0.16 or newer"
        ) from error
    try:
        return Path(tensorflow_hub.resolve(handle))
    except (OSError, ValueError, RuntimeError) as error:
        raise SourceError(
            f"The handle {handle} cannot be fetched: {error}\n"
            "hint: download it elsewhere, unpack it, and give the folder as the "
            "source, or place it in the cache folder that TFHUB_CACHE_DIR names"
        ) from error
