"""The shape of a biLM, as the published options.json states it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_elmo.errors import SourceError

_ACTIVATIONS = ("relu", "tanh")


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

    def __post_init__(self) -> None:
        sizes = ("char_dim", "max_chars", "n_layers", "cell_dim", "projection_dim")
        for name in sizes:
            if getattr(self, name) < 1:
                raise SourceError(
                    f"`{name}` must be a positive int. "
                    f"Received: `{name}={getattr(self, name)}`"
                )
        if self.activation not in _ACTIVATIONS:
            raise SourceError(
                f"`activation` must be one of {', '.join(_ACTIVATIONS)}. "
                f"Received: `activation={self.activation}`"
            )
        if not self.filters or max(w for w, _ in self.filters) > self.max_chars:
            raise SourceError(
                "`filters` must hold at least one filter, none wider than "
                f"`max_chars={self.max_chars}`. Received: `filters={self.filters}`"
            )

    @property
    def n_filters(self) -> int:
        """Width of the concatenated convolutions."""
        return sum(count for _, count in self.filters)

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
            SourceError: If an entry is missing or out of range.
        """
        try:
            lstm, cnn = options["lstm"], options["char_cnn"]
            return cls(
                char_dim=int(cnn["embedding"]["dim"]),
                filters=tuple((int(w), int(n)) for w, n in cnn["filters"]),
                n_highway=int(cnn.get("n_highway") or 0),
                activation=cnn["activation"],
                max_chars=int(cnn["max_characters_per_token"]),
                n_layers=int(lstm.get("n_layers", 1)),
                cell_dim=int(lstm["dim"]),
                projection_dim=int(lstm["projection_dim"]),
                cell_clip=lstm.get("cell_clip"),
                proj_clip=lstm.get("proj_clip"),
                use_skip_connections=bool(lstm.get("use_skip_connections", False)),
            )
        except KeyError as error:
            raise SourceError(f"The ELMo options lack the entry {error}") from error

    @classmethod
    def from_file(cls, path: str | Path) -> BiLMOptions:
        """Reads an options.json; errors name the file."""
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, json.JSONDecodeError, SourceError) as error:
            message = f"Cannot read ELMo options from {path}: {error}"
            raise SourceError(message) from error

    def to_dict(self) -> dict[str, Any]:
        """Returns the nested form that options.json has, for inference."""
        return {
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
        path.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")
