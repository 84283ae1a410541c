"""The training loop: its learning rate, its checkpoints, its perplexity."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_elmo import files
from keras_elmo.bilm import BiLM
from keras_elmo.errors import SourceError
from keras_elmo.options import BiLMOptions
from keras_elmo.pretraining.batches import Batcher, prefetch
from keras_elmo.pretraining.corpus import Corpus, fits
from keras_elmo.pretraining.language_model import LanguageModel
from keras_elmo.pretraining.settings import Settings
from keras_elmo.sources import open_source

_LOG = logging.getLogger(__name__)
_MOST_SILENT_SECONDS = 30.0  # between two lines of progress
# What a checkpoint says beside its arrays, by example.
_FACTS = {"steps": 0, "seconds": 0.0, "history": [{}], "settings": {}}
# Settings that a training keeps from its first step to its last.
_FIXED = (
    *("rows", "unroll", "negatives", "min_count", "max_vocabulary"),
    *("learning_rate", "dropout", "lowercase_share", "dtype", "clip_norm", "seed"),
    "start",
)


class WholeNormAdam(keras.optimizers.Adam):
    """Adam that bounds the norm of whole gradients on every backend.

    TensorFlow gives the gradient of a look-up as one piece for each row looked up,
    and Keras takes the norm of the pieces, as if no row had been looked up twice.
    Its name is a public one, since Keras makes a TensorFlow scope of it, and such a
    scope cannot begin with an underscore.
    """

    def apply(self, grads: list[Any], trainable_variables: Any = None) -> None:
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            grads = [tf.convert_to_tensor(grad) for grad in grads]
        super().apply(grads, trainable_variables)


class Training:
    """One run of training, new or resumed from `folder`.

    Args:
        corpus: The prepared texts.
        options: Sizes of the biLM.
        settings: How to train.
        folder: Of the checkpoint; a training that lies there goes on.
    """

    def __init__(
        self, corpus: Corpus, options: BiLMOptions, settings: Settings, folder: Path
    ) -> None:
        keras.utils.set_random_seed(settings.seed)
        self.options = options
        self.settings = settings
        self.checkpoint = folder / "checkpoint.npz"
        self.vocabulary_size = corpus.vocabulary_size(
            min_count=settings.min_count, max_size=settings.max_vocabulary
        )
        lower_case, added = (
            corpus.lower_case() if settings.lowercase_share else (None, [])
        )
        shared: dict[str, Any] = {
            "spellings": corpus.spellings(options.max_chars, added),
            "vocabulary_size": self.vocabulary_size,
            "rows": settings.rows,
            "unroll": settings.unroll,
            "widest_filter": max(width for width, _ in options.filters),
        }
        self.batches = Batcher(
            ids=corpus.train,
            # Where there is little text, half of its words.
            negatives=min(settings.negatives, max(1, self.vocabulary_size // 2)),
            seed=settings.seed,
            lower_case=lower_case,
            lowercase_share=settings.lowercase_share,
            **shared,
        )
        if self.batches.circle < settings.rows * (settings.unroll + 1):
            raise ValueError(
                "The texts must hold at least `rows * (unroll + 1)` tokens, "
                f"{settings.rows * (settings.unroll + 1)}. "
                f"Received: {self.batches.circle}\nhint: ask for fewer rows"
            )
        self.held_out = Batcher(ids=corpus.held_out, **shared)
        if keras.backend.backend() == "jax":  # where each shape is compiled for long
            self.batches = _of_one_shape(self.batches)
            self.held_out = _of_one_shape(self.held_out)
        self.model = LanguageModel(
            options,
            word_counts=corpus.target_counts(self.vocabulary_size),
            rows=settings.rows,
            dropout=settings.dropout,
            dtype=settings.dtype,
        )
        self.model.compile(
            optimizer=WholeNormAdam(
                settings.learning_rate, global_clipnorm=settings.clip_norm
            ),
            # Batches come in a few shapes; TensorFlow would compile for each.
            jit_compile=keras.backend.backend() == "jax",
        )
        self.model.optimizer.build(self.model.trainable_variables)
        self.steps = 0
        self.seconds = 0.0  # of training, without compiling, evaluation and saving
        self.history: list[dict[str, float]] = []
        if self.checkpoint.exists():
            self._resume()
        elif settings.start:
            load_start(settings.start, self.model.bilm)

    @property
    def tokens(self) -> int:
        """Tokens trained on so far, each seen by both directions."""
        return self.steps * self.batches.tokens_per_batch

    @property
    def progress(self) -> float:
        """Share of the budget that is used."""
        if self.settings.steps is not None:
            return self.steps / self.settings.steps
        return self.seconds / 60.0 / float(self.settings.minutes or 1.0)

    def run(self) -> None:
        """Trains until the budget is used; saves a checkpoint at the end.

        Raises:
            FloatingPointError: If the loss is not a number any more.
        """
        settings = self.settings
        saved = evaluated = reported = self.seconds
        losses: list[float] = []
        timed = 0  # batches since the last report that `seconds` counts
        said = time.monotonic()
        is_compiled = False  # by the first batch of a start
        batches = prefetch(self.batches, self.steps)
        while self.progress < 1.0:
            started = time.monotonic()
            self.model.optimizer.learning_rate = self._learning_rate()
            # The loss is a mean over the steps since the last reset: reset it.
            self.model.reset_metrics()
            losses.append(float(self.model.train_on_batch(next(batches))))
            self.steps += 1
            if is_compiled:
                self.seconds += time.monotonic() - started
                timed += 1
            is_compiled = True
            if not math.isfinite(losses[-1]):
                raise FloatingPointError(
                    f"The loss became {losses[-1]} at step {self.steps}\n"
                    "hint: give a lower learning rate, and another output folder"
                )
            is_due = time.monotonic() - said > _MOST_SILENT_SECONDS
            if is_due or len(losses) == settings.report_steps or self.progress >= 1.0:
                self._report(losses, timed, self.seconds - reported)
                losses, timed, reported = [], 0, self.seconds
                said = time.monotonic()
            if self.seconds - evaluated > 60 * settings.evaluation_minutes:
                evaluated = self.seconds
                self.evaluate(settings.evaluation_tokens)
            if self.seconds - saved > 60 * settings.checkpoint_minutes:
                saved = self.seconds
                self.save()
        self.save()

    def evaluate(self, tokens: int | None = None) -> float:
        """Returns the perplexity of both directions on the held-out text.

        Args:
            tokens: How many, in whole batches spread over the text; None for all.
        """
        limit = min(tokens or self.held_out.circle, self.held_out.circle)
        count = max(1, round(limit / self.held_out.tokens_per_batch))
        states = self.model.state_values()
        self.model.set_states([np.zeros_like(value) for value in states])
        losses = [
            self.model.predict_on_batch(self.held_out.batch(step))
            for step in range(count)
        ]
        self.model.set_states(states)
        forward, backward = (math.exp(x) for x in np.mean(losses, axis=0))
        perplexity = math.sqrt(forward * backward)
        self.history = [e for e in self.history if e["steps"] != self.steps]
        self.history.append(
            {
                "steps": self.steps,
                "tokens": self.tokens,
                "seconds": round(self.seconds, 1),
                "forward": forward,
                "backward": backward,
                "perplexity": perplexity,
                "held_out_tokens": count * self.held_out.tokens_per_batch,
            }
        )
        _LOG.info(
            "step %d: held-out perplexity %.2f (forward %.2f, backward %.2f)",
            *(self.steps, perplexity, forward, backward),
        )
        return perplexity

    def save(self) -> None:
        """Writes the checkpoint; a killed run leaves the old one or the new one."""
        facts = {
            "steps": self.steps,
            "seconds": self.seconds,
            "history": self.history,
            "vocabulary_size": self.vocabulary_size,
            "settings": dataclasses.asdict(self.settings),
        }
        _save_state(self.checkpoint, self.model, facts)
        _LOG.info("step %d: checkpoint saved", self.steps)

    def _resume(self) -> None:
        facts = _load_state(self.checkpoint, self.model)
        settings = dataclasses.asdict(self.settings)
        for name in _FIXED:
            begun = facts["settings"].get(name, settings[name])
            if begun != settings[name]:
                raise ValueError(
                    f"`{name}` must be what the training began with, {begun}. "
                    f"Received: `{name}={settings[name]}`\n"
                    "hint: give another output folder to begin anew"
                )
        self.steps, self.seconds = facts["steps"], facts["seconds"]
        self.history = facts["history"]
        _LOG.info("Resumed at step %d", self.steps)

    def _learning_rate(self) -> float:
        """Rises in a line to its highest, then falls to a twentieth as a cosine."""
        highest, rise = self.settings.learning_rate, self.settings.learning_rate_rise
        if self.progress < rise:
            return highest * (0.02 + 0.98 * self.progress / rise)
        rest = (self.progress - rise) / (1.0 - rise)
        wave = 0.5 * (1.0 + math.cos(math.pi * min(rest, 1.0)))
        return highest * (0.05 + 0.95 * wave)

    def _report(self, losses: list[float], timed: int, seconds: float) -> None:
        """Logs a line; its speed is that of the last `timed` batches."""
        speed = ""
        if timed:
            rate = timed * self.batches.tokens_per_batch / max(seconds, 1e-9)
            left = max(self.seconds * (1.0 / max(self.progress, 1e-9) - 1.0), 0.0)
            speed = f", {rate:.0f} tokens/s, {left / 60:.1f} min left"
        _LOG.info(
            "step %d: loss %.4f, %.2f M tokens%s",
            *(self.steps, np.mean(losses), self.tokens / 1e6, speed),
        )


def start_options(source: str) -> BiLMOptions:
    """Returns the sizes of the biLM of a source that a training can begin with.

    Raises:
        ValueError: The source is none whose weights are read and trained on.
    """
    opened = open_source(source)
    if opened.options is None or opened.load is None:
        raise ValueError(
            "`start` must be a source with weights that run natively. "
            f"Received: {opened.info}"
        )
    if opened.options.lexicon is not None:
        raise ValueError(
            "`start` must be a source that reads words by their characters alone. "
            f"Received: {opened.info}"
        )
    return opened.options


def load_start(source: str, bilm: BiLM) -> None:
    """Fills a biLM of the options of `start_options` with the weights of the source."""
    opened = open_source(source)
    if opened.load is not None:
        opened.load(bilm)
    _LOG.info("The training begins with the weights of %s", opened.info.source)


def _of_one_shape(batches: Batcher) -> Batcher:
    most = math.ceil(1.1 * batches.most_distinct())
    return dataclasses.replace(batches, distinct_multiple=most, is_cut=False)


def _save_state(path: Path, model: keras.Model, facts: dict[str, Any]) -> None:
    """Writes all variables of a compiled model, and `facts` as JSON, to an npz."""
    arrays = {
        f"v{i}": keras.ops.convert_to_numpy(variable)
        for i, variable in enumerate(_variables(model))
    }
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        # Not by `savez`, whose open archive complains once more where a disk is full.
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def _load_state(path: Path, model: keras.Model) -> dict[str, Any]:
    """Fills the variables of a compiled and built model; returns the facts.

    Raises:
        ValueError: If the file is broken, or of a model of another shape.
    """
    what = "the checkpoint"
    try:
        arrays = files.read_arrays(what, path)
        with files.reading(f"{what} {path}"):
            facts = json.loads(arrays.pop("facts").tobytes())
            if not fits(facts, _FACTS):
                raise ValueError(f"its facts must have the form {_FACTS}")
            saved = [arrays[f"v{i}"] for i in range(len(arrays))]
    except SourceError as error:
        raise SourceError(
            f"{error}\nhint: delete it, and the training begins anew"
        ) from error
    variables = _variables(model)
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in saved]:
        raise ValueError(
            f"The checkpoint {path} is of a model of another shape\n"
            "hint: give the options it was begun with, or another output folder"
        )
    if any(value.dtype.kind not in "fiu" for value in saved):
        raise ValueError(f"Cannot read {what} {path}: it must hold numbers alone")
    for variable, value in zip(variables, saved, strict=True):
        variable.assign(value)
    return facts


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
