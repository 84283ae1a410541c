"""The Tuner's entry point: looks for options of the head that beat the given ones.

A trial trains heads on the stored vectors of some texts of train and eval; see
`left_out`. What a search finds may be luck: so the best options are compared with the
given ones on other folds, of other texts where there are enough.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras_tuner
import tensorflow as tf
import tensorflow_transform as tft
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError
from tfx.components.tuner.component import TunerFnResult

from components.progress import tell
from pipeline import features
from pipeline.durations import seconds_of
from pipeline.files import remove, unshare
from pipeline.training.data import read_labelled_tokens
from pipeline.training.left_out import (
    FOLDS,
    Judgement,
    NoLoss,
    mean_and_error,
    together,
)
from pipeline.training.model import build_encoder
from pipeline.training.search_space import OBJECTIVE, GivenFirst, search_space
from pipeline.training.state import OF_SEARCH, remove_abandoned
from pipeline.training.trainer import count_classes, training_fingerprint
from pipeline.training.trial_heads import COMPARISON, TRIALS, TrialHeads
from pipeline.training.tuned_options import SEARCH, Search

_LOGGER = logging.getLogger(__name__)
_DAMAGE = (OSError, ValueError, KeyError, TypeError, RuntimeError)
_CLEARLY = 2.0  # standard errors


def tuner_fn(fn_args: Any) -> TunerFnResult:
    """Returns what searches options for `train.tune` of `custom_config`.

    Reads from `fn_args` (TFX's FnArgs) what the Trainer's `run_fn` reads:
    `train_files`, `eval_files`, `transform_graph_path` and `custom_config`. The trials
    that an interrupted execution has done are kept in a folder of `resume_dir`.

    Raises:
        ValueError: As of the Trainer.
    """
    config = fn_args.custom_config
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    vocabulary = transform.vocabulary_by_name(features.LABEL_VOCABULARY)
    classes = [name.decode() for name in vocabulary]
    data = read_labelled_tokens(
        {features.TRAIN: fn_args.train_files, features.EVAL: fn_args.eval_files},
        transform.transformed_feature_spec(),
        classes,
    )
    count_classes(data, classes)
    encoder = build_encoder(config["elmo"])
    with contextlib.ExitStack() as stack:
        root = Path(
            config.get("resume_dir")
            or stack.enter_context(tempfile.TemporaryDirectory())
        )
        remove_abandoned(root)
        name = f"{OF_SEARCH}{training_fingerprint(data, classes, encoder, config)}"
        heads = TrialHeads(config, data, encoder, len(classes))
        seconds = seconds_of(config["train"]["tune"])

        def make() -> HeadTuner:
            return HeadTuner(heads, config, seconds, root / name)

        for path in (root / name).rglob("*.json"):
            unshare(path, even_link=True)  # they are written in place
        try:
            tuner = make()
        # What a full disk left half-written, or a kill half-removed.
        except (*_DAMAGE, tf.errors.OpError) as error:
            _LOGGER.warning("%s is damaged, the search begins anew: %s", name, error)
            remove(root / name)
            tuner = make()
        tuner.resources = stack.pop_all()
    return TunerFnResult(tuner=tuner, fit_kwargs={})


class HeadTuner(BaseTuner):
    """Searches for options of the head for some time.

    Args:
        heads: What trains and judges them.
        config: The Trainer's `custom_config`.
        seconds: After so many no trial begins; the given options are always tried.
        folder: Where the trials are kept; the Trainer removes it.
        clock: Seconds since any point; for tests.
    """

    def __init__(
        self,
        heads: TrialHeads,
        config: Mapping[str, Any],
        seconds: float,
        folder: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._heads, self._config = heads, config
        self._budget, self._clock = seconds, clock
        self._seconds_before, self._began = 0.0, clock()
        self._folder = folder
        self._best_parts: list[Judgement] = []  # of the best trial of this process
        self._options: dict[str, Any] = {}
        self._search: Search | None = None
        self.resources = contextlib.ExitStack()
        """What is let go of at the end of the search."""
        oracle = GivenFirst(search_space(config), config["train"]["seed"])
        super().__init__(oracle, directory=str(folder.parent), project_name=folder.name)

    def search(self, *_: Any, **__: Any) -> None:
        """Tries options while there is time, and compares the best with the given."""
        with self.resources, self._heads.opened():
            self._began = self._clock()
            super().search()
            seconds = round(self._seconds(), 1)
            given, best = self._given(), self._best()
            search = Search(
                trials=len(self.oracle.trials),
                seconds=seconds,
                texts=len(self._heads.tried),
                folder=self._folder.name,
                options={
                    name: value for name, value in best.items() if value != given[name]
                },
            )
            if search.options:
                search = self._compared(search, given, best)
        self._search, self._options = search, best if search.is_better else given
        _LOGGER.info("Options of the head: %s", search)

    def pre_create_trial(self) -> None:
        """Ends the search when the time is used."""
        if self.oracle.trials and self._seconds() >= self._budget:
            self.oracle.max_trials = len(self.oracle.trials)

    def run_trial(self, trial: Trial, *_: Any, **__: Any) -> dict[str, float]:
        """Returns the mean log loss with the options of a trial.

        It ends after a fold by which the options are clearly worse than the best ones;
        what is missing is then taken from these, with the difference so far.
        """
        options = trial.hyperparameters.values
        parts: list[Judgement] = []
        difference = 0.0
        try:
            for part in self._heads.judge(options, TRIALS):
                parts.append(part)
                if self._best_parts:
                    best = together(self._best_parts[: len(parts)])
                    difference, error = mean_and_error(
                        together(parts).losses - best.losses
                    )
                    if difference > _CLEARLY * error:
                        break
        except NoLoss as error:
            if options == self._given():
                raise ValueError(
                    "the loss must be a finite number\nhint: lower train.learning_rate"
                ) from error
            raise FailedTrialError from error
        if len(parts) < len(self._best_parts):
            loss = together(self._best_parts).losses.mean() + difference
        else:
            loss = together(parts).losses.mean()
            if not self._best_parts or difference < 0:
                self._best_parts = parts
        return {OBJECTIVE: float(loss)}

    def _try_run_and_update_trial(self, trial: Trial, *_: Any, **__: Any) -> None:
        """Runs a trial; its errors end the search, which can go on afterwards."""
        try:
            self._run_and_update_trial(trial)
            trial.status = TrialStatus.COMPLETED
        except FailedTrialError:
            trial.status = TrialStatus.FAILED

    def on_trial_end(self, trial: Trial) -> None:
        """Keeps a trial, and says how many there are."""
        super().on_trial_end(trial)
        best = self.oracle.get_best_trials()[0].score
        tell("trials", len(self.oracle.end_order), None, f"best loss {best:.4f}")

    def get_best_hyperparameters(
        self, num_trials: int = 1
    ) -> list[keras_tuner.HyperParameters]:
        """Returns the options to train with, and beside them what came of the search.

        Args:
            num_trials: Not used: there is one result.
        """
        assert self._search is not None, "the search has not ended"
        found = self.oracle.get_space()
        found.values = {**self._options, SEARCH: dataclasses.asdict(self._search)}
        return [found]

    def results_summary(self, num_trials: int = 10) -> None:
        """Says nothing: `search` has said what came of it."""

    def get_state(self) -> dict[str, Any]:
        """Returns what outlives an interruption beside the trials."""
        return {"seconds": self._seconds()}

    def set_state(self, state: dict[str, Any]) -> None:
        self._seconds_before = float(state["seconds"])

    def _seconds(self) -> float:
        """Returns the time used, that of interrupted executions too."""
        return self._seconds_before + self._clock() - self._began

    def _given(self) -> dict[str, Any]:
        return {each.name: each.default for each in self.oracle.get_space().space}

    def _best(self) -> dict[str, Any]:
        return dict(self.oracle.get_best_trials()[0].hyperparameters.values)

    def _compared(
        self, search: Search, given: Mapping[str, Any], best: Mapping[str, Any]
    ) -> Search:
        """Returns the search with what a comparison on other folds says of it."""
        judgements = []
        try:
            for place, options in enumerate((given, best)):
                parts = []
                for part in self._heads.judge(options, COMPARISON):
                    parts.append(part)
                    tell("heads compared", place * FOLDS + len(parts), 2 * FOLDS)
                judgements.append(together(parts))
        except NoLoss:  # by chance: both have learnt on other texts
            return search
        return with_comparison(search, *judgements)


def with_comparison(search: Search, given: Judgement, best: Judgement) -> Search:
    """Returns a search with what came of comparing the best options with the given.

    The best are better if their loss is lower by more than two standard errors, and
    their accuracy not lower by more than one of its own.

    Args:
        search: Without that.
        given: What heads with the given options made of some texts.
        best: What those with the best ones made of the same, in the same order.
    """
    accuracy, accuracy_error = mean_and_error(best.right - given.right)
    loss, loss_error = mean_and_error(best.losses - given.losses)
    return dataclasses.replace(
        search,
        compared_texts=len(given.losses),
        is_better=loss < -_CLEARLY * loss_error and accuracy >= -accuracy_error,
        accuracy_change=accuracy,
        accuracy_error=accuracy_error,
        loss_change=loss,
        loss_error=loss_error,
    )
