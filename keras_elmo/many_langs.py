"""ELMoForManyLangs: models of 44 languages, which know words and Unicode's characters.

A folder holds the weights in two files of torch.save, the lexicons, and a config.json
that names a second file with the sizes. Its LSTMs are ELMo's; what they store is
brought into the order of the published hdf5 layout here.

Source: HIT-SCIR/ELMoForManyLangs, commit b3de5f1: `elmo.py`, `frontend.py`, `modules/`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_elmo import checkpoints, files
from keras_elmo.bilm import BiLM
from keras_elmo.errors import SourceError, WeightsError
from keras_elmo.files import Shape
from keras_elmo.lexicon import Lexicon
from keras_elmo.options import BiLMOptions
from keras_elmo.torch_files import TorchFile

_WORD_MARKS = ("<bos>", "<eos>", "<oov>")
# Its code names these two the other way round: <eow> begins a word and <bow> ends it.
_CHAR_MARKS = ("<eow>", "<bow>", "<oov>", "<pad>")
_NAMELESS = "\u3000"  # what a line with a number alone stands for
# The files of sizes that come with its code, which say the same; models name one of
# them, and often lack it.
_SAMPLES = ("cnn_50_100_512_4096_sample.json", "cnn_0_100_512_4096_sample.json")
_SAMPLE: dict[str, Any] = {
    "encoder": {
        "name": "elmo",
        "projection_dim": 512,
        "cell_clip": 3,
        "proj_clip": 3,
        "dim": 4096,
        "n_layers": 2,
    },
    "token_embedder": {
        "name": "cnn",
        "activation": "relu",
        "filters": [[1, 32], [2, 32], [3, 64], [4, 128], [5, 256], [6, 512], [7, 1024]],
        "n_highway": 2,
        "word_dim": 100,
        "char_dim": 50,
        "max_characters_per_token": 50,
    },
}


# Our names of options and lexicons, and those that the files have.
_NAMES = {
    "lstm.": "encoder.",
    "char_cnn.embedding.dim": "token_embedder.char_dim",
    "char_cnn.": "token_embedder.",
    "lexicon.word_dim": "token_embedder.word_dim",
    "lexicon.words": "word.dic",
    "lexicon.chars": "char.dic",
}


def read_options(folder: Path) -> BiLMOptions:
    """Reads the sizes and the lexicons of a model.

    Raises:
        SourceError: A file is missing or broken, or the model is of another kind than
            ELMo's LSTMs over characters and words.
    """
    sizes, origin = _sizes(folder)
    try:
        return _options(sizes, folder)
    except SourceError as error:
        said = str(error)
        for ours, theirs in _NAMES.items():
            said = said.replace(ours, theirs)
        raise SourceError(f"Cannot read ELMo options from {origin}: {said}") from error


def open_weights(folder: Path, options: BiLMOptions) -> Callable[[BiLM], None]:
    """Checks that a model's weights fit, without reading their values.

    Returns:
        What fills a `BiLM` of these options.

    Raises:
        SourceError: A file is missing or broken.
        WeightsError: It lacks a tensor, or holds one of another shape or type.
    """
    parts = {
        name: TorchFile(folder / f"{name}.pkl")
        for name in ("token_embedder", "encoder")
    }
    for part, expected in _shapes(options).items():
        shapes, path = parts[part].shapes(), folder / f"{part}.pkl"
        for name, shape in expected.items():
            if name not in shapes:
                raise WeightsError(
                    f"{path} lacks the tensor {name} of shape {shape}{_why(folder)}"
                )
            if shapes[name] != shape:
                raise WeightsError(
                    f"The tensor {name} of {path} does not fit the options: expected "
                    f"shape {shape}, which is {_axes(name)}. Received: {shapes[name]}"
                    f"{_why(folder)}"
                )
        unknown = sorted(set(shapes) - set(expected))
        if unknown:
            raise WeightsError(
                f"{path} holds the tensor {unknown[0]}, which has no place here"
                f"{_why(folder)}"
            )
    token, lstm = parts["token_embedder"].read, parts["encoder"].read

    def read(name: str) -> np.ndarray | None:
        if name.startswith("initial_state/"):
            return None
        return (
            _of_lstm(lstm, name) if name.startswith("RNN_") else _of_token(token, name)
        )

    return lambda bilm: checkpoints.assign_weights(bilm, read, str(folder))


def _why(folder: Path) -> str:
    """Returns a hint about the sizes that a model's tensors do not fit."""
    _, origin = _sizes(folder)
    if origin != folder / "config.json":
        return f"\nhint: the sizes are those of {origin}"
    named = files.read_json(origin)["config_path"].replace("\\", "/")
    return (
        f"\nhint: the sizes are those of the sample that {origin} names; put the file "
        f"{named.rpartition('/')[2]} that it was trained with beside it"
    )


def _axes(name: str) -> str:
    """Returns what the axes of a tensor are, by their names in the file of sizes."""
    for pattern, axes in _AXES.items():
        if re.search(pattern, name):
            return f"({axes})"
    raise AssertionError(name)


_AXES = {
    r"^word_emb_layer": "entries of word.dic, word_dim",
    r"^char_emb_layer": "entries of char.dic, char_dim",
    r"^convolutions.*weight": "count of a filter, char_dim, width of a filter",
    r"^convolutions.*bias": "count of a filter",
    r"^highways.*weight": "twice the counts of all filters, the counts of all filters",
    r"^highways.*bias": "twice the counts of all filters",
    r"^projection.weight": "projection_dim, word_dim and the counts of all filters",
    r"^projection.bias": "projection_dim",
    r"_linearity.weight$": "4 times dim, projection_dim",
    r"_linearity.bias$": "4 times dim",
    r"state_projection": "projection_dim, dim",
}


def _sizes(folder: Path) -> tuple[Mapping[str, Any], Path]:
    """Returns the sizes, from the file that config.json names, and that file."""
    config = folder / "config.json"
    said = files.read_json(config)
    named = said.get("config_path") if isinstance(said, dict) else None
    if not isinstance(named, str):
        raise SourceError(
            f"{config} must name the file of sizes, by a text `config_path`. "
            f"Received: {named!r}"
        )
    # It may be a path of the machine where the model was trained.
    name = named.replace("\\", "/").rpartition("/")[2]
    for path in (folder / name, folder / "configs" / name):
        if name and os.path.exists(path):  # False of a name that no file can have
            return files.read_json(path), path
    if name in _SAMPLES:
        return _SAMPLE, config
    raise SourceError(
        f"{config} names the sizes {named}, and {folder} has no file {name or 'there'}"
    )


def _options(sizes: Any, folder: Path) -> BiLMOptions:
    for part, kind in (("encoder", "elmo"), ("token_embedder", "cnn")):
        found = _get(sizes, part, "name")
        if not isinstance(found, str) or found.lower() != kind:
            raise SourceError(f"`{part}.name` must be {kind}. Received: {found!r}")
    token, lstm = sizes["token_embedder"], sizes["encoder"]
    word_dim, char_dim = (
        _get(sizes, "token_embedder", name) for name in ("word_dim", "char_dim")
    )
    lexicon = Lexicon(
        words=_entries(folder / "word.dic") if word_dim else (),
        word_dim=word_dim or 0,
        word_marks=_WORD_MARKS,
        chars=_entries(folder / "char.dic") if char_dim else (),
        char_marks=_CHAR_MARKS if char_dim else (),
    )
    options = BiLMOptions.from_dict(
        {
            "lexicon": lexicon.to_dict(),
            "lstm": {**lstm, "use_skip_connections": True},
            "char_cnn": {
                "embedding": {"dim": char_dim or 1},
                "filters": _get(sizes, "token_embedder", "filters") if char_dim else [],
                "n_highway": _get(sizes, "token_embedder", "n_highway")
                if char_dim
                else 0,
                "activation": token.get("activation", "relu"),
                "max_characters_per_token": token.get("max_characters_per_token"),
            },
        }
    )
    if not options.has_projection or not options.has_token_projection:
        raise SourceError(
            "`encoder.projection_dim` must differ from the width that is projected to "
            f"it. Received: {options.projection_dim} for both"
        )
    return options


def _get(value: Any, *names: str) -> Any:
    for name in names:
        if not isinstance(value, Mapping) or name not in value:
            raise SourceError(f"The ELMo options lack the entry {'.'.join(names)}")
        value = value[name]
    return value


def _entries(path: Path) -> tuple[str, ...]:
    """Returns the entries of a lexicon in the order of their numbers."""
    numbers: dict[str, int] = {}
    with files.reading(f"the lexicon {path}"):
        for count, line in enumerate(files.read_text(path).splitlines(), 1):
            *names, number = line.strip().split("\t")
            if len(names) > 1 or not number.isdecimal():
                raise ValueError(f"line {count} must be an entry, a tab and a number")
            numbers[names[0] if names else _NAMELESS] = int(number)
        if not numbers:
            raise ValueError("it has no entry")
    entries = sorted(numbers, key=numbers.__getitem__)
    if [numbers[entry] for entry in entries] != list(range(len(entries))):
        raise SourceError(
            f"The entries of {path} must have the numbers 0 to {len(entries) - 1}, "
            "each once"
        )
    return tuple(entries)


def _shapes(options: BiLMOptions) -> dict[str, dict[str, Shape]]:
    """Returns the shape of each tensor in the two files."""
    half, cell, width = options.projection_dim, options.cell_dim, options.n_filters
    token: dict[str, Shape] = {}
    if options.word_dim and options.lexicon is not None:
        words = len(options.lexicon.words)
        token["word_emb_layer.embedding.weight"] = (words, options.word_dim)
    if options.n_characters:
        chars = (options.n_characters, options.char_dim)
        token["char_emb_layer.embedding.weight"] = chars
    for i, (chars_wide, count) in enumerate(options.filters):
        token[f"convolutions.{i}.weight"] = (count, options.char_dim, chars_wide)
        token[f"convolutions.{i}.bias"] = (count,)
    for i in range(options.n_highway):
        token[f"highways._layers.{i}.weight"] = (2 * width, width)
        token[f"highways._layers.{i}.bias"] = (2 * width,)
    # Last, as it would say the least of what does not fit.
    token["projection.weight"] = (half, options.word_dim + width)
    token["projection.bias"] = (half,)
    encoder: dict[str, Shape] = {}
    for direction in _DIRECTIONS:
        for i in range(options.n_layers):
            layer = f"{direction}_layer_{i}"
            encoder[f"{layer}.input_linearity.weight"] = (4 * cell, half)
            encoder[f"{layer}.state_linearity.weight"] = (4 * cell, half)
            encoder[f"{layer}.state_linearity.bias"] = (4 * cell,)
            encoder[f"{layer}.state_projection.weight"] = (half, cell)
    return {"token_embedder": token, "encoder": encoder}


_DIRECTIONS = ("forward", "backward")
_PLAIN = {
    "word_embed": "word_emb_layer.embedding.weight",
    "char_embed": "char_emb_layer.embedding.weight",
    "CNN_proj/b_proj": "projection.bias",
}


def _of_token(read: Callable[[str], np.ndarray], name: str) -> np.ndarray:
    """Returns a tensor of the token encoder as the hdf5 layout has it."""
    if name in _PLAIN:
        return read(_PLAIN[name])
    if name == "CNN_proj/W_proj":
        return read("projection.weight").T
    part, last = name.split("/")
    number = name.rpartition("_")[2] if part == "CNN" else part.rpartition("_")[2]
    if last.startswith("W_cnn_"):  # (count, char_dim, width)
        return read(f"convolutions.{number}.weight").transpose(2, 1, 0)[None]
    if last.startswith("b_cnn_"):
        return read(f"convolutions.{number}.bias")
    kind = "weight" if last.startswith("W_") else "bias"
    transform, gate = np.split(read(f"highways._layers.{number}.{kind}"), 2)
    # Its gate multiplies what goes past the layer, bilm-tf's what the layer makes.
    return transform.T if last.endswith("_transform") else -gate.T


def _of_lstm(read: Callable[[str], np.ndarray], name: str) -> np.ndarray:
    """Returns a tensor of an LSTM layer as the hdf5 layout has it."""
    direction, _, _, cell, _, last = name.split("/")
    layer = f"{_DIRECTIONS[int(direction[-1])]}_layer_{cell.removeprefix('Cell')}"
    if last == "W_P_0":
        return read(f"{layer}.state_projection.weight").T
    if last == "W_0":
        names = ("input_linearity.weight", "state_linearity.weight")
        parts = [_in_order(np.split(read(f"{layer}.{part}"), 4)) for part in names]
        return np.concatenate(parts, axis=1).T
    i, f, g, o = np.split(read(f"{layer}.state_linearity.bias"), 4)
    return _in_order([i, f - 1, g, o])  # the 1 is added when the model runs


def _in_order(gates: Sequence[np.ndarray]) -> np.ndarray:
    """Puts input, forget, candidate, output in the order of the hdf5 layout."""
    i, f, g, o = gates
    return np.concatenate([i, g, f, o])
