"""What is measured: every contender on every fold of every set of texts."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.quality.contenders import (
    elmo_head_accuracy,
    embedding_head_accuracy,
    mean_accuracy,
    mean_embeddings,
    tf_idf_accuracy,
)
from benchmarks.quality.texts import Fold, Texts, folds, tokens_of
from benchmarks.session import BenchmarkError, Session, say
from keras_elmo import BiLM, BiLMOptions
from keras_elmo.checkpoints import save_hdf5
from keras_elmo.sources import open_source
from pipeline.training.data import LabelledTokens
from pipeline.training.embedding_store import EmbeddingStore
from pipeline.training.encoding import open_store
from pipeline.training.model import build_encoder

TF_IDF = "TF-IDF of words and pairs, logistic regression"
MEAN = "{}, frozen: mean of each layer, logistic regression"
HEAD = "{}, frozen: the pipeline's head"
WITHOUT = ", without its n-grams"
EMBEDDING = "Keras Embedding, trained: the pipeline's head"
ELMO, RANDOM = "embedded ELMo", "biLM with random weights"

_CACHE_GIB = 8.0
Score = Callable[[Fold], float]


@dataclasses.dataclass
class Results:
    """What a run found.

    Attributes:
        accuracies: Name of the texts -> name of the contender -> one of each fold.
        conditions: Of the run.
    """

    accuracies: dict[str, dict[str, list[float]]]
    conditions: dict[str, Any]


def run_all(
    session: Session,
    sets: Sequence[Texts],
    *,
    source: str,
    model: Mapping[str, Any],
    train: Mapping[str, Any],
    fold_count: int,
) -> Results:
    """Measures everything.

    Args:
        session: Keeps the accuracies.
        sets: Labelled texts.
        source: Of the embedded ELMo, as in `elmo.source`.
        model: Section `model` of the configuration.
        train: Section `train` of the configuration.
        fold_count: Folds measured, of ten.
    """
    accuracies = {
        texts.name: _measure(session, texts, source, model, train, fold_count)
        for texts in sets
    }
    conditions = {
        **session.conditions("tensorflow", "keras"),
        "texts": {texts.name: len(texts.texts) for texts in sets},
        "model": dict(model),
    }
    return Results(accuracies, conditions)


def _measure(
    session: Session,
    texts: Texts,
    source: str,
    model: Mapping[str, Any],
    train: Mapping[str, Any],
    fold_count: int,
) -> dict[str, list[float]]:
    splits = list(folds(texts, fold_count))
    data = tokens_of(texts)
    accuracies: dict[str, list[float]] = {}

    def measure(name: str, score: Score) -> None:
        accuracies[name] = []
        for number, fold in enumerate(splits, 1):
            key = f"{texts.name}, fold {number}, {name}"
            accuracies[name].append(session.measure(key, partial(score, fold)))
            say(f"{key}: {100 * np.mean(accuracies[name]):.2f} % on average")

    measure(TF_IDF, partial(tf_idf_accuracy, texts))
    heads = {"": model, WITHOUT: {**model, "ngram_rows": 0}}
    with tempfile.TemporaryDirectory(prefix="elmo-tfx-bench-") as name:
        folder = Path(name)
        for who, its_source in {ELMO: source, RANDOM: None}.items():
            say(f"{texts.name}: encoding with {who}")
            if its_source is None:
                its_source = _random_bilm(source, folder / "weights")
            cache = encode(data, its_source, folder / who.replace(" ", "_"))
            means = mean_embeddings(cache, data.lengths)
            measure(MEAN.format(who), partial(mean_accuracy, means, texts))
            for suffix, head in heads.items():
                if who == RANDOM and not suffix:
                    continue  # what pre-training brings shows in the vectors alone
                score = partial(
                    elmo_head_accuracy, data, store=cache, model=head, train=train
                )
                measure(HEAD.format(who) + suffix, score)
            cache.close()
    for suffix, head in heads.items():
        score = partial(
            embedding_head_accuracy, data, dim=cache.dim, model=head, train=train
        )
        measure(EMBEDDING + suffix, score)
    return accuracies


def _random_bilm(source: str, folder: Path) -> str:
    """Writes a biLM of the shape of `source` as training begins; returns the folder."""
    options = open_source(source).options
    if not isinstance(options, BiLMOptions):
        raise BenchmarkError(
            f"`--source` must run natively, for its shape. Received: {source}"
        )
    folder.mkdir()
    keras.utils.set_random_seed(0)
    (folder / "options.json").write_text(json.dumps(options.to_dict()), "utf-8")
    save_hdf5(BiLM(options), folder / "weights.hdf5")
    return str(folder)


def encode(data: LabelledTokens, source: str, folder: Path) -> EmbeddingStore:
    """Returns the store in `folder` with the frozen layers of all texts."""
    encoder = build_encoder({"source": source})
    return open_store(folder, data, encoder, elmo_version=source, cache_gib=_CACHE_GIB)
