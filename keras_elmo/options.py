"""The shape of a biLM, as the published options.json states it."""

from __future__ import annotations

import dataclasses
import json
import math
import numbers
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_elmo import characters, files
from keras_elmo.errors import SourceError
from keras_elmo.lexicon import Lexicon

_ACTIVATIONS = ("relu", "tanh")
# Far above any published model, and low enough that none of them takes for ever.
_MAX_SIZE = 1 << 16
_MAX_PARTS = 100  # layers or filters
_MAX_CHARS = 1_000
_MAX_CLIP = 1_000_000
_MAX_WEIGHTS = 1 << 30  # 4 GiB; the largest published model has 0.09 of it
# The sizes, with their entries in options.json, the least and the most.
_SIZES = {
    "char_dim": ("char_cnn.embedding.dim", 1, _MAX_SIZE),
    "n_highway": ("char_cnn.n_highway", 0, _MAX_PARTS),
    # A sentence mark has three: it stands between the marks of a word.
    "max_chars": ("char_cnn.max_characters_per_token", 3, _MAX_CHARS),
    "n_layers": ("lstm.n_layers", 1, _MAX_PARTS),
    "cell_dim": ("lstm.dim", 1, _MAX_SIZE),
    "projection_dim": ("lstm.projection_dim", 1, _MAX_SIZE),
}
_OPTIONAL = {"char_cnn.n_highway": 0, "lstm.n_layers": 1}
# Where null is what a missing entry is: bilm-tf asks for these by `get`, or never.
_NULLABLE = (
    "char_cnn.n_highway",
    "char_cnn.n_characters",
    "lstm.use_skip_connections",
    "bidirectional",
)
_REQUIRED = object()


@dataclasses.dataclass(frozen=True, kw_only=True)
class BiLMOptions:
    """Sizes and switches of a biLM; none has a default, since files disagree.

    Args:
        char_dim: Width of a character embedding.
        filters: `(width, count)` of each character convolution, in file order.
        n_highway: Highway layers after the convolutions; 0 for none.
        activation: Of the convolutions, `relu` or `tanh`.
        max_chars: Character positions per token, word marks included.
        n_layers: LSTM layers in each direction.
        cell_dim: Width of an LSTM cell state.
        projection_dim: Width of an LSTM output; half of an ELMo vector.
        cell_clip: Bound on the cell state; None for no bound.
        proj_clip: Bound on the projected output; None for no bound.
        use_skip_connections: Add a layer's input to its output from layer 2 on.
        lexicon: What the model reads in place of bytes: words and characters that it
            knows. Without characters among them there are no filters, and
            `char_dim`, `max_chars` and `n_highway` mean nothing.

    Source: `options.json` of allenai/bilm-tf and allenai/allennlp.
    """

    char_dim: int
    filters: tuple[tuple[int, int], ...]
    n_highway: int
    activation: str
    max_chars: int
    n_layers: int
    cell_dim: int
    projection_dim: int
    cell_clip: float | None
    proj_clip: float | None
    use_skip_connections: bool
    lexicon: Lexicon | None = None

    def __post_init__(self) -> None:
        for name, (entry, low, high) in _SIZES.items():
            _check_size(entry, getattr(self, name), low, high)
        for name in ("cell_clip", "proj_clip"):
            value = getattr(self, name)
            is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if value is not None and not (is_number and 0 < value <= _MAX_CLIP):
                rule = f"null, or a number above 0 and up to {_MAX_CLIP:,}"
                raise _refused(f"lstm.{name}", rule, value)
        if self.activation not in _ACTIVATIONS:
            rule = f"one of {', '.join(_ACTIVATIONS)}"
            raise _refused("char_cnn.activation", rule, self.activation)
        if not isinstance(self.use_skip_connections, bool):
            value = self.use_skip_connections
            raise _refused("lstm.use_skip_connections", "true or false", value)
        self._check_filters()
        weights = sum(math.prod(shape) for shape in self.shapes().values())
        if weights > _MAX_WEIGHTS:
            raise SourceError(
                f"An ELMo may have {_MAX_WEIGHTS:,} weights. Received: options for "
                f"{weights:,}"
            )

    def _check_filters(self) -> None:
        entry = "char_cnn.filters"
        if not self.n_characters:
            if self.filters or self.n_highway:
                raise _refused(entry, "none for a model of words alone", self.filters)
            return
        if not 1 <= len(self.filters) <= _MAX_PARTS:
            rule = f"1 to {_MAX_PARTS} pairs of width and count"
            raise _refused(entry, rule, self.filters)
        for i, (width, count) in enumerate(self.filters):
            _check_size(f"{entry}[{i}][0]", width, 1, self.max_chars)
            _check_size(f"{entry}[{i}][1]", count, 1, _MAX_SIZE)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Returns the shape of every tensor of the published hdf5 file, by its path."""
        half, cell, width = self.projection_dim, self.cell_dim, self.n_filters
        shapes: dict[str, tuple[int, ...]] = {}
        if self.lexicon is not None and self.lexicon.words:
            shapes["word_embed"] = (len(self.lexicon.words), self.word_dim)
        if self.n_characters:
            shapes["char_embed"] = (self.n_characters, self.char_dim)
        for i, (chars, count) in enumerate(self.filters):
            shapes[f"CNN/W_cnn_{i}"] = (1, chars, self.char_dim, count)
            shapes[f"CNN/b_cnn_{i}"] = (count,)
        for i in range(self.n_highway):
            for part in ("transform", "carry"):
                shapes[f"CNN_high_{i}/W_{part}"] = (width, width)
                shapes[f"CNN_high_{i}/b_{part}"] = (width,)
        if self.has_token_projection:
            shapes["CNN_proj/W_proj"] = (self.word_dim + width, half)
            shapes["CNN_proj/b_proj"] = (half,)
        for direction in range(2):
            for layer in range(self.n_layers):
                lstm = f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"
                shapes[f"{lstm}/W_0"] = (2 * half, 4 * cell)
                shapes[f"{lstm}/B"] = (4 * cell,)
                if self.has_projection:
                    shapes[f"{lstm}/W_P_0"] = (cell, half)
        return shapes

    def foreign_tensors(self) -> dict[str, str]:
        """Returns what a model of more layers would have, by path, each with the rule.

        With it a file is of another model, although all that is asked for is there.
        """
        highway = f"CNN_high_{self.n_highway}/W_transform"
        rules = {highway: f"`char_cnn.n_highway` is {self.n_highway}"}
        for direction in range(2):
            cell = f"RNN_{direction}/RNN/MultiRNNCell/Cell{self.n_layers}/LSTMCell"
            rules[f"{cell}/W_0"] = f"`lstm.n_layers` is {self.n_layers}"
        return rules

    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Returns the shape of every initial state, by its path in a file of weights.

        A file holds all of them or none: other programs do not write them.
        """
        return {
            f"initial_state/RNN_{direction}/Cell{layer}/{name}": (dim,)
            for direction in range(2)
            for layer in range(self.n_layers)
            for name, dim in (("c", self.cell_dim), ("h", self.projection_dim))
        }

    @property
    def n_filters(self) -> int:
        """Width of the concatenated convolutions."""
        return sum(count for _, count in self.filters)

    @property
    def n_characters(self) -> int:
        """Rows of the character table; 0 for a model of words alone."""
        if self.lexicon is None:
            return characters.N_CHARACTERS
        return len(self.lexicon.chars)

    @property
    def word_dim(self) -> int:
        """Width of what a token's vector has from the token as a whole."""
        return self.lexicon.word_dim if self.lexicon is not None else 0

    @property
    def sentence_marks(self) -> tuple[str, str]:
        """The tokens that stand before and after each sentence."""
        if self.lexicon is not None:
            return self.lexicon.sentence_marks
        return characters.BEGIN_SENTENCE_TOKEN, characters.END_SENTENCE_TOKEN

    @property
    def has_token_projection(self) -> bool:
        """Whether a token's vector is projected to the width of an LSTM's input."""
        return self.word_dim + self.n_filters != self.projection_dim

    @property
    def has_projection(self) -> bool:
        """Whether the LSTM output is projected down from the cell's width."""
        return self.cell_dim != self.projection_dim

    @property
    def dim(self) -> int:
        """Width of an ELMo vector: both directions side by side."""
        return 2 * self.projection_dim

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> BiLMOptions:
        """Reads the nested form of options.json.

        Raises:
            SourceError: If an entry is missing, of another type or out of range.
        """
        # What would be another model than this one.
        for entry, allowed in (
            ("bidirectional", (True,)),
            (
                "char_cnn.n_characters",
                (characters.N_CHARACTERS + 1, characters.N_CHARACTERS),
            ),
        ):
            value = _entry(options, entry, allowed[0])
            if value not in allowed:
                rule = " or ".join(json.dumps(item) for item in allowed)
                raise _refused(entry, rule, value)
        sizes = {
            name: _whole(_entry(options, entry, _OPTIONAL.get(entry, _REQUIRED)))
            for name, (entry, *_) in _SIZES.items()
        }
        lexicon = _entry(options, "lexicon", None)
        return cls(
            **sizes,
            lexicon=None if lexicon is None else Lexicon.from_dict(lexicon),
            filters=_pairs(_entry(options, "char_cnn.filters")),
            activation=_entry(options, "char_cnn.activation"),
            cell_clip=_entry(options, "lstm.cell_clip", None),
            proj_clip=_entry(options, "lstm.proj_clip", None),
            use_skip_connections=_entry(options, "lstm.use_skip_connections", False),
        )

    @classmethod
    def of_words(
        cls, options: Mapping[str, Any], vocabulary: tuple[str, ...]
    ) -> BiLMOptions:
        """Reads the options of a model that bilm-tf trained on words, not characters.

        Args:
            options: The nested form of options.json, without `char_cnn`.
            vocabulary: The words, in the order of their vectors.

        Raises:
            SourceError: If an entry is missing, of another type or out of range.
        """
        lexicon = {
            "words": vocabulary,
            "word_dim": _whole(_entry(options, "lstm.projection_dim")),
            "word_marks": (
                characters.BEGIN_SENTENCE_TOKEN,
                characters.END_SENTENCE_TOKEN,
                characters.UNKNOWN_TOKEN,
            ),
            "chars": (),
            "char_marks": (),
        }
        no_characters = {
            "embedding": {"dim": 1},
            "filters": [],
            "activation": "relu",
            "max_characters_per_token": 3,
        }
        return cls.from_dict({**options, "lexicon": lexicon, "char_cnn": no_characters})

    @classmethod
    def from_file(cls, path: str | Path) -> BiLMOptions:
        """Reads an options.json; errors name the file."""
        options = files.read_json(Path(path))
        try:
            return cls.from_dict(options)
        except SourceError as error:
            message = f"Cannot read ELMo options from {path}: {error}"
            raise SourceError(message) from error

    def to_dict(self) -> dict[str, Any]:
        """Returns the nested form that options.json has, for inference."""
        lexicon = self.lexicon
        return {
            **({"lexicon": lexicon.to_dict()} if lexicon is not None else {}),
            "lstm": {
                "dim": self.cell_dim,
                "projection_dim": self.projection_dim,
                "n_layers": self.n_layers,
                "cell_clip": self.cell_clip,
                "proj_clip": self.proj_clip,
                "use_skip_connections": self.use_skip_connections,
            },
            "char_cnn": {
                "embedding": {"dim": self.char_dim},
                "filters": [list(pair) for pair in self.filters],
                "n_highway": self.n_highway,
                "activation": self.activation,
                "max_characters_per_token": self.max_chars,
                "n_characters": 262,
            },
        }

    def to_file(self, path: Path) -> None:
        """Writes options.json."""
        # A lexicon of Cyrillic or Han would be twice as long in ASCII.
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")


def _entry(options: Mapping[str, Any], path: str, default: Any = _REQUIRED) -> Any:
    """Returns the value at a path such as `lstm.dim`; `default` if there is none."""
    value: Any = options
    names = path.split(".")
    for i, name in enumerate(names):
        if not isinstance(value, Mapping):
            entry = ".".join(names[:i]) or "the whole"
            raise _refused(entry, "a JSON object", value)
        if name not in value:
            if default is not _REQUIRED and i == len(names) - 1:
                return default
            raise SourceError(f"The ELMo options lack the entry {path}")
        value = value[name]
    return default if value is None and path in _NULLABLE else value


def _whole(value: Any) -> Any:
    """Returns 16.0, as some programs write a size, as an int; else the value."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _pairs(value: Any) -> tuple[tuple[Any, Any], ...]:
    is_list = isinstance(value, (list, tuple))
    if not is_list or not all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in value
    ):
        raise _refused("char_cnn.filters", "a list of pairs of width and count", value)
    return tuple((_whole(width), _whole(count)) for width, count in value)


def _check_size(entry: str, value: Any, low: int, high: int) -> None:
    is_int = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_int or not low <= value <= high:
        raise _refused(entry, f"an int from {low} to {high:,}", value)


def _refused(entry: str, rule: str, value: Any) -> SourceError:
    received = reprlib.repr(value)
    return SourceError(f"`{entry}` must be {rule}. Received: `{entry}={received}`")
