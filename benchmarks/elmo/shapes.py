"""The shapes of the published English models, in the form of options.json.

Source: elmo_2x1024_128_2048cnn_1xhighway (small, 13.6 million parameters) and
elmo_2x4096_512_2048cnn_2xhighway (original, 93.6 million).
"""

from __future__ import annotations

from typing import Any

_FILTERS = [[1, 32], [2, 32], [3, 64], [4, 128], [5, 256], [6, 512], [7, 1024]]


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


SHAPES = {
    "small": _shape(cell_dim=1024, projection_dim=128, n_highway=1),
    "original": _shape(cell_dim=4096, projection_dim=512, n_highway=2),
}
