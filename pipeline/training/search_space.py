"""Which options of the head are searched, and how the next ones to try are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras_tuner

OBJECTIVE = "log_loss"

_POOLINGS = ["mean", "max", "attention"]
_UNITS = [64, 128, 256]
_BATCH_SIZES = [16, 32, 64]
_EMBEDDING_DROPOUT = (0.0, 0.5)
_DROPOUT = (0.2, 0.7)
_LEARNING_RATE = (1e-3, 1e-2)

_FIRST_BY_CHANCE = 8  # trials, the given options among them
_NOISE = 1e-2  # of a trial's loss, as a share of the variance of all
_ENOUGH = 10**6  # trials: it is the time that ends a search
_DIGITS = 2  # that count, of a number


def search_space(config: Mapping[str, Any]) -> keras_tuner.HyperParameters:
    """Returns what may be tried; the defaults are the given options.

    A given value that lies beyond what is usually searched is searched, too.

    Args:
        config: The Trainer's `custom_config`: sections `elmo`, `model` and `train`.
    """
    space = keras_tuner.HyperParameters()

    def choose(section: str, option: str, values: list[Any]) -> None:
        given = config[section][option]
        values = values if given in values else [*values, given]
        space.Choice(f"{section}.{option}", values, default=given, ordered=False)

    def between(
        section: str,
        option: str,
        bounds: tuple[float, float],
        sampling: str = "linear",
    ) -> None:
        given = config[section][option]
        space.Float(
            f"{section}.{option}",
            min(bounds[0], given),
            max(bounds[1], given),
            sampling=sampling,
            default=given,
        )

    choose("model", "pooling", _POOLINGS)
    choose("model", "hidden_units", _UNITS)
    between("model", "embedding_dropout", _EMBEDDING_DROPOUT)
    between("model", "dropout", _DROPOUT)
    if config["model"]["ngram_rows"]:
        choose("model", "ngram_rows", [0])
    if config["model"]["pretrained_branch"]:
        space.Boolean("model.pretrained_branch", default=True)
    between("train", "learning_rate", _LEARNING_RATE, "log")
    choose("train", "batch_size", _BATCH_SIZES)
    return space


class GivenFirst(keras_tuner.oracles.BayesianOptimizationOracle):
    """Chooses by Bayesian optimisation, after the given options and some by chance.

    Numbers are rounded, so that a person can read them, and nothing is tried twice.

    Args:
        space: What `search_space` returned.
        seed: Of all that is drawn.
    """

    def __init__(self, space: keras_tuner.HyperParameters, seed: int) -> None:
        super().__init__(
            objective=keras_tuner.Objective(OBJECTIVE, "min"),
            max_trials=_ENOUGH,
            num_initial_points=_FIRST_BY_CHANCE,
            alpha=_NOISE,
            seed=seed + 1,  # 0 would be a random one
            hyperparameters=space,
            max_consecutive_failed_trials=_ENOUGH,
        )
        self.verbose = 0

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the options of the next trial."""
        space = self.get_space().space
        if not self.trials:
            given = {each.name: each.default for each in space}
            return {"status": "RUNNING", "values": given}
        response = super().populate_space(trial_id)
        tried = [trial.hyperparameters.values for trial in self.trials.values()]
        values = _rounded(response["values"])
        seed = self.seed + len(tried)
        while values in tried:
            seed += _ENOUGH
            drawn = {each.name: each.random_sample(seed) for each in space}
            values = _rounded(drawn)
        return {**response, "values": values}


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
        for name, value in values.items()
    }
