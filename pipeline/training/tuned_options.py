"""How options that a search found come to the Trainer, and what is kept of the search.

They are the values of KerasTuner's HyperParameters, named `section.option`. Beside them
stands what came of the search, for `history.json`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

SEARCH = "search"
"""Name of the value that is no option: a `Search` as a table."""


@dataclasses.dataclass(frozen=True)
class Search:
    """What came of a search for better options.

    Attributes:
        trials: How many options were tried, the given ones among them.
        seconds: Wall time of the trials, those of interrupted runs too.
        texts: How many texts the trials trained and tested on.
        compared_texts: On how many the best options and the given ones were compared;
            0: none were better than these in the trials.
        options: Name -> value that the best options had where the given ones differ.
        is_better: Whether they were better in that comparison; else the given ones are
            kept.
        accuracy_change, accuracy_error: Of the best options against the given ones, and
            its standard error; shares of the texts. None: not compared.
        loss_change, loss_error: The same of the log loss, in nats a text.
        folder: Name of the folder of its trials, which the Trainer removes.
    """

    trials: int
    seconds: float
    texts: int
    compared_texts: int = 0
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    is_better: bool = False
    accuracy_change: float | None = None
    accuracy_error: float | None = None
    loss_change: float | None = None
    loss_error: float | None = None
    folder: str = ""


def with_options(config: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """Returns a table of sections with other values of some options.

    Args:
        config: Section -> option -> value.
        options: Name `section.option` -> value.
    """
    changed = dict(config)
    for name, value in options.items():
        section, _, option = name.partition(".")
        changed[section] = {**changed[section], option: value}
    return changed


def tuned(
    config: Mapping[str, Any], hyperparameters: Mapping[str, Any] | None
) -> tuple[Any, Mapping[str, Any] | None]:
    """Returns what the Trainer is told, with the options that were found.

    Args:
        config: The Trainer's `custom_config`.
        hyperparameters: Of TFX's FnArgs; None: nothing was searched.

    Returns:
        The same with these options, and what came of the search, or None.
    """
    if hyperparameters is None:
        return config, None
    options = dict(hyperparameters["values"])
    search = options.pop(SEARCH)
    return with_options(config, options), search
