"""What training must remember to go on after an interruption as if nothing happened."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import re
import time
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_elmo import SourceError, files
from pipeline.files import (
    hidden_leftovers,
    remove,
    remove_at_once,
    replace_when_done,
)

_LOGGER = logging.getLogger(__name__)

# An interrupted run that nobody took up again within this time is thrown away.
_ABANDONED_AFTER_SECONDS = 14 * 24 * 3600
_STATE_FILE = "state.npz"
# As trainings, searches and reviews name their folders.
OF_SEARCH = "tuning-"
_OF_RUNS = re.compile(rf"({OF_SEARCH}|review-)?[0-9a-f]{{16}}")


@dataclasses.dataclass
class TrainingState:
    """The course of training up to the end of an epoch.

    Attributes:
        history: One entry an epoch; see `pipeline.training.history` for the keys.
        best_epoch: Number of the epoch whose weights are kept, from 1; 0: none yet.
        resumed_after: Epochs that interrupted executions had done; 0: none.
        best_weights: The model's variables at the end of that epoch.
    """

    history: list[dict[str, float]] = dataclasses.field(default_factory=list)
    best_epoch: int = 0
    resumed_after: int = 0
    best_weights: list[np.ndarray] = dataclasses.field(default_factory=list)

    @property
    def epochs_done(self) -> int:
        return len(self.history)

    @property
    def steps_done(self) -> int:
        """Batches trained on in all epochs, those of interrupted executions too."""
        return sum(int(entry["steps"]) for entry in self.history)

    def add(
        self, entry: dict[str, float], model: keras.Model, *, keep_last: bool
    ) -> None:
        """Adds the entry of one more epoch, and keeps its weights if they are wanted.

        Args:
            entry: Of the epoch.
            model: At its end.
            keep_last: Whether the last epoch with a finite eval loss is the one to
                keep; else it is the one with the least.
        """
        self.history.append(entry)
        best = inf
        if self.best_epoch and not keep_last:
            best = self.history[self.best_epoch - 1]["eval_loss"]
        if entry["eval_loss"] < best:  # never true of a NaN
            self.best_epoch = self.epochs_done
            self.best_weights = _values(model.variables)

    def ended_by(
        self, *, epochs: int, patience: int | None, max_steps: int | None
    ) -> str | None:
        """Names the option that ends the training here; None: it goes on.

        `max_steps` where that many steps are done, though an epoch may end there, too;
        `epochs` where all are done; `patience` where the last ones were no better.
        """
        if max_steps is not None and self.steps_done >= max_steps:
            return "max_steps"
        if self.epochs_done >= epochs:
            return "epochs"
        if patience is None:
            return None
        waited = self.epochs_done - self.best_epoch
        return "patience" if self.epochs_done > 0 and waited >= patience else None

    def save(self, folder: Path, model: keras.Model) -> None:
        """Writes state, model and optimizer into `folder`: all of it or nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {"history": self.history, "best_epoch": self.best_epoch}
        arrays = {"facts": np.array(json.dumps(facts))}
        arrays |= _numbered("variable", _values(model.variables))
        arrays |= _numbered("optimizer", _values(model.optimizer.variables))
        arrays |= _numbered("best", self.best_weights)
        path = folder / _STATE_FILE
        with replace_when_done(path) as unfinished, unfinished.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, folder: Path, model: keras.Model) -> TrainingState:
        """Returns the state in `folder` and sets model and optimizer to it.

        Without a state there, returns an empty one and leaves the model alone. So it
        does with one that is damaged: it is removed, or no repeat could ever train.
        The optimizer must be built.
        """
        path = folder / _STATE_FILE
        if not path.exists():
            return cls()
        try:
            arrays = files.read_arrays("the state", path)
            with files.reading(f"the state {path}"):
                facts = json.loads(str(arrays["facts"]))
                history, best_epoch = facts["history"], facts["best_epoch"]
                saved = {
                    kind: _fitting(variables, _unnumbered(kind, arrays))
                    for kind, variables in (
                        ("variable", model.variables),
                        ("optimizer", model.optimizer.variables),
                        ("best", model.variables if best_epoch else []),
                    )
                }
                # What the next epochs ask for.
                _ = [(float(e["eval_loss"]), int(e["steps"])) for e in history]
                _ = history[best_epoch - 1] if best_epoch else None
        except SourceError as error:
            _LOGGER.warning("%s; the training begins anew", error)
            remove(path)
            return cls()
        _assign(model.variables, saved["variable"])
        _assign(model.optimizer.variables, saved["optimizer"])
        return cls(
            history=history,
            best_epoch=best_epoch,
            resumed_after=len(history),
            best_weights=saved["best"],
        )

    def restore_best(self, model: keras.Model) -> None:
        """Sets the model's variables to those of the best epoch."""
        _assign(model.variables, self.best_weights)


def remove_abandoned(root: Path, *, now: float | None = None) -> None:
    """Deletes what runs left in `root`, if nothing has written to it for two weeks."""
    now = time.time() if now is None else now
    for folder in _of_runs(root):
        # A review may be removing its own at this moment.
        with contextlib.suppress(FileNotFoundError):
            newest = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
            if now - newest > _ABANDONED_AFTER_SECONDS:
                remove(folder)


def remove_search(root: Path, name: str) -> None:
    """Removes the trials of a search; not before what came of it has been used.

    Args:
        root: Where trainings and searches have their folders.
        name: Of the search's; one that is gone, or has no such name, is passed over.
    """
    folder = root / name
    if _OF_RUNS.fullmatch(name) and folder.is_dir():
        remove_at_once(folder)


def _of_runs(root: Path) -> Iterator[Path]:
    """Yields what runs have left in `root`.

    What has another name, somebody put there; and what lies behind a link in the place
    of `root`, others may use. It stays.
    """
    if root.is_symlink() or not root.is_dir():
        return
    hidden = hidden_leftovers(root)
    for path in list(root.iterdir()):
        if _OF_RUNS.fullmatch(hidden.get(path, path.name)):
            yield path


def _values(variables: list[Any]) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _fitting(variables: list[Any], values: list[np.ndarray]) -> list[np.ndarray]:
    """Returns the values; refuses those that are not of these variables."""
    for variable, value in zip(variables, values, strict=True):
        if value.shape != tuple(variable.shape) or value.dtype.kind not in "fiub":
            raise ValueError(f"it has no values of {variable.path}")
    return values


def _numbered(kind: str, values: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{kind}-{place:05d}": value for place, value in enumerate(values)}


def _unnumbered(kind: str, arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [arrays[name] for name in sorted(arrays) if name.startswith(kind + "-")]
