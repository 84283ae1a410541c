"""The shapes of the published English models, and how many operations they need.

Source: elmo_2x1024_128_2048cnn_1xhighway (small, 13.6 million parameters) and
elmo_2x4096_512_2048cnn_2xhighway (original, 93.6 million).
"""

from __future__ import annotations

from typing import Any

_FILTERS = [[1, 32], [2, 32], [3, 64], [4, 128], [5, 256], [6, 512], [7, 1024]]
_SENTENCE_MARKS = 2
_WORD_MARKS = 2


def _shape(*, cell_dim: int, projection_dim: int, n_highway: int) -> dict[str, Any]:
    return {
        "lstm": {
            "dim": cell_dim,
            "projection_dim": projection_dim,
            "n_layers": 2,
            "cell_clip": 3,
            "proj_clip": 3,
            "use_skip_connections": True,
        },
        "char_cnn": {
            "embedding": {"dim": 16},
            "filters": _FILTERS,
            "n_highway": n_highway,
            "activation": "relu",
            "max_characters_per_token": 50,
            "n_characters": 262,
        },
    }


# In the form of options.json.
SHAPES = {
    "small": _shape(cell_dim=1024, projection_dim=128, n_highway=1),
    "original": _shape(cell_dim=4096, projection_dim=512, n_highway=2),
}


def multiply_adds(options: dict[str, Any], batch: list[list[str]]) -> int:
    """Counts the multiply-adds that a batch needs once all exact savings are made.

    Those of the matrix products; an operation is half of one. The LSTMs run over every
    token and the two marks of each sentence. The token encoder runs once for each
    distinct token of the batch and each mark, over as many characters as the longest of
    them needs: one window of padding has to remain for the widest filter. Gates, clips
    and mix are not counted.

    Args:
        options: The model's shape, in the form of options.json.
        batch: Token lists, without the marks.
    """
    steps = sum(len(sentence) + _SENTENCE_MARKS for sentence in batch)
    words = {token for sentence in batch for token in sentence}
    return steps * _lstm(options["lstm"]) + (len(words) + _SENTENCE_MARKS) * _encoder(
        options, longest=max(len(word.encode()) for word in words)
    )


def _lstm(lstm: dict[str, Any]) -> int:
    """Counts a step of all layers in both directions."""
    cell, projection = lstm["dim"], lstm["projection_dim"]
    gates = (projection + projection) * 4 * cell  # from the input and from the state
    return 2 * lstm["n_layers"] * (gates + cell * projection)


def _encoder(options: dict[str, Any], *, longest: int) -> int:
    """Counts one token whose batch's longest has so many bytes."""
    cnn = options["char_cnn"]
    filters = cnn["filters"]
    widest = max(width for width, _ in filters)
    chars = min(cnn["max_characters_per_token"], longest + _WORD_MARKS + widest)
    chars_dim = cnn["embedding"]["dim"]
    convolutions = sum(
        (chars - width + 1) * width * chars_dim * count for width, count in filters
    )
    features = sum(count for _, count in filters)
    highways = cnn["n_highway"] * 2 * features**2
    return convolutions + highways + features * options["lstm"]["projection_dim"]
