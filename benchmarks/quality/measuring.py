"""What is measured: every contender on every fold and draw of every set of texts."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.quality.contenders import (
    elmo_head_accuracy,
    embedding_head_accuracy,
    fine_tuned_accuracy,
    mean_accuracy,
    mean_embeddings,
    minilm_accuracy,
    minilm_vectors,
    tf_idf_accuracy,
)
from benchmarks.quality.texts import (
    Fold,
    Texts,
    draws,
    folds,
    sizes_that_fit,
    tokens_of,
)
from benchmarks.session import BenchmarkError, NotMeasured, Session, say
from keras_elmo import BiLM, BiLMOptions
from keras_elmo.checkpoints import save_hdf5
from keras_elmo.sources import open_source
from pipeline.training.data import LabelledTokens
from pipeline.training.embedding_store import EmbeddingStore
from pipeline.training.encoding import open_store
from pipeline.training.model import build_encoder
from pipeline.training.pretrained_branch import reads_vectors_of

TF_IDF = "TF-IDF, logistic regression"
MINILM = "MiniLM-L6 (int8), logistic regression"
MEAN = "ELMo: mean of each layer, logistic regression"
HEAD = "ELMo: the pipeline's head"
WITHOUT_BRANCH = "without the pre-trained branch"
WITHOUT_VECTORS = "without word vectors"
WITHOUT_NGRAMS = "without n-grams and word vectors"
WITHOUT_ALL = "without all three"
RANDOM = "without all three, on a biLM with random weights"
EMBEDDING = "without all three, on a Keras Embedding in place of ELMo"
FINE_TUNED = "with ELMo fine-tuned"

CURVE_SIZES = (100, 300, 1000, 3000)
DRAWS = 3
PART_FOLDS = 3
_FINE_TUNED_TEXTS = 4000  # of more, only draws are learnt from: a fold takes long

_CACHE_GIB = 8.0
Score = Callable[[Fold], float]
Accuracies = dict[str, list[float]]  # of each fold or draw, by contender


@dataclasses.dataclass
class Results:
    """What a run found, by name of the texts.

    Attributes:
        folds: Contenders on ten folds.
        curve: The same, by the number of texts learnt from, as text.
        parts: The head with and without its parts, on the first folds of two sets.
        conditions: Of the run.
    """

    folds: dict[str, Accuracies]
    curve: dict[str, dict[str, Accuracies]]
    parts: dict[str, Accuracies]
    conditions: dict[str, Any]


def run_all(
    session: Session,
    sets: Sequence[Texts],
    *,
    source: str,
    elmo: Mapping[str, Any],
    model: Mapping[str, Any],
    train: Mapping[str, Any],
    fold_count: int,
    with_parts_of: Sequence[str],
) -> Results:
    """Measures everything.

    Args:
        session: Keeps the accuracies.
        sets: Labelled texts.
        source: Of ELMo, as in `elmo.source`.
        elmo: Section `elmo` of the configuration.
        model: Section `model` of the configuration.
        train: Section `train` of the configuration.
        fold_count: Folds measured, of ten.
        with_parts_of: Names of the sets that the head's parts are measured on.
    """
    model = {**model, "pretrained_branch": reads_vectors_of(source)}
    results = Results({}, {}, {}, {})
    for texts in sets:
        with tempfile.TemporaryDirectory(prefix="elmo-tfx-bench-") as name:
            measuring = _Measuring(session, texts, source, model, train, Path(name))
            contenders = measuring.contenders()
            of_curve = contenders
            has_parts = texts.name in with_parts_of
            if model["pretrained_branch"] and has_parts:
                of_curve = {**contenders, **measuring.without_branch()}
            sizes = sizes_that_fit(texts, CURVE_SIZES)
            splits = folds(texts, fold_count)
            results.folds[texts.name] = measuring.measure("fold", splits, contenders)
            results.curve[texts.name] = {
                str(size): measuring.measure(
                    f"{size} texts, draw", draws(texts, size, DRAWS), of_curve
                )
                for size in sizes
            }
            if has_parts and len(texts.texts) > _FINE_TUNED_TEXTS:
                results.curve[texts.name][str(sizes[-1])] |= measuring.measure(
                    f"{sizes[-1]} texts, draw",
                    draws(texts, sizes[-1], DRAWS),
                    measuring.fine_tuned(elmo, f"{HEAD}, {FINE_TUNED}"),
                )
            if has_parts:
                first = list(folds(texts, PART_FOLDS))
                whole = {HEAD: contenders[HEAD]}  # measured above, if not of few folds
                results.parts[texts.name] = {
                    **measuring.measure("fold", first, whole),
                    **measuring.measure("part, fold", first, measuring.parts(elmo)),
                }
            measuring.close()
    results.conditions = {
        **session.conditions("tensorflow", "keras", "scikit-learn"),
        "texts": {texts.name: len(texts.texts) for texts in sets},
        "classes": {texts.name: texts.classes for texts in sets},
        "model": dict(model),
        "minutes": session.minutes,
    }
    return results


class _Measuring:
    """The contenders on one set of texts.

    Args:
        session, texts, source, model, train: As of `run_all`.
        folder: For the embeddings.
    """

    def __init__(
        self,
        session: Session,
        texts: Texts,
        source: str,
        model: Mapping[str, Any],
        train: Mapping[str, Any],
        folder: Path,
    ) -> None:
        self._session, self._texts, self._source = session, texts, source
        self._model, self._train, self._folder = model, train, folder
        self._data = tokens_of(texts)
        say(f"{texts.name}: encoding with ELMo")
        self._store = encode(self._data, source, folder / "embeddings")
        self._opened = [self._store]

    def close(self) -> None:
        """Closes the stores of embeddings."""
        for store in self._opened:
            store.close()

    def contenders(self) -> dict[str, Score]:
        """Returns those of the first tables, by name."""
        texts, data = self._texts, self._data
        means = mean_embeddings(self._store, data.lengths)
        found: dict[str, Score] = {TF_IDF: partial(tf_idf_accuracy, texts)}
        try:
            say(f"{texts.name}: encoding with MiniLM")
            found[MINILM] = partial(minilm_accuracy, minilm_vectors(texts), texts)
        except NotMeasured as error:
            say(f"MiniLM is left out: {error}")
        found[MEAN] = partial(mean_accuracy, means, texts)
        found[HEAD] = self._head(self._store)
        return found

    def without_branch(self) -> dict[str, Score]:
        """Returns the head that has learnt from no labelled text but those given."""
        name = f"{HEAD}, {WITHOUT_BRANCH}"
        return {name: self._head(self._store, pretrained_branch=False)}

    def parts(self, elmo: Mapping[str, Any]) -> dict[str, Score]:
        """Returns the head without some of its parts, by what it has."""
        bare = {"pretrained_branch": False, "ngram_rows": 0}
        random = _random_bilm(self._source, self._folder / "random")
        randomly = encode(self._data, random, self._folder / "random embeddings")
        self._opened.append(randomly)
        found: dict[str, Score] = {
            WITHOUT_BRANCH: self._head(self._store, pretrained_branch=False),
            WITHOUT_VECTORS: self._head(self._store, word_vectors=False),
            WITHOUT_NGRAMS: self._head(self._store, ngram_rows=0),
            WITHOUT_ALL: self._head(self._store, **bare),
            RANDOM: self._head(randomly, **bare),
            EMBEDDING: partial(
                embedding_head_accuracy,
                self._data,
                dim=self._store.dim,
                model={**self._model, **bare},
                train=self._train,
            ),
        }
        if len(self._texts.texts) <= _FINE_TUNED_TEXTS:
            found |= self.fine_tuned(elmo, FINE_TUNED)
        return found

    def fine_tuned(self, elmo: Mapping[str, Any], name: str) -> dict[str, Score]:
        """Returns the head that ELMo itself learns with, called `name`."""
        score = partial(
            fine_tuned_accuracy,
            self._data,
            elmo={**elmo, "source": self._source},
            model=self._model,
            train=self._train,
        )
        return {name: score}

    def measure(
        self, kind: str, splits: Iterable[Fold], contenders: Mapping[str, Score]
    ) -> Accuracies:
        """Returns the accuracies of contenders on each of several splits."""
        accuracies: Accuracies = {name: [] for name in contenders}
        for number, fold in enumerate(splits, 1):
            for name, score in contenders.items():
                key = f"{self._texts.name}, {kind} {number}, {name}"
                found = self._session.measure(key, partial(score, fold))
                accuracies[name].append(found)
                say(f"{key}: {100 * np.mean(accuracies[name]):.2f} % on average")
        return accuracies

    def _head(self, store: EmbeddingStore, **changes: Any) -> Score:
        return partial(
            elmo_head_accuracy,
            self._data,
            store=store,
            model={**self._model, **changes},
            train=self._train,
        )


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
