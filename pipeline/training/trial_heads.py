"""The texts of a search, and heads with any options that are judged on them.

The trials take the first texts of a random order, the comparison afterwards the last
ones: where there are enough, no text is in both.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from keras_elmo import ElmoEmbeddingLayer
from pipeline.training.data import LabelledTokens
from pipeline.training.embedding_store import EmbeddingStore
from pipeline.training.encoding import FLOAT32, open_store
from pipeline.training.left_out import Judgement, folds_of, judge, seeded
from pipeline.training.tuned_options import with_options

TRIALS, COMPARISON = 0, 1

# With these a trial takes seconds.
_MOST_TEXTS = 6000
_MOST_TOKENS = 200_000


class TrialHeads:
    """Trains and judges heads on stored vectors of some texts.

    Args:
        config: The Trainer's `custom_config`.
        data: Texts of the splits `train` and `eval`.
        encoder: What `build_encoder` returned.
        num_classes: Of all labels.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        data: LabelledTokens,
        encoder: ElmoEmbeddingLayer,
        num_classes: int,
    ) -> None:
        self._config, self._encoder = config, encoder
        self._num_classes = num_classes
        self._seed = config["train"]["seed"]
        order = _in_random_order(data, self._seed)
        tried, compared = _first(data, order), _first(data, order[::-1])
        used = np.union1d(tried, compared)
        self._data = data.only(used)
        self.tried = np.searchsorted(used, tried)
        """Places of the texts of the trials."""
        self._texts = (self.tried, np.searchsorted(used, compared))
        self._folds = [
            folds_of(self._data, texts, self._seed + number)
            for number, texts in enumerate(self._texts)
        ]
        self._store: EmbeddingStore | None = None

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Has the vectors at hand inside the block; encodes those that are missing."""
        with contextlib.ExitStack() as stack:
            self._store = open_store(
                self._config.get("embeddings_dir")
                or stack.enter_context(tempfile.TemporaryDirectory()),
                self._data,
                self._encoder,
                elmo_version=self._config["elmo_version"],
                cache_gib=self._config["train"]["cache_gib"],
                precision=self._config["elmo"].get("precision", FLOAT32),
                beam_args=self._config.get("beam_args"),
            )
            stack.callback(self._store.close)
            yield

    def judge(
        self,
        options: Mapping[str, Any],
        number: int,
    ) -> Iterator[Judgement]:
        """Yields what heads with some options make of texts, fold by fold.

        Args:
            options: Name `section.option` -> value, in place of the given ones.
            number: `TRIALS` or `COMPARISON`: of which the texts and folds are.

        Raises:
            NoLoss: A head does not learn.
        """
        assert self._store is not None, "the vectors are not opened"
        config = with_options(self._config, options)
        return judge(
            config,
            self._data,
            self._store,
            texts=self._texts[number],
            folds=self._folds[number],
            num_classes=self._num_classes,
            seed=self._seed + number,
        )


def _in_random_order(data: LabelledTokens, seed: int) -> np.ndarray:
    """Returns the places of all texts, equal ones together; always the same order."""
    digests = np.array([seeded(key, seed) for key in data.keys().tolist()])
    return np.argsort(digests, kind="stable")


def _first(data: LabelledTokens, order: np.ndarray) -> np.ndarray:
    """Returns the places of the first texts of an order, in rising order."""
    tokens = np.cumsum(data.lengths[order])
    few = np.searchsorted(tokens, _MOST_TOKENS, side="right")
    return np.sort(order[: min(max(int(few), 1), _MOST_TEXTS)])
